#pragma once
/// What is known of one secret: its description, its versions and their staging labels. No store, no clock.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/secret_text.hpp"

namespace borealis::secrets {

/// Staging labels with a meaning; any other text of 1 to 256 characters may be one too.
inline constexpr std::string_view current_label = "AWSCURRENT";
inline constexpr std::string_view previous_label = "AWSPREVIOUS";
inline constexpr std::string_view pending_label = "AWSPENDING";

inline constexpr std::size_t most_labels = 20;     ///< Of one version (AWS, UpdateSecretVersionStage).
inline constexpr std::size_t most_tags = 50;       ///< Of one secret (AWS, TagResource).
inline constexpr std::size_t most_versions = 100;  ///< Without labels, of one secret; the oldest go first.

struct tag {
    std::string key;
    std::string value;
    friend bool operator==(const tag&, const tag&) = default;
};

/// When a secret is rotated.
struct rotation {
    bool enabled = false;
    std::chrono::seconds every{0};  ///< Zero: only when asked.
    std::string rules = {};         ///< RotationRules as they were given, JSON; empty: none.
    std::optional<std::chrono::system_clock::time_point> last = {};
    friend bool operator==(const rotation&, const rotation&) = default;
};

/// What is known of a secret without its value.
struct description {
    std::string arn;
    std::string name;
    std::string text;        ///< Description
    std::string version_id;  ///< Of AWSCURRENT; empty: there is none.
    std::chrono::system_clock::time_point created;
    std::chrono::system_clock::time_point changed;
    std::string owning_service;  ///< "rds" for managed ones, else empty
    bool from_config = false;    ///< Declared in the config: not to be changed through the API.
    std::vector<tag> tags = {};
    std::string kms_key = {};                                            ///< KmsKeyId as it was given: shown, not used.
    std::optional<std::chrono::system_clock::time_point> accessed = {};  ///< To the day, as AWS has it.
    rotation rotates = {};
};

/// One value that a secret has or had.
struct version {
    std::string id;
    std::vector<std::string> labels;  ///< None: deprecated, and dropped when there are too many.
    bool binary = false;              ///< `text` is base64 of a SecretBinary.
    std::chrono::system_clock::time_point created;
    core::secret_text text;

    [[nodiscard]] bool has(std::string_view label) const;
};

/// Everything about a secret. Never changed once it is published: a change makes another.
struct record {
    description about;
    std::optional<std::chrono::system_clock::time_point> removal;  ///< Set: scheduled, and gone at that time (R-12.45).
    std::vector<version> versions;  ///< The newest first; none: a secret without a value.

    [[nodiscard]] const version* with_label(std::string_view label) const;
    [[nodiscard]] const version* with_id(std::string_view version_id) const;
    /// When it is due for a rotation; nothing where it is not to be rotated by itself.
    [[nodiscard]] std::optional<std::chrono::system_clock::time_point> next_rotation() const;
};

/// Gives `label` to the version `id`, which must be there, and takes it from any other. When it is AWSCURRENT, the
/// version that had it becomes AWSPREVIOUS. Drops the deprecated versions that are too many.
void give_label(record& to, std::string_view id, std::string_view label);

/// UpdateSecretVersionStage: takes `label` from the version `remove_from`, gives it to `move_to`, either may be empty.
/// @return `validation` or `not_found` in AWS's words; the record is then as it was.
[[nodiscard]] core::result<void> move_label(record& of, std::string_view label, std::string_view remove_from,
                                            std::string_view move_to);

}  // namespace borealis::secrets
