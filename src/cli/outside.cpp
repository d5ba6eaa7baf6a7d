#include "cli/outside.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>

#include <fmt/format.h>

#include "borealis/secrets_manager.hpp"
#include "core/log.hpp"

namespace borealis::cli {
namespace {

using namespace std::chrono_literals;

/// `arn:aws:secretsmanager:REGION:…`; empty: the id is a name.
std::string region_of(std::string_view id) {
    if (!id.starts_with("arn:")) return {};
    for (int skipped = 0; skipped < 3; ++skipped) {
        const auto colon = id.find(':');
        if (colon == std::string_view::npos) return {};
        id.remove_prefix(colon + 1);
    }
    return std::string(id.substr(0, id.find(':')));
}

struct clients {
    std::shared_ptr<secrets_manager_client> of(const server::outside_secret& what) {
        const auto region = what.region.empty() ? region_of(what.id) : what.region;
        const std::lock_guard lock(guard);
        auto& one = all[{region, what.endpoint, what.profile}];
        if (!one) {
            client_options options;
            options.region = region;
            options.endpoint_url = what.endpoint;
            options.profile = what.profile;
            options.connect_timeout = 3s;
            options.attempt_timeout = 5s;
            options.call_timeout = 10s;
            options.on_warning = [](std::string_view text) {
                core::log(core::log_level::warning, "AWS Secrets Manager: {}", text);
            };
            one = std::make_shared<secrets_manager_client>(std::move(options));
        }
        return one;
    }

    std::mutex guard;
    std::map<std::tuple<std::string, std::string, std::string>, std::shared_ptr<secrets_manager_client>> all;
};

}  // namespace

server::outside_reader make_outside_reader() {
    return
        [known = std::make_shared<clients>()](const server::outside_secret& what) -> core::result<core::secret_text> {
            try {
                auto value = known->of(what)->get_secret_value({.secret_id = what.id});
                if (value.secret_string) return core::secret_text(*std::move(value.secret_string));
                return core::fail(core::error_kind::secret_not_found, "it has no SecretString");
            } catch (const aws_error& why) {
                return core::fail(core::error_kind::secret_not_found, why.what());
            }
        };
}

}  // namespace borealis::cli
