#include "postgres/binding.hpp"

#include <bit>
#include <cstring>
#include <limits>
#include <string_view>
#include <variant>

#include <fmt/format.h>

namespace borealis::postgres {
namespace {

constexpr int text_format = 0;
constexpr int binary_format = 1;
constexpr auto elsewhere = std::numeric_limits<std::size_t>::max();

/// sql/parameter.hpp, parameter_type.
oid declared(sql::parameter_type type) {
    using enum sql::parameter_type;
    switch (type) {
        case null:
        case untyped:
        case untyped_array:
            return 0;
        case boolean:
            return 16;
        case bytes:
            return 17;
        case int8:
            return 20;
        case text:
            return 25;
        case float8:
            return 701;
        case date:
            return 1082;
        case time:
            return 1083;
        case timestamp:
            return 1114;
        case decimal:
            return 1700;
        case uuid:
            return 2950;
        case varchar:
            return 1043;
        case plain_json:
            return 114;
        case boolean_array:
            return 1000;
        case text_array:
            return 1009;
        case int8_array:
            return 1016;
        case float8_array:
            return 1022;
        case json:
            return 3802;
    }
    return 0;
}

void append_network_order(std::string& to, std::uint64_t value) {
    if (std::endian::native == std::endian::little) value = std::byteswap(value);
    char octets[sizeof value];
    std::memcpy(octets, &value, sizeof value);
    to.append(octets, sizeof octets);
}

}  // namespace

sql::result<void> binding::bind(std::span<const sql::parameter> parameters) {
    fallbacks_.clear();
    scratch_.clear();
    octets_ = 0;
    if (parameters.size() > std::numeric_limits<std::uint16_t>::max()) {
        return std::unexpected(sql::failure{.kind = sql::failure_kind::database,
                                            .message = "number of parameters must be between 0 and 65535",
                                            .sqlstate = "54023",
                                            .severity = "ERROR"});
    }
    types_.resize(parameters.size());
    values_.resize(parameters.size());
    lengths_.resize(parameters.size());
    formats_.resize(parameters.size());
    offsets_.resize(parameters.size());
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        const auto& one = parameters[i];
        const oid type = types_[i] = declared(one.type);
        if (one.type == sql::parameter_type::null || one.type == sql::parameter_type::untyped)
            fallbacks_.push_back({i, declared(sql::parameter_type::text)});
        if (one.type == sql::parameter_type::untyped_array)
            fallbacks_.push_back({i, declared(sql::parameter_type::text_array)});
        const char* value = nullptr;
        std::size_t offset = elsewhere;
        std::size_t length = 0;
        int format = binary_format;
        const auto keep_text = [&](std::string_view text) {
            format = text_format;
            offset = scratch_.size();
            length = text.size();
            scratch_.append(text).push_back('\0');
        };
        if (type == 0 && std::holds_alternative<bool>(one.value)) {
            keep_text(std::get<bool>(one.value) ? "t" : "f");  // binary form needs a declared type
        } else if (type == 0 && std::holds_alternative<std::int64_t>(one.value)) {
            keep_text(fmt::to_string(std::get<std::int64_t>(one.value)));
        } else if (type == 0 && std::holds_alternative<double>(one.value)) {
            keep_text(fmt::to_string(std::get<double>(one.value)));
        } else if (const auto* flag = std::get_if<bool>(&one.value)) {
            offset = scratch_.size();
            scratch_.push_back(*flag ? '\1' : '\0');
            length = 1;
        } else if (const auto* whole = std::get_if<std::int64_t>(&one.value)) {
            offset = scratch_.size();
            append_network_order(scratch_, static_cast<std::uint64_t>(*whole));
            length = 8;
        } else if (const auto* real = std::get_if<double>(&one.value)) {
            offset = scratch_.size();
            append_network_order(scratch_, std::bit_cast<std::uint64_t>(*real));
            length = 8;
        } else if (const auto* view = std::get_if<std::string_view>(&one.value)) {
            length = view->size();
            if (one.type == sql::parameter_type::text || one.type == sql::parameter_type::varchar ||
                one.type == sql::parameter_type::bytes) {
                value = view->data() == nullptr ? "" : view->data();  // null would mean NULL
            } else {
                if (view->contains('\0')) {
                    return std::unexpected(sql::failure{.kind = sql::failure_kind::database,
                                                        .message = "invalid byte sequence for encoding \"UTF8\": 0x00",
                                                        .sqlstate = "22021",
                                                        .severity = "ERROR"});
                }
                keep_text(*view);
            }
        }
        values_[i] = value;
        offsets_[i] = offset;
        lengths_[i] = static_cast<int>(length);
        formats_[i] = format;
        octets_ += length + 8;
    }
    for (std::size_t i = 0; i < values_.size(); ++i) {
        if (offsets_[i] != elsewhere) values_[i] = scratch_.data() + offsets_[i];
    }
    return {};
}

void binding::use_fallbacks() {
    for (const auto& each : fallbacks_) types_[each.at] = each.type;
    fallbacks_.clear();
}

}  // namespace borealis::postgres
