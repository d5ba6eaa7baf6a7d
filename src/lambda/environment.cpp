#include "lambda/environment.hpp"

#include <algorithm>
#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "core/random.hpp"

namespace borealis::lambda {

std::vector<std::string> make_environment(const function_settings& of, const host_settings& with,
                                          const function_credentials& credentials, const process_place& where) {
    const bool al2023 = of.runtime == "provided.al2023";
    const std::string_view root = where.task_root;
    std::map<std::string, std::string> all = {
        {"_HANDLER", of.handler},
        {"LAMBDA_TASK_ROOT", where.task_root},
        {"LAMBDA_RUNTIME_DIR", "/var/runtime"},
        {"AWS_REGION", with.region},
        {"AWS_DEFAULT_REGION", with.region},
        {"AWS_ACCESS_KEY_ID", credentials.access_key_id},
        {"AWS_SECRET_ACCESS_KEY", credentials.secret_access_key.reveal()},
        {"AWS_LAMBDA_FUNCTION_NAME", of.name},
        {"AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"},
        {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", fmt::to_string(of.memory_mb)},
        {"AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/" + of.name},
        {"AWS_LAMBDA_LOG_STREAM_NAME", where.log_stream},
        {"AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"},
        {"AWS_LAMBDA_RUNTIME_API", where.runtime_api},
        {"TZ", ":UTC"},
        {"LANG", "en_US.UTF-8"},
        {"PATH", fmt::format("{}/usr/local/bin:/usr/bin/:/bin:/opt/bin", al2023 ? "/var/lang/bin:" : "")},
        {"LD_LIBRARY_PATH", fmt::format("{}/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:{}:{}/lib:/opt/lib",
                                        al2023 ? "/var/lang/lib:" : "", root, root)},
        {"AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"},
        {"AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000"},
        {"_AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1"},
        {"_AWS_XRAY_DAEMON_PORT", "2000"},
        {"TMPDIR", where.temp_folder},
    };
    if (!credentials.session_token.empty()) all["AWS_SESSION_TOKEN"] = credentials.session_token.reveal();
    for (const auto& [name, value] : with.environment) all[name] = value;
    for (const auto& [name, value] : of.environment) all[name] = value;

    std::vector<std::string> lines;
    lines.reserve(all.size());
    for (const auto& [name, value] : all) lines.push_back(fmt::format("{}={}", name, value));
    return lines;
}

std::string make_log_stream_name() {
    auto digits = core::random_uuid();
    std::erase(digits, '-');
    return fmt::format("{:%Y/%m/%d}/[$LATEST]{}", fmt::gmtime(std::time(nullptr)), digits);
}

}  // namespace borealis::lambda
