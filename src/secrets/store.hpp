#pragma once
/// Where logins live: by name, versioned, encrypted at rest.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/secret_text.hpp"
#include "secrets/record.hpp"

namespace borealis::secrets {

/// A secret's current value.
struct value {
    description about;
    core::secret_text text;  ///< SecretString
    bool binary = false;     ///< A SecretBinary: `text` is its base64.
};

/// What to change about a secret; what is not given stays.
struct change {
    std::optional<std::string> text = {};  ///< Description
    std::optional<std::vector<tag>> tags = {};
    std::optional<std::string> kms_key = {};
    std::optional<core::secret_text> value = {};  ///< A new version.
    bool binary = false;                          ///< Of `value`.
    std::string token = {};                       ///< ClientRequestToken, the new version's id; empty: a random UUID.
    /// Of the new version; none: AWSCURRENT. A secret's first version gets AWSCURRENT in any case.
    std::vector<std::string> labels = {};
};

struct settings {
    /// State folder; the store makes `secrets.db` (0600) in it. Empty: memory only.
    std::filesystem::path folder = {};
    std::string region = "us-east-1";
    std::string account = "123456789012";
    /// The key that encrypts, one of: a file (empty: `secrets.key` in the folder), which is made when neither it nor
    /// `secrets.db` is there, and which `rekey` replaces; a file that is somebody else's to make (a credential of
    /// systemd); or a text, from a variable.
    std::filesystem::path key_file = {};
    bool key_file_is_given = false;
    core::secret_text key_text = {};
    std::string key_name = {};  ///< What to call the text's origin in errors: `the variable NAME`.
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

    /// The master login of a cluster made with ManageMasterUserPassword: a secret `rds!cluster-<uuid>` that
    /// holds user and password, belongs to `rds`, and carries the cluster's ARN as its tag `cluster_tag`, by which the
    /// rotation finds the database. The operations of secretsmanager read it and do not change or delete it; `remove`
    /// does.
    core::result<description> make_master_login(std::string_view cluster_arn, std::string_view user,
                                                core::secret_text password);
    /// Gives it another password, as its current version. @return as `update`
    core::result<description> renew_master_login(std::string_view arn, std::string_view user,
                                                 core::secret_text password);
    static constexpr std::string_view cluster_tag = "aws:rds:primaryDBClusterArn";

    // The words of the secretsmanager operations. Shared with the reader: a record outlives its
    // removal.
    using record_pointer = std::shared_ptr<const record>;

    /// Scheduled ones too; null where there is none.
    [[nodiscard]] record_pointer look_up(std::string_view id) const;
    /// By name, scheduled ones too.
    [[nodiscard]] std::vector<record_pointer> all() const;
    /// @return `already_exists` with the text of unless token and value are those of a version of the secret;
    ///         `validation` for a malformed name, token or value; `invalid_state` when scheduled for removal.
    core::result<record_pointer> create(std::string_view name, change with, std::string_view owning_service = {});
    /// @return `secret_not_found`; `already_exists` when the token names a version with another value; as `create`.
    core::result<record_pointer> update(std::string_view id, change with);
    /// Whatever else: `change` gets a copy of the newest record and may refuse. The new state is on disk when this
    /// returns. @return as `update`, or what `change` said.
    core::result<record_pointer> edit(std::string_view id, const std::function<core::result<void>(record&)>& change);
    /// Schedules the removal, or with nothing takes it back. @return `secret_not_found`, `invalid_state`.
    core::result<record_pointer> schedule_removal(std::string_view id,
                                                  std::optional<std::chrono::system_clock::time_point> at);

    /// Declares a secret of the config, in memory only, in place of one declared earlier under the same name. Its ARN
    /// is `arn` when given, else made from the name, the same at each start. It hides a stored one of the same name.
    /// Throws std::invalid_argument for a malformed name or an empty text.
    void declare(std::string_view name, std::string_view arn, core::secret_text text);
    struct declared {
        std::string name, arn;  ///< As of `declare`.
        core::secret_text text;
    };
    /// These are the secrets of the config from now on, in place of all declared before: all of them, or none where it
    /// throws as `declare`. One that has not changed keeps its version.
    void redeclare(std::vector<declared> all);
    /// Another text for a declared secret; nothing where there is none of that name any more.
    void renew_declared(std::string_view name, core::secret_text text);

    /// Encrypts everything anew under another key, which takes effect at once for every process that has the store
    /// open; safe against the end of the process at any moment. Without `to` the key is random and replaces the key
    /// file; with it the caller sees to it that the store is opened with that key from now on.
    /// Throws std::runtime_error where the key is not ours to replace, or a file cannot be written.
    /// @return How many values were encrypted anew.
    std::size_t rekey(std::optional<core::secret_text> to = std::nullopt);

    /// For what else of the state folder rests encrypted, bound to `context`: under a key that is made at the first
    /// call, is kept with the secrets, and stays the same after a `rekey`. Throws std::runtime_error where secrets are
    /// kept in memory only, or the store cannot be read.
    [[nodiscard]] std::string close(std::string_view text, std::string_view context) const;
    /// Nothing where key, context or bytes do not fit.
    [[nodiscard]] std::optional<core::secret_text> open(std::string_view closed, std::string_view context) const;

    /// The ARN that a secret of this name has, without its suffix.
    [[nodiscard]] std::string arn_without_suffix(std::string_view name) const;
    [[nodiscard]] const std::string& region() const noexcept;

    /// Looks at once for what another process wrote, instead of within a second.
    void refresh();

    /// Grows with each change: whoever caches a value compares it.
    [[nodiscard]] std::uint64_t generation() const noexcept;

 private:
    [[nodiscard]] record_pointer make_declared(std::string_view name, std::string_view arn,
                                               core::secret_text text) const;

    struct parts;
    std::unique_ptr<parts> parts_;
};

}  // namespace borealis::secrets
