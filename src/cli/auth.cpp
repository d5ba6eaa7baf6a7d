#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "auth/verifier.hpp"
#include "cli/commands.hpp"
#include "cli/request_file.hpp"
#include "core/secret_text.hpp"
#include "json/document.hpp"
#include "server/config.hpp"

namespace borealis::cli {
namespace {

struct verify_options {
    std::string request;
    std::string authorization_file;
    std::string context;
    std::string time;
    std::string region;
    std::string service;
    std::string access_key;
    std::string secret;
    std::string session_token;
    bool presigned = false;
    bool keep_path = false;
    bool encode_once = false;
    bool explain = false;
};

std::string read_all(const std::string& file) {
    if (file == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
    std::ifstream in(file, std::ios::binary);
    if (!in) throw std::runtime_error(fmt::format("cannot read {}", file));
    return {std::istreambuf_iterator<char>(in), {}};
}

/// `20150830T123600Z`, `2015-08-30T12:36:00Z`, seconds since 1970, or `now`.
std::chrono::sys_seconds time_of(std::string text) {
    if (text == "now") return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    std::int64_t seconds = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (failed == std::errc() && end == text.data() + text.size())
        return std::chrono::sys_seconds(std::chrono::seconds(seconds));
    std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
    const auto at = auth::parse_timestamp(text);
    if (!at) {
        throw std::runtime_error(
            "--time: give it as 20150830T123600Z, 2015-08-30T12:36:00Z, seconds since 1970, or now");
    }
    return *at;
}

/// Fills what was not given from a test vector's context.json.
void add_context(verify_options& to) {
    const auto text = read_all(to.context);
    json::document reader;
    const auto root = reader.parse_copy(text);
    if (!root || (*root)->is() != json::kind::object)
        throw std::runtime_error(fmt::format("--context: {} is no JSON object", to.context));
    const auto take = [](const json::node& from, std::string_view name, std::string& into) {
        const auto* found = from.find(name);
        if (into.empty() && found != nullptr && found->is() == json::kind::string) into = found->text();
    };
    take(**root, "region", to.region);
    take(**root, "service", to.service);
    take(**root, "timestamp", to.time);
    const auto is_false = [&](std::string_view name) {
        const auto* found = (*root)->find(name);
        return found != nullptr && found->is() == json::kind::boolean && !found->boolean();
    };
    to.keep_path |= is_false("normalize");
    to.encode_once |= is_false("use_double_uri_encode");
    const auto* credentials = (*root)->find("credentials");
    if (credentials == nullptr || credentials->is() != json::kind::object) return;
    take(*credentials, "access_key_id", to.access_key);
    if (std::string secret; to.secret.empty()) {
        take(*credentials, "secret_access_key", secret);
        if (!secret.empty()) to.secret = "text:" + secret;
    }
    take(*credentials, "token", to.session_token);
}

int verify(verify_options options) {
    if (!options.context.empty()) add_context(options);
    for (const auto& [value, name] :
         {std::pair(&options.time, "--time"), std::pair(&options.region, "--region"),
          std::pair(&options.service, "--service"), std::pair(&options.access_key, "--access-key"),
          std::pair(&options.secret, "--secret-from")}) {
        if (value->empty()) throw std::runtime_error(fmt::format("{} is needed", name));
    }
    if (!options.secret.starts_with("env:") && !options.secret.starts_with("file:") && options.context.empty())
        throw std::runtime_error("--secret-from: give env:NAME or file:PATH, for arguments show in the process list");
    const auto now = time_of(options.time);
    auth::known_key key{.secret = server::resolve_secret(options.secret, ".", server::process_environment())};
    if (key.secret.empty()) throw std::runtime_error("--secret-from: the secret is empty");

    request_file request;
    try {
        request = request_file::parse(read_all(options.request));
    } catch (const std::runtime_error& e) {
        throw call_failed(e.what());
    }
    if (!options.authorization_file.empty()) {
        auto value = read_all(options.authorization_file);
        while (value.ends_with('\n') || value.ends_with('\r')) value.pop_back();
        request.headers.emplace_back("Authorization", std::move(value));
    }
    const auto headers = request.views();
    const auth::message message{.method = request.method,
                                .path = request.path,
                                .query = request.query,
                                .headers = headers,
                                .body = request.body};
    const auth::verification_rules rules{
        .service = options.service,
        .regions = {options.region},
        .presigned = options.presigned,
        .path = {.normalize = !options.keep_path, .encode_twice = !options.encode_once}};
    const auto find_key = [&](std::string_view id, std::string_view token) -> const auth::known_key* {
        return id == options.access_key && auth::same_secret(token, options.session_token) ? &key : nullptr;
    };
    auth::signing_keys cache(1);
    if (options.explain) std::fputs(auth::explain(message, rules).c_str(), stdout);
    const auto who = auth::verify(message, rules, find_key, cache, now);
    if (!who) throw call_failed(fmt::format("{}: {}", who.error().type, who.error().message));
    std::printf("signed by %s for %s in %s\n", options.access_key.c_str(), options.service.c_str(),
                options.region.c_str());
    return 0;
}

}  // namespace

void add_auth(CLI::App& to, action& chosen) {
    auto* command = to.add_subcommand("auth", "Signatures");
    command->require_subcommand(1);
    auto options = std::make_shared<verify_options>();
    auto* made = command->add_subcommand(
        "verify", "Check the signature of a request in a file, as the server would; exits 0 when it holds, else 1");
    made->add_option("--request", options->request, "The HTTP request; - for standard input")->required();
    made->add_option("--authorization-file", options->authorization_file,
                     "Value of the Authorization header, where the request has none (.authz of the test suite)");
    made->add_option("--context", options->context, "context.json of a test vector, for what is not given");
    made->add_option("--time", options->time, "When it is checked: 20150830T123600Z, 2015-08-30T12:36:00Z or now");
    made->add_option("--region", options->region, "Region that it must be signed for");
    made->add_option("--service", options->service, "Service that it must be signed for: rds-data, rds …");
    made->add_option("--access-key", options->access_key, "Access key id that is known");
    made->add_option("--secret-from", options->secret, "Its secret: env:NAME or file:PATH");
    made->add_option("--session-token", options->session_token, "The token that must come along; none: none may");
    made->add_flag("--presigned", options->presigned, "A signature in the query counts as well");
    made->add_flag("--no-normalize", options->keep_path, "Dots and slashes of the path were signed as they are (S3)");
    made->add_flag("--encode-once", options->encode_once, "The path was not encoded a second time (S3)");
    made->add_flag("--explain", options->explain, "Print the canonical request and the string to sign");
    made->callback([options, &chosen] { chosen = [options] { return verify(*options); }; });
}

}  // namespace borealis::cli
