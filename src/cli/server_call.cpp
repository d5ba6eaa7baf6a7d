#include "cli/server_call.hpp"

#include <cctype>

#include <fmt/format.h>

#include "client/environment.hpp"

namespace borealis::cli {
namespace {

constexpr client::service_names rds_names = {"rds", "RDS", "rds"};
constexpr std::chrono::minutes longest_call{3};

/// As application/x-www-form-urlencoded has it.
void append_encoded(std::string& out, std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.') {
            out += c;
        } else {
            out += fmt::format("%{:02X}", byte);
        }
    }
}

}  // namespace

server_call::server_call(const server_options& options) {
    auto with = options.for_client("AWS_ENDPOINT_URL_RDS");
    with.attempt_timeout = longest_call;
    with.max_attempts = 1;
    rds_ = std::make_unique<client::service>(with, rds_names, client::system_environment());
    own_ = std::make_unique<client::service>(with, client::data_api_names, client::system_environment());
}

void server_call::rds(std::string_view action, std::vector<std::pair<std::string, std::string>> parameters) {
    std::string body = fmt::format("Action={}&Version=2014-10-31", action);
    for (const auto& [name, value] : parameters) {
        body += '&';
        append_encoded(body, name);
        body += '=';
        append_encoded(body, value);
    }
    (void)rds_->perform({.operation = action,
                         .path = "/",
                         .content_type = "application/x-www-form-urlencoded; charset=utf-8",
                         .body = std::move(body)});
}

std::string server_call::own(const std::string& path, std::string body) {
    const auto whole = "/borealis/clusters" + path;
    return own_->perform({.operation = "", .path = whole, .content_type = "text/plain", .body = std::move(body)}).body;
}

}  // namespace borealis::cli
