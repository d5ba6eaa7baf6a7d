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
    std::string text;          ///< Description
    std::string version_id;    ///< Of AWSCURRENT
    std::chrono::system_clock::time_point created;
    std::chrono::system_clock::time_point changed;
    std::string owning_service;  ///< "rds" for managed ones, else empty
    bool from_config = false;    ///< Declared in the config: not to be changed through the API.
};

/// A secret's current value.
struct value {
    description about;
    core::secret_text text;  ///< SecretString
};

struct settings {
    std::filesystem::path folder;      ///< State folder; the store makes `secrets.db` and `secrets.key` (0600) in it. Empty: memory only.
    std::string region = "us-east-1";
    std::string account = "123456789012";
};

/// Thread-safe. Reading a secret that was read before takes no lock shared with writers for long and no disk access.
class store {
 public:
    /// Opens or makes the store. Throws std::runtime_error naming the file when it cannot be read, has wrong permissions,
    /// or its key does not fit.
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
    core::result<void> remove(std::string_view id);

    /// Declares a secret of the config, in memory only. Its ARN is `arn` when given, else made from the name.
    void declare(std::string_view name, std::string_view arn, core::secret_text text);

    /// Grows with each change: whoever caches a value compares it.
    [[nodiscard]] std::uint64_t generation() const noexcept;

 private:
    struct parts;
    std::unique_ptr<parts> parts_;
};

}  // namespace borealis::secrets
