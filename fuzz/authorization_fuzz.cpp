/// An Authorization header from anyone: never accepted, never more than a refusal; and what is read out of it lies
/// within it. Input: the header's value; with a line end in it, what follows is the path and query.

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string_view>

#include "auth/verifier.hpp"

namespace {

namespace auth = borealis::auth;

void demand(bool holds) {
    if (!holds) std::abort();
}

bool within(std::string_view part, std::string_view whole) {
    return part.empty() || (std::less_equal<>()(whole.data(), part.data()) &&
                            std::less_equal<>()(part.data() + part.size(), whole.data() + whole.size()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const auto line = input.find('\n');
    const auto value = input.substr(0, line);
    const auto target = line == input.npos ? std::string_view("/") : input.substr(line + 1);
    const auto question = target.find('?');

    if (const auto parts = auth::parse_authorization(value)) {
        for (const auto part : {parts->access_key_id, parts->day, parts->region, parts->service, parts->terminator,
                                parts->scope, parts->signed_headers, parts->signature}) {
            demand(within(part, value));
        }
    }
    const auto uri = auth::canonical_uri(target.substr(0, question));
    demand(uri.starts_with('/') && auth::canonical_uri("/" + uri).size() >= uri.size());
    const auto query =
        auth::canonical_query(question == target.npos ? std::string_view() : target.substr(question + 1));
    demand(auth::canonical_query(query) == query);

    // A secret nobody can guess: whatever comes in is refused, in words.
    const auth::known_key key{borealis::core::secret_text("\x01\x02 not a secret that a corpus holds \xFF")};
    const auth::header headers[] = {{"Host", "h"}, {"X-Amz-Date", "20191203T101500Z"}, {"Authorization", value}};
    auth::signing_keys cache;
    const auto who = auth::verify(
        {"POST", target.substr(0, question), query, headers, input}, {},
        [&key](std::string_view, std::string_view) { return &key; }, cache,
        std::chrono::sys_days(std::chrono::year(2019) / 12 / 3) + std::chrono::hours(10) + std::chrono::minutes(15));
    demand(!who && (who.error().status == 400 || who.error().status == 403) && !who.error().type.empty() &&
           !who.error().message.empty());
    return 0;
}
