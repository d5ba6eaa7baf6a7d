#include "data_api/array_parameter.hpp"

#include <array>
#include <cstdint>
#include <optional>

#include "json/writer.hpp"

namespace borealis::data_api {
namespace {

using json::kind;
using json::node;

enum class list : std::uint8_t { booleans, longs, doubles, strings, arrays };
constexpr std::array<std::string_view, 5> names = {"booleanValues", "longValues", "doubleValues", "stringValues",
                                                   "arrayValues"};

constexpr std::string_view one_list =
    "an object with exactly one of booleanValues, longValues, doubleValues, stringValues and arrayValues, a list of "
    "elements of that type";

struct found_list {
    list is;
    const node* elements;
};

std::optional<found_list> list_in(const node& array) {
    std::optional<found_list> found;
    if (array.is() != kind::object) return found;
    for (const node& member : array) {
        if (member.is() == kind::null) continue;
        for (std::size_t at = 0; at < names.size(); ++at) {
            if (member.key() != names[at]) continue;
            if (found) return std::nullopt;
            found = {static_cast<list>(at), &member};
        }
    }
    return found;
}

bool is_special_double(std::string_view text) { return text == "NaN" || text == "Infinity" || text == "-Infinity"; }

bool is_element(list of, const node& each) {
    switch (of) {
        case list::booleans:
            return each.is() == kind::boolean;
        case list::longs:
            return each.is() == kind::integer;
        case list::doubles:
            return each.is() == kind::integer || each.is() == kind::real ||
                   (each.is() == kind::string && is_special_double(each.text()));
        case list::strings:
            return each.is() == kind::string;
        case list::arrays:
            return each.is() == kind::object;
    }
    return false;
}

/// The kind of the innermost elements; nothing when the lists are not all of one.
std::optional<list> innermost(const node& array) {
    const auto found = list_in(array);
    if (!found || found->elements->is() != kind::array) return std::nullopt;
    std::optional<list> inner;
    for (const node& each : *found->elements) {
        if (each.is() == kind::null && found->is != list::arrays) continue;
        if (!is_element(found->is, each)) return std::nullopt;
        if (found->is != list::arrays) continue;
        const auto below = innermost(each);
        if (!below || (inner && *inner != *below)) return std::nullopt;
        inner = below;
    }
    if (found->is != list::arrays) return found->is;
    return inner.value_or(list::strings);  // of no lists at all
}

void append_quoted(std::string& out, std::string_view text) {
    out += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    out += '"';
}

void append_list(std::string& out, const node& array, bool json_text) {
    const auto found = list_in(array);
    out += json_text ? '[' : '{';
    for (bool first = true; const node& each : *found->elements) {
        if (!first) out += ',';
        first = false;
        if (each.is() == kind::null)
            out += json_text ? "null" : "NULL";
        else if (found->is == list::arrays)
            append_list(out, each, json_text);
        else if (each.is() == kind::boolean)
            out += each.boolean() ? "true" : "false";
        else if (each.is() != kind::string)
            out += each.raw();
        else if (json_text)
            json::append_string(out, each.text());
        else
            append_quoted(out, each.text());
    }
    out += json_text ? ']' : '}';
}

}  // namespace

std::expected<void, std::string_view> check_array(const node& array) {
    if (!innermost(array)) return std::unexpected(one_list);
    return {};
}

sql::parameter_type append_array(std::string& out, const node& array, sql::dialect of) {
    append_list(out, array, of == sql::dialect::mysql);
    if (of == sql::dialect::mysql) return sql::parameter_type::text;
    switch (innermost(array).value_or(list::strings)) {
        case list::booleans:
            return sql::parameter_type::boolean_array;
        case list::longs:
            return sql::parameter_type::int8_array;
        case list::doubles:
            return sql::parameter_type::float8_array;
        case list::strings:
        case list::arrays:
            break;
    }
    return sql::parameter_type::untyped_array;
}

}  // namespace borealis::data_api
