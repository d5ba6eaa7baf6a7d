#pragma once
/// The Data API's questions, answered from clusters and secrets.

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "clusters/registry.hpp"
#include "data_api/directory.hpp"
#include "json/document.hpp"
#include "pool/pool.hpp"
#include "secrets/store.hpp"
#include "server/config.hpp"
#include "sql/connection.hpp"

namespace borealis::server {

/// The drivers of both engines, shared by all threads.
struct drivers {
    std::unique_ptr<sql::driver> postgresql;
    std::unique_ptr<sql::driver> mysql;
};

/// One a thread: it remembers the clusters and logins it has met.
class directory final : public data_api::directory {
 public:
    directory(clusters::registry& known, const secrets::store& logins, const drivers& engines, const config& with);

    core::awaitable<core::result<std::shared_ptr<const data_api::target>>> find_target(std::string_view resource_arn,
                                                                                       core::deadline until) override;
    core::result<data_api::secret_login> find_login(std::string_view secret) override;

 private:
    struct met {
        std::shared_ptr<const clusters::view> seen;
        std::shared_ptr<const data_api::target> made;  // of what was seen
    };

    const data_api::profile* profile_of(const std::string& name);

    clusters::registry& clusters_;
    const secrets::store& secrets_;
    const drivers& drivers_;
    pool::settings limits_;
    std::chrono::milliseconds statement_timeout_;
    std::unordered_map<std::string, data_api::profile> profiles_;  // with the config's own limits; addresses stay
    std::unordered_map<std::string, met> targets_;                 // by ARN
    std::unordered_map<std::string, data_api::secret_login> logins_;
    std::uint64_t generation_ = 0;
    json::document parser_;
};

}  // namespace borealis::server
