/// Any bytes as a policy: read, or refused with words; what is read answers every question the same way twice, and a
/// document that is not read lets nobody in. Input: up to the first line end what is asked (`action resource`), then
/// the document.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "auth/policy.hpp"

namespace {

void demand(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    namespace auth = borealis::auth;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const auto line = input.find('\n');
    if (line == input.npos) return 0;
    const auto asked = input.substr(0, line);
    const auto blank = std::min(asked.find(' '), asked.size());
    const auth::tags tagged = {{"team", "a"}, {"", ""}};
    const auth::circumstances where{.source_ip = "192.0.2.7", .secure_transport = true, .at = {}};
    const auth::question question{.action = asked.substr(0, blank),
                                  .resource = asked.substr(std::min(blank + 1, asked.size())),
                                  .tagged = &tagged,
                                  .where = where,
                                  .principal_arn = "arn:aws:iam::123456789012:user/ann",
                                  .account = "123456789012",
                                  .user_name = "ann",
                                  .user_id = "AIDA"};
    const auto read = auth::policy::parse(input.substr(line + 1));
    if (!read) {
        demand(!read.error().message.empty());
        return 0;
    }
    const auto judged = (*read)->judge(question);
    demand((*read)->judge(question) == judged);
    const auto again = auth::policy::parse((*read)->text());
    demand(again.has_value() && (*again)->judge(question) == judged);
    return 0;
}
