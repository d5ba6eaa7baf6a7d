#include "mysql/parameters.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <variant>

namespace borealis::mysql {
namespace {

/// Longest decimal that the engines surely hold: a longer one would lose digits without a word.
constexpr std::size_t decimal_characters = 30;

}  // namespace

std::optional<MYSQL_TIME> moment_of(sql::parameter_type of, std::string_view text) {
    using type = sql::parameter_type;
    if (of != type::date && of != type::time && of != type::timestamp) return std::nullopt;
    const auto number = [&text](std::size_t digits) {
        unsigned long value = 0;
        std::from_chars(text.data(), text.data() + std::min(digits, text.size()), value);
        text.remove_prefix(std::min(digits + 1, text.size()));  // and what follows the digits
        return static_cast<unsigned int>(value);
    };
    MYSQL_TIME made{};
    made.time_type =
        of == type::date ? MYSQL_TIMESTAMP_DATE : (of == type::time ? MYSQL_TIMESTAMP_TIME : MYSQL_TIMESTAMP_DATETIME);
    if (of != type::time) {
        made.year = number(4);
        made.month = number(2);
        made.day = number(2);
    }
    if (of != type::date) {
        made.hour = number(2);
        made.minute = number(2);
        made.second = number(2);
        unsigned long unit = 100'000;
        for (const char digit : text.substr(0, 6)) {
            made.second_part += static_cast<unsigned long>(digit - '0') * unit;
            unit /= 10;
        }
    }
    return made;
}

enum_field_types wire_type_of(const sql::parameter& of) {
    if (std::holds_alternative<bool>(of.value)) return MYSQL_TYPE_TINY;
    if (std::holds_alternative<std::int64_t>(of.value)) return MYSQL_TYPE_LONGLONG;
    if (std::holds_alternative<double>(of.value)) return MYSQL_TYPE_DOUBLE;
    const auto* const text = std::get_if<std::string_view>(&of.value);
    if (text == nullptr) return MYSQL_TYPE_NULL;
    switch (of.type) {
        case sql::parameter_type::bytes:
            return MYSQL_TYPE_BLOB;
        case sql::parameter_type::date:
            return MYSQL_TYPE_DATE;
        case sql::parameter_type::time:
            return MYSQL_TYPE_TIME;
        case sql::parameter_type::timestamp:
            return MYSQL_TYPE_DATETIME;
        case sql::parameter_type::decimal:
            return text->size() <= decimal_characters ? MYSQL_TYPE_NEWDECIMAL : MYSQL_TYPE_STRING;
        default:
            return MYSQL_TYPE_STRING;
    }
}

}  // namespace borealis::mysql
