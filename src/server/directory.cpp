#include "server/directory.hpp"

#include <fmt/format.h>

#include "core/error.hpp"
#include "data_api/profile.hpp"

namespace borealis::server {
namespace {

/// Secrets that one thread keeps in mind; past it the thread starts afresh.
constexpr std::size_t remembered_logins = 10'000;

const std::string* text_member(const json::node& object, std::string_view name, std::string& into) {
    const auto* member = object.find(name);
    if (member == nullptr || member->is() != json::kind::string) return nullptr;
    into = member->text();
    return &into;
}

}  // namespace

directory::directory(clusters::registry& known, const secrets::store& logins, const drivers& engines,
                     const config& with)
    : clusters_(known),
      secrets_(logins),
      drivers_(engines),
      limits_(with.pool),
      statement_timeout_(with.statement_timeout) {}

const data_api::profile* directory::profile_of(const std::string& name) {
    const auto known = profiles_.find(name);
    if (known != profiles_.end()) return &known->second;
    const auto* base = data_api::find_profile(name);
    data_api::profile mine = base == nullptr ? data_api::aws_v2 : *base;
    if (statement_timeout_.count() != 0) mine.statement_timeout = statement_timeout_;
    return &profiles_.emplace(name, mine).first->second;
}

core::awaitable<core::result<std::shared_ptr<const data_api::target>>> directory::find_target(
    std::string_view resource_arn, core::deadline until) {
    auto found = co_await clusters_.ready(resource_arn, until);
    if (!found) co_return std::unexpected(std::move(found.error()));
    const auto& seen = **found;
    auto& known = targets_[seen.arn];
    if (known.seen != *found) {
        auto made = std::make_shared<data_api::target>();
        made->cluster_id = seen.id;
        made->resource_arn = seen.arn;
        made->driver = seen.is == clusters::engine::postgresql ? drivers_.postgresql.get() : drivers_.mysql.get();
        made->endpoint = seen.endpoint;
        made->default_database = seen.default_database;
        made->behaves = profile_of(seen.profile);
        made->limits = limits_;
        known = {*std::move(found), std::move(made)};
    }
    co_return known.made;
}

core::result<data_api::secret_login> directory::find_login(std::string_view secret) {
    if (const auto now = secrets_.generation(); now != generation_ || logins_.size() > remembered_logins) {
        logins_.clear();
        generation_ = now;
    }
    const std::string id(secret);
    if (const auto known = logins_.find(id); known != logins_.end()) return known->second;

    auto value = secrets_.get(secret);
    if (!value) {
        // the Data API's own words for it, whatever the store said.
        if (value.error().kind == core::error_kind::secret_not_found) {
            return core::fail(core::error_kind::secret_not_found, fmt::format("The secret {} wasn't found.", secret));
        }
        return std::unexpected(std::move(value.error()));
    }
    data_api::secret_login login;
    std::string password;
    const auto root = parser_.parse_copy(value->text.reveal());
    if (!root || (*root)->is() != json::kind::object || text_member(**root, "username", login.login.user) == nullptr ||
        text_member(**root, "password", password) == nullptr) {
        return core::fail(core::error_kind::invalid_secret,
                          "The secret must contain username and password fields.");
    }
    login.login.password = core::secret_text(std::move(password));
    text_member(**root, "dbname", login.database);
    logins_.emplace(id, login);
    return login;
}

}  // namespace borealis::server
