/// Any bytes as JSON: our reader must agree with simdjson's DOM parser on what is JSON, whatever stands in the padding;
/// what was read and is written again must read the same; and any bytes written as a string must be valid JSON.
/// Input: one byte that fills the padding, then the text.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "json/document.hpp"
#include "json/writer.hpp"

namespace {

namespace json = borealis::json;

void demand(bool holds) {
    if (!holds) std::abort();
}

void write(std::string& out, const json::node& at) {
    switch (at.is()) {
        case json::kind::null:
            out += "null";
            return;
        case json::kind::boolean:
            out += at.boolean() ? "true" : "false";
            return;
        case json::kind::integer:
            json::append_integer(out, at.integer());
            return;
        case json::kind::real:
            out += at.raw();
            return;
        case json::kind::string:
            json::append_string(out, at.text());
            return;
        case json::kind::array:
        case json::kind::object:
            break;
    }
    const bool object = at.is() == json::kind::object;
    out += object ? '{' : '[';
    std::size_t members = 0;
    for (const json::node& member : at) {
        if (members++ != 0) out += ',';
        if (object) {
            json::append_string(out, member.key());
            out += ':';
        }
        write(out, member);
    }
    demand(members == at.size());
    out += object ? '}' : ']';
}

std::string plain_escape(std::string_view ascii) {
    std::string out;
    for (const char c : ascii) {
        const auto known = std::string_view("\"\\\b\f\n\r\t").find(c);
        if (known != std::string_view::npos) {
            out += '\\';
            out += "\"\\bfnrt"[known];
        } else if (static_cast<unsigned char>(c) < 0x20) {
            out += "\\u00";
            out += c < 0x10 ? '0' : '1';
            out += "0123456789ABCDEF"[c & 0xF];
        } else {
            out += c;
        }
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static json::document reader, second;
    static simdjson::dom::parser reference;
    if (size < 1) return 0;
    std::string padded(reinterpret_cast<const char*>(data) + 1, size - 1);
    padded.append(json::padding, static_cast<char>(data[0]));
    const auto text = std::string_view(padded).substr(0, size - 1);

    const auto root = reader.parse(text);
    const auto judged = reference.parse(simdjson::padded_string(text)).error();
    if (root) {
        demand(judged == simdjson::SUCCESS || judged == simdjson::NUMBER_ERROR);
        std::string written, again;
        write(written, **root);
        const auto reread = second.parse_copy(written);
        demand(reread.has_value());
        write(again, **reread);
        demand(again == written);
        // Beside what is not plain, it is read in the other way.
        const auto beside = second.parse_copy("[" + std::string(text) + R"(,"\u0041"])");
        const bool deeper = !beside && beside.error().message.ends_with("nested deeper than 64 levels");
        demand(beside.has_value() || deeper);
        if (beside) {
            std::string other;
            write(other, *(*beside)->begin());
            demand(other == written);
        }
    } else {
        demand(judged != simdjson::SUCCESS || root.error().message.ends_with("nested deeper than 64 levels"));
    }

    std::string quoted;
    json::append_string(quoted, text);
    const auto as_string = second.parse_copy(quoted);
    demand(as_string.has_value() && (*as_string)->is() == json::kind::string);
    if (simdjson::validate_utf8(text)) demand((*as_string)->text() == text);
    if (std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
        demand(quoted == '"' + plain_escape(text) + '"');
    return 0;
}
