// Signs requests for a test that compares with another signer. Reads one JSON object a line from standard input:
//   {"method", "path", "query", "headers": [[name, value], …], "body", "region", "service", "id", "secret", "at"}
// where body is base64 and `at` seconds since 1970; writes the Authorization header and, a line each, whether the
// request is let in with it (`yes`) or why not.
#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "auth/signature.hpp"
#include "auth/verifier.hpp"
#include "core/base64.hpp"
#include "json/document.hpp"

namespace {

namespace auth = borealis::auth;
namespace json = borealis::json;

const json::node& member(const json::node& of, std::string_view name) {
    const auto* found = of.find(name);
    if (found == nullptr) throw std::runtime_error("a member is missing: " + std::string(name));
    return *found;
}

}  // namespace

int main() {
    json::document reader;
    auth::signing_keys derived;
    for (std::string line; std::getline(std::cin, line);) {
        const auto root = reader.parse_copy(line);
        if (!root) throw std::runtime_error(root.error().message);
        const auto& given = **root;
        std::vector<auth::header> headers;
        for (const auto& one : member(given, "headers")) {
            auto at = one.begin();
            const auto name = at->text();
            headers.push_back({name, (++at)->text()});
        }
        const auto body = borealis::core::decode_base64(member(given, "body").text());
        if (!body) throw std::runtime_error("the body is no base64");
        auth::message message{.method = member(given, "method").text(),
                              .path = member(given, "path").text(),
                              .query = member(given, "query").text(),
                              .headers = headers,
                              .body = *body};
        const auth::scope scope{.at = std::chrono::sys_seconds(std::chrono::seconds(member(given, "at").integer())),
                                .region = member(given, "region").text(),
                                .service = member(given, "service").text()};
        const auth::known_key key{.secret = borealis::core::secret_text(std::string(member(given, "secret").text()))};
        const auto id = member(given, "id").text();
        const auto value = auth::authorization(message, scope, id, derived.find(id, key.secret, scope));
        headers.push_back({"Authorization", value});
        message.headers = headers;
        auth::signing_keys cache;
        const auto who = auth::verify(
            message, {.service = std::string(scope.service)},
            [&](std::string_view asked, std::string_view) { return asked == id ? &key : nullptr; }, cache, scope.at);
        std::cout << value << '\n'
                  << (who ? "yes" : std::string(who.error().type) + ": " + who.error().message) << '\n';
    }
}
