#include "server/functions.hpp"

#include <stdexcept>

#include <fmt/format.h>

namespace borealis::server {
functions::functions(const config& with) : with_(with), table_(with.state_folder / "lambda") {
    for (const auto& one : with.lambda.functions) {
        if (const auto made = table_.declare(one); !made)
            throw std::runtime_error(fmt::format("function `{}`: {}", one.name, made.error().message));
    }
}

void functions::serve(const std::string& url,
                      std::function<lambda::function_credentials(const lambda::function_settings&)> credentials) {
    auto settings = with_.lambda.host;
    settings.credentials = std::move(credentials);
    settings.region = with_.region;
    settings.account = with_.account;
    settings.folder = with_.state_folder / "lambda";
    // The services that are here; others are where the function's SDK finds them.
    for (const char* service : {"RDS_DATA", "SECRETS_MANAGER", "RDS", "STS", "LAMBDA"})
        settings.environment.try_emplace(fmt::format("AWS_ENDPOINT_URL_{}", service), url);
    // Its authority, where the certificate is one of our own: SDKs trust what this file says beside nothing else.
    if (with_.tls.on()) settings.environment.try_emplace("AWS_CA_BUNDLE", with_.tls.certificate.string());
    host_ = std::make_unique<lambda::host>(std::move(settings), table_);
    // Who may send code may run programs here: by itself only where every caller is the developer of this machine.
    const bool uploads = with_.lambda.uploads.value_or(!with_.access.authenticates() && is_loopback(with_.address));
    api_ = std::make_unique<lambda::invoke_api>(
        *host_, table_, uploads ? lambda::code_uploads::accepted : lambda::code_uploads::refused);
}

void functions::install(const lambda::application& from) {
    std::vector<std::string> names;
    for (const auto& one : with_.lambda.functions) names.push_back(one.name);
    for (const auto& one : from.functions) {
        if (const auto made = table_.declare(one); !made)
            throw std::runtime_error(fmt::format("function `{}`: {}", one.name, made.error().message));
        names.push_back(one.name);
    }
    table_.keep_declared(names);
}

void functions::stop(core::deadline until) noexcept {
    if (host_) host_->stop(until);
}

}  // namespace borealis::server
