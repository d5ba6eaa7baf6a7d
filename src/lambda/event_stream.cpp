#include "lambda/event_stream.hpp"

#include <algorithm>
#include <array>

#include "json/document.hpp"
#include "json/writer.hpp"

namespace borealis::lambda {
namespace {

constexpr std::size_t chunk_bytes = 64 * 1024;
constexpr char string_type = 7;

constexpr auto crc_table = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
        auto value = i;
        for (int bit = 0; bit < 8; ++bit) value = (value & 1U) != 0 ? 0xEDB88320U ^ (value >> 1U) : value >> 1U;
        table[i] = value;
    }
    return table;
}();

void append_number(std::string& out, std::size_t value, int bytes) {
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
        out += static_cast<char>(value >> static_cast<unsigned>(shift));
}

}  // namespace

std::uint32_t crc32(std::string_view bytes) {
    std::uint32_t crc = 0xFFFFFFFFU;
    for (const char c : bytes) crc = crc_table[(crc ^ static_cast<unsigned char>(c)) & 0xFFU] ^ (crc >> 8U);
    return ~crc;
}

void append_event(std::string& out, const std::vector<std::pair<std::string_view, std::string_view>>& headers,
                  std::string_view payload) {
    std::string lines;
    for (const auto& [name, value] : headers) {
        append_number(lines, name.size(), 1);
        lines += name;
        lines += string_type;
        append_number(lines, value.size(), 2);
        lines += value;
    }
    const auto begin = out.size();
    append_number(out, 12 + lines.size() + payload.size() + 4, 4);
    append_number(out, lines.size(), 4);
    append_number(out, crc32(std::string_view(out).substr(begin)), 4);
    out += lines;
    out += payload;
    append_number(out, crc32(std::string_view(out).substr(begin)), 4);
}

std::string event_stream_of(const invoke_result& what, std::string_view log_result) {
    std::string out;
    if (!what.failed()) {
        for (std::size_t at = 0; at < what.payload.size(); at += chunk_bytes) {
            append_event(out,
                         {{":event-type", "PayloadChunk"},
                          {":content-type", "application/octet-stream"},
                          {":message-type", "event"}},
                         std::string_view(what.payload).substr(at, chunk_bytes));
        }
    }
    std::string last = "{";
    if (what.failed()) {
        json::document parser;
        std::string_view type = "Unhandled";
        const auto root = parser.parse_copy(what.payload);
        if (root && (*root)->is() == json::kind::object) {
            const auto* found = (*root)->find("errorType");
            if (found != nullptr && found->is() == json::kind::string) type = found->text();
        }
        last += R"("ErrorCode":)";
        json::append_string(last, type);
        last += R"(,"ErrorDetails":)";
        json::append_string(last, what.payload);
    }
    if (!log_result.empty()) {
        if (last.size() > 1) last += ',';
        last += R"("LogResult":)";
        json::append_string(last, log_result);
    }
    last += '}';
    append_event(out,
                 {{":event-type", "InvokeComplete"}, {":content-type", "application/json"}, {":message-type", "event"}},
                 last);
    return out;
}

}  // namespace borealis::lambda
