#pragma once
/// Where logins live: by name, versioned, encrypted at rest.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/secret_text.hpp"

namespace borealis::secrets {

/// What is known of a secret without its value.
struct description {
    std::string arn;
    std::string name;
    std::string text;        ///< Description
    std::string version_id;  ///< Of AWSCURRENT
    std::chrono::system_clock::time_point created;
    std::chrono::system_clock::time_point changed;
    std::string owning_service;  ///< "rds" for managed ones, else empty
    bool from_config = false;    ///< Declared in the config: not to be changed through the API.
    std::string tags = {};       ///< JSON array of {"Key", "Value"} as it was given; empty: none.
};

/// A secret's current value.
struct value {
    description about;
    core::secret_text text;  ///< SecretString
    bool binary = false;     ///< A SecretBinary: `text` is its base64.
};

enum class stage : std::uint8_t { current, previous };  ///< AWSCURRENT, AWSPREVIOUS (R-12.41)

/// One value that a secret has or had.
struct version {
    std::string id;
    stage is = stage::current;
    bool binary = false;  ///< `text` is base64 of a SecretBinary.
    std::chrono::system_clock::time_point created;
    core::secret_text text;
};

/// Everything about a secret. Never changed once it is made: a change makes another.
struct record {
    description about;
    std::optional<std::chrono::system_clock::time_point>
        removal;                    ///< Set: hidden from `get`, and gone at that time (R-12.45).
    std::vector<version> versions;  ///< The current one first; none: a secret without a value.

    [[nodiscard]] const version* find(stage what) const;
    [[nodiscard]] const version* find(std::string_view version_id) const;
};

/// What to change about a secret; what is not given stays.
struct change {
    std::optional<std::string> text = {};         ///< Description
    std::optional<std::string> tags = {};         ///< As in `description`
    std::optional<core::secret_text> value = {};  ///< Becomes AWSCURRENT.
    bool binary = false;                          ///< Of `value`.
    std::string token = {};                       ///< ClientRequestToken, the new version's id; empty: a random UUID.
};

struct settings {
    std::filesystem::path
        folder;  ///< State folder; the store makes `secrets.db` and `secrets.key` (0600) in it. Empty: memory only.
    std::string region = "us-east-1";
    std::string account = "123456789012";
};

/// Thread-safe. Reading is served from memory. Several processes may open the same folder: what another one wrote is
/// seen within a second, and at once by a look-up that would otherwise find nothing.
class store {
 public:
    /// Opens or makes the store. Throws std::runtime_error naming the file when it cannot be read, has wrong
    /// permissions, or its key does not fit.
    explicit store(settings with);
    ~store();

    /// @param id  ARN, ARN without its random suffix, or name.
    /// @return `secret_not_found`
    [[nodiscard]] core::result<value> get(std::string_view id) const;
    [[nodiscard]] core::result<description> describe(std::string_view id) const;
    [[nodiscard]] std::vector<description> list() const;

    /// Makes a secret, or with `replace` gives an existing one a new value.
    enum class if_exists : std::uint8_t { fail, replace };
    core::result<description> put(std::string_view name, core::secret_text text, std::string_view about, if_exists then,
                                  std::string_view owning_service = {});
    /// Removes it at once, scheduled or not.
    core::result<void> remove(std::string_view id);

    // The words of the secretsmanager operations. Shared with the reader: a record outlives its
    // removal.
    using record_pointer = std::shared_ptr<const record>;

    /// Scheduled ones too; null where there is none.
    [[nodiscard]] record_pointer look_up(std::string_view id) const;
    /// By name, scheduled ones too.
    [[nodiscard]] std::vector<record_pointer> all() const;
    /// @return `already_exists` with the text of unless token and value are those of the secret's current
    /// version;
    ///         `validation` for a malformed name, token or value; `invalid_state` when scheduled for removal.
    core::result<record_pointer> create(std::string_view name, change with, std::string_view owning_service = {});
    /// @return `secret_not_found`; `already_exists` when the token names a version with another value; as `create`.
    core::result<record_pointer> update(std::string_view id, change with);
    /// Schedules the removal, or with nothing takes it back. @return `secret_not_found`, `invalid_state`.
    core::result<record_pointer> schedule_removal(std::string_view id,
                                                  std::optional<std::chrono::system_clock::time_point> at);

    /// Declares a secret of the config, in memory only, in place of one declared earlier under the same name. Its ARN
    /// is `arn` when given, else made from the name, the same at each start. It hides a stored one of the same name.
    /// Throws std::invalid_argument for a malformed name or an empty text.
    void declare(std::string_view name, std::string_view arn, core::secret_text text);

    /// The ARN that a secret of this name has, without its suffix.
    [[nodiscard]] std::string arn_without_suffix(std::string_view name) const;

    /// Grows with each change: whoever caches a value compares it.
    [[nodiscard]] std::uint64_t generation() const noexcept;

 private:
    struct parts;
    std::unique_ptr<parts> parts_;
};

}  // namespace borealis::secrets
