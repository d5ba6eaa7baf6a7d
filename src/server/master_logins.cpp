#include "server/master_logins.hpp"

#include <algorithm>

#include "core/log.hpp"
#include "core/random.hpp"

namespace borealis::server {
namespace {

constexpr std::string_view owner = "rds";
constexpr std::size_t password_length = 28;

core::secret_text new_password() { return core::secret_text(core::random_alphanumeric(password_length)); }

}  // namespace

core::result<clusters::master_secret> master_logins::make(std::string_view cluster_arn, std::string_view user) {
    clusters::master_secret made{.arn = {}, .password = new_password()};
    const auto secret = store_.make_master_login(cluster_arn, user, made.password);
    if (!secret) return std::unexpected(secret.error());
    made.arn = secret->arn;
    return made;
}

core::result<core::secret_text> master_logins::renew(std::string_view arn, std::string_view user) {
    auto password = new_password();
    const auto secret = store_.renew_master_login(arn, user, password);
    if (!secret) return std::unexpected(secret.error());
    return password;
}

void master_logins::remove(std::string_view arn) {
    if (const auto done = store_.remove(arn); !done)
        core::log(core::log_level::warning, "the secret {} of a deleted cluster is not removed: {}", arn,
                  done.error().message);
}

void master_logins::remove_orphans(const clusters::registry& known) {
    const auto clusters = known.list();
    for (const auto& each : store_.list()) {
        if (each.owning_service != owner || !each.name.starts_with("rds!cluster-")) continue;
        const bool used = std::ranges::any_of(clusters, [&](const clusters::view& one) {
            return one.about->master_secret_arn == each.arn && one.state != clusters::status::deleting;
        });
        if (!used) remove(each.arn);
    }
}

}  // namespace borealis::server
