/// Any bytes as the body of any operation: either a refusal of the caller's kind whose answer is JSON, or a request
/// whose views can all be read. Input: one byte that chooses operation and profile, then the body.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>

#include "data_api/answer.hpp"
#include "data_api/decode.hpp"
#include "json/document.hpp"

namespace {

namespace api = borealis::data_api;
using borealis::core::error_kind;

void demand(bool holds) {
    if (!holds) std::abort();
}

void demand_refusal(const borealis::core::error& what) {
    demand(what.kind == error_kind::serialization || what.kind == error_kind::validation);
    const auto answered = api::answer(what);
    demand(answered.status == 400);
    demand(borealis::json::document().parse_copy(answered.body).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    static borealis::json::document document;
    static api::request wanted;
    const auto what = static_cast<api::operation>(data[0] % 6);
    const auto root = document.parse_copy({reinterpret_cast<const char*>(data + 1), size - 1});
    if (!root) {
        demand_refusal(root.error());
        return 0;
    }
    const auto& as = data[0] % 18 < 6 ? api::aws_v2 : data[0] % 18 < 12 ? api::aws_v1 : api::relaxed;
    const auto decoded = api::decode(what, **root, as, wanted);
    if (!decoded) {
        demand_refusal(decoded.error());
        return 0;
    }
    std::string read;
    for (const auto text : {wanted.resource_arn, wanted.secret_arn, wanted.sql, wanted.database, wanted.transaction_id})
        read += text;
    for (const auto& each : wanted.parameters) {
        read += each.name;
        if (const auto* text = std::get_if<std::string_view>(&each.value.value)) read += *text;
    }
    for (std::size_t index = 0; index < wanted.set_ends.size(); ++index)
        demand(wanted.set(index).size() <= wanted.parameters.size());
    return 0;
}
