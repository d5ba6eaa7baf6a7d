/// Whole requests through the reader and the verifier, as the server does it: whoever does not know the secret is
/// refused in words; the same request signed by us is let in; and one byte changed is refused again. Input: two bytes
/// that choose what is changed, then the bytes of a connection.

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "auth/verifier.hpp"
#include "http/request.hpp"

namespace {

namespace auth = borealis::auth;
namespace http = borealis::http;

constexpr auto now = std::chrono::sys_days(std::chrono::year(2019) / 12 / 3) + std::chrono::hours(10);

void demand(bool holds) {
    if (!holds) std::abort();
}

bool is_let_in(const auth::message& what) {
    static const auth::known_key key{borealis::core::secret_text("\x01\x02 not a secret that a corpus holds \xFF")};
    static auth::signing_keys cache;
    const auto who = auth::verify(what, {}, [](std::string_view, std::string_view) { return &key; }, cache, now);
    if (who) return true;
    demand((who.error().status == 400 || who.error().status == 403) && !who.error().type.empty() &&
           !who.error().message.empty());
    return false;
}

void check(const http::request& got, std::uint8_t where, std::uint8_t what) {
    std::vector<auth::header> headers(got.headers.begin(), got.headers.end());
    auth::message asked{
        .method = got.method, .path = got.path, .query = got.query, .headers = headers, .body = got.body};
    demand(!is_let_in(asked));

    // As its sender would have signed it.
    std::erase_if(headers, [](const auth::header& one) {
        return http::iequals(one.name, "authorization") || one.name.substr(0, 6).size() < 6 ||
               http::iequals(one.name.substr(0, 6), "x-amz-");
    });
    bool has_host = false;
    for (const auto& one : headers) has_host |= http::iequals(one.name, "host");
    if (!has_host) return;  // HTTP/1.0
    const auth::scope scope{.at = now, .region = "us-east-1", .service = "rds-data"};
    const auto date = auth::timestamp(now);
    headers.push_back({"x-amz-date", date});
    asked.headers = headers;
    const auto key = auth::signing_key("\x01\x02 not a secret that a corpus holds \xFF", scope);
    const auto authorization = auth::authorization(asked, scope, "AKIDEXAMPLE", key);
    headers.push_back({"Authorization", authorization});
    asked.headers = headers;
    demand(is_let_in(asked));

    if (what == 0) return;
    std::string changed;
    const auto change = [&](std::string_view from) {
        changed = from;
        if (changed.empty()) return std::string_view("x");
        changed[where % changed.size()] = static_cast<char>(changed[where % changed.size()] ^ what);
        return std::string_view(changed);
    };
    switch (where % 3) {
        case 0:
            asked.body = change(asked.body);
            break;
        case 1:
            asked.method = change(asked.method);
            break;
        default: {
            const auto signature = authorization.find("Signature=");
            const auto altered =
                authorization.substr(0, signature + 10) + std::string(change(authorization.substr(signature + 10)));
            // Upper-case digits mean the same number; whether they are the same signature is the verifier's to say.
            if (http::iequals(altered, authorization)) return;
            headers.back().value = altered;
            asked.headers = headers;
            demand(!is_let_in(asked));
            return;
        }
    }
    demand(!is_let_in(asked));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
    http::request_reader reader;
    while (true) {
        switch (reader.next()) {
            case http::request_reader::progress::failed:
                return 0;
            case http::request_reader::progress::expects_continue:
                continue;
            case http::request_reader::progress::request:
                check(reader.message(), data[0], data[1]);
                reader.consume();
                continue;
            case http::request_reader::progress::need_more:
                break;
        }
        if (bytes.empty()) return 0;
        const auto room = reader.prepare();
        const auto count = std::min(room.size(), bytes.size());
        std::memcpy(room.data(), bytes.data(), count);
        reader.commit(count);
        bytes.remove_prefix(count);
    }
}
