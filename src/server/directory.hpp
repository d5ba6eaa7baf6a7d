#pragma once
/// The Data API's questions, answered from clusters and secrets.

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "clusters/registry.hpp"
#include "data_api/directory.hpp"
#include "data_api/text_table.hpp"
#include "json/document.hpp"
#include "pool/pool.hpp"
#include "secrets/store.hpp"
#include "server/current_config.hpp"
#include "server/logins.hpp"
#include "sql/connection.hpp"

namespace borealis::server {

/// The drivers of both engines, shared by all threads.
struct drivers {
    std::unique_ptr<sql::driver> postgresql;
    std::unique_ptr<sql::driver> mysql;
    std::unique_ptr<sql::driver> postgresql_by_library;
    std::unique_ptr<sql::driver> mysql_by_library;
};

/// One a thread: it remembers the clusters and logins it has met.
class directory final : public data_api::directory {
 public:
    /// All outlive this.
    directory(clusters::registry& known, secrets::store& logins, outside_secrets& outside, const drivers& engines,
              const current_config& with);

    /// The configuration is another one now.
    void reload();
    /// Forgets the clusters that are not declared any more and that nobody uses. Call now and then.
    void sweep(const std::function<bool(std::string_view arn)>& in_use);

    const data_api::profile& profile_of(std::string_view resource_arn) override;
    std::shared_ptr<const data_api::target> at_hand(std::string_view resource_arn) override;
    core::awaitable<core::result<std::shared_ptr<const data_api::target>>> find_target(std::string_view resource_arn,
                                                                                       core::deadline until) override;
    std::shared_ptr<const data_api::target> former_target(std::string_view resource_arn) override;
    found_login find_login(std::string_view secret, const data_api::target& at) override;
    core::awaitable<found_login> fetch_login(std::string secret, const data_api::target& at, const sql::login* refused,
                                             core::deadline until) override;
    std::shared_ptr<const auth::tags> tags_of(std::string_view resource_arn) override;
    std::shared_ptr<const secret_subject> subject_of(std::string_view secret) override;

 private:
    struct met {
        std::uint64_t version = 0;                     // of the registry, which would say again what is here
        std::shared_ptr<const clusters::view> seen;    // null: made of another configuration
        std::shared_ptr<const data_api::target> made;  // of what was seen
    };

    [[nodiscard]] const met* met_and_ready(std::string_view resource_arn);
    const data_api::profile& profile_of(const clusters::view& cluster);
    [[nodiscard]] sql::driver* driver_for(const clusters::view& cluster) const;
    const data_api::profile& keep(data_api::profile made);
    /// Where the secret is kept when it is outside.
    [[nodiscard]] std::optional<outside_secret> outside_of(std::string_view secret, const data_api::target& at) const;
    /// Forgets what it knows of secrets where one has changed, or where it is too much.
    void follow_secrets();
    [[nodiscard]] secret_subject make_subject(std::string_view secret) const;
    /// Takes over what the file of a declared secret's password says by now.
    void read_file_again(std::string_view secret);

    clusters::registry& clusters_;
    secrets::store& secrets_;
    outside_secrets& outside_;
    const drivers& drivers_;
    const current_config& with_;
    std::list<data_api::profile> all_profiles_;  // each once; they stay, for whoever works by a former one
    const data_api::profile* default_;           // of clusters that name none, and of ARNs that are no cluster's
    std::unordered_map<std::string, const data_api::profile*> profiles_;  // by name, with limits of the cluster's
    data_api::text_table<met> targets_;                                   // by ARN
    // As secrets are named; emptied past `remembered_logins`.
    data_api::text_table<std::shared_ptr<const data_api::secret_login>> logins_;
    data_api::text_table<std::shared_ptr<const secret_subject>> subjects_;
    std::uint64_t generation_ = 0;  // of the secrets that both are made of
    json::document parser_;
};

}  // namespace borealis::server
