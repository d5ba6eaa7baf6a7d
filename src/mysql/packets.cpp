#include "mysql/packets.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>
#include <variant>

#include <mysql.h>

#include "mysql/parameters.hpp"

namespace borealis::mysql {
namespace {

static_assert(std::endian::native == std::endian::little, "the protocol is little-endian, and so are we");

constexpr char com_query = 0x03;
constexpr char com_stmt_execute = 0x17;
constexpr char com_stmt_bulk_execute = static_cast<char>(0xFA);
constexpr std::uint16_t bulk_sends_types = 128;
constexpr char is_value = 0;
constexpr char is_null = 1;

constexpr std::size_t header_size = 4;
constexpr std::size_t packet_limit = 0xFF'FFFF;  ///< A packet of this size or more would be several.

constexpr unsigned char ok_sign = 0x00;
constexpr unsigned char error_sign = 0xFF;
constexpr unsigned int progress_code = 0xFFFF;

template <class T>
void append(std::string& out, T value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    out.append(bytes, sizeof value);
}

void append_counted(std::string& out, std::string_view text) {
    const std::size_t size = text.size();
    if (size < 0xFB) {
        append(out, static_cast<std::uint8_t>(size));
    } else if (size < 0x1'0000) {
        out += static_cast<char>(0xFC);
        append(out, static_cast<std::uint16_t>(size));
    } else if (size < 0x100'0000) {
        out += static_cast<char>(0xFD);
        append(out, static_cast<std::uint16_t>(size));
        append(out, static_cast<std::uint8_t>(size >> 16U));
    } else {
        out += static_cast<char>(0xFE);
        append(out, std::uint64_t{size});
    }
    out += text;
}

void append_moment(std::string& out, const MYSQL_TIME& moment) {
    if (moment.time_type == MYSQL_TIMESTAMP_TIME) {
        const bool fraction = moment.second_part != 0;
        out += static_cast<char>(fraction ? 12 : 8);
        out += static_cast<char>(moment.neg != 0 ? 1 : 0);
        append(out, static_cast<std::uint32_t>(moment.hour / 24));
        append(out, static_cast<std::uint8_t>(moment.hour % 24));
        append(out, static_cast<std::uint8_t>(moment.minute));
        append(out, static_cast<std::uint8_t>(moment.second));
        if (fraction) append(out, static_cast<std::uint32_t>(moment.second_part));
        return;
    }
    const bool fraction = moment.second_part != 0;
    const bool time = moment.time_type == MYSQL_TIMESTAMP_DATETIME;
    out += static_cast<char>(fraction ? 11 : (time ? 7 : 4));
    append(out, static_cast<std::uint16_t>(moment.year));
    append(out, static_cast<std::uint8_t>(moment.month));
    append(out, static_cast<std::uint8_t>(moment.day));
    if (!time) return;
    append(out, static_cast<std::uint8_t>(moment.hour));
    append(out, static_cast<std::uint8_t>(moment.minute));
    append(out, static_cast<std::uint8_t>(moment.second));
    if (fraction) append(out, static_cast<std::uint32_t>(moment.second_part));
}

/// Nothing for null.
void append_value(std::string& out, const sql::parameter& of) {
    std::visit(
        [&out, &of](const auto& value) {
            using type = std::remove_cvref_t<decltype(value)>;
            if constexpr (std::is_same_v<type, bool>) {
                append(out, static_cast<std::uint8_t>(value ? 1 : 0));
            } else if constexpr (std::is_same_v<type, std::string_view>) {
                if (const auto moment = moment_of(of.type, value)) {
                    append_moment(out, *moment);
                } else {
                    append_counted(out, value);
                }
            } else if constexpr (!std::is_same_v<type, std::monostate>) {
                append(out, value);
            }
        },
        of.value);
}

bool is_nothing(const sql::parameter& of) { return std::holds_alternative<std::monostate>(of.value); }

/// Octets that a value takes at most.
std::size_t room_for(const sql::parameter& of) {
    const auto* const text = std::get_if<std::string_view>(&of.value);
    return 16 + (text == nullptr ? 0 : text->size());
}

/// Begins a packet, the first of its command; @return where it begins.
std::size_t begin(std::string& out) {
    out.append(header_size, '\0');
    return out.size() - header_size;
}

bool end(std::string& out, std::size_t begun) {
    const std::size_t size = out.size() - begun - header_size;
    if (size >= packet_limit) {
        out.resize(begun);
        return false;
    }
    for (std::size_t i = 0; i < 3; ++i) out[begun + i] = static_cast<char>(size >> (8 * i));
    return true;
}

std::uint64_t counted_number(std::string_view& from) {
    const auto take = [&from](std::size_t size) {
        std::uint64_t value = 0;
        std::memcpy(&value, from.data(), std::min(size, from.size()));
        from.remove_prefix(std::min(size, from.size()));
        return value;
    };
    const std::uint64_t first = take(1);
    if (first < 0xFB) return first;
    return take(first == 0xFC ? 2 : (first == 0xFD ? 3 : 8));
}

}  // namespace

void append_query(std::string& out, std::string_view text) {
    const auto begun = begin(out);
    out += com_query;
    out += text;
    static_cast<void>(end(out, begun));
}

bool append_execute(std::string& out, std::uint32_t statement, parameters with) {
    const auto begun = begin(out);
    out += com_stmt_execute;
    append(out, statement);
    out += '\0';                    // no cursor
    append(out, std::uint32_t{1});  // iterations
    if (!with.empty()) {
        const std::size_t nulls = out.size();
        out.append((with.size() + 7) / 8, '\0');
        out += '\1';  // types follow
        for (std::size_t i = 0; i < with.size(); ++i) {
            append(out, static_cast<std::uint16_t>(wire_type_of(with[i])));
            if (is_nothing(with[i])) out[nulls + i / 8] = static_cast<char>(out[nulls + i / 8] | 1 << i % 8);
        }
        for (const auto& one : with) append_value(out, one);
    }
    return end(out, begun);
}

std::optional<std::vector<std::uint8_t>> types_of(parameter_sets sets) {
    if (sets.empty() || sets.front().empty()) return std::nullopt;
    constexpr auto unknown = static_cast<std::uint8_t>(MYSQL_TYPE_NULL);
    std::vector<std::uint8_t> types(sets.front().size(), unknown);
    for (const auto& set : sets) {
        if (set.size() != types.size()) return std::nullopt;
        for (std::size_t i = 0; i < types.size(); ++i) {
            const auto type = static_cast<std::uint8_t>(wire_type_of(set[i]));
            if (type == unknown || type == types[i]) continue;
            if (types[i] != unknown) return std::nullopt;
            types[i] = type;
        }
    }
    // A column of nulls has to be of some type.
    std::ranges::replace(types, unknown, static_cast<std::uint8_t>(MYSQL_TYPE_STRING));
    return types;
}

std::size_t append_bulk(std::string& out, std::uint32_t statement, parameter_sets sets,
                        std::span<const std::uint8_t> types, std::size_t most_bytes) {
    const auto begun = begin(out);
    out += com_stmt_bulk_execute;
    append(out, statement);
    append(out, bulk_sends_types);
    for (const auto type : types) append(out, std::uint16_t{type});
    std::size_t count = 0;
    for (const auto& set : sets) {
        std::size_t room = 0;
        for (const auto& one : set) room += room_for(one);
        if (count > 0 && out.size() - begun + room > most_bytes) break;
        for (const auto& one : set) {
            out += is_nothing(one) ? is_null : is_value;
            append_value(out, one);
        }
        ++count;
    }
    return end(out, begun) ? count : 0;
}

reply_reader::progress reply_reader::next(reply& into) {
    for (;;) {
        std::string_view left = std::string_view(bytes_).substr(at_);
        if (left.size() <= header_size) break;
        std::uint32_t size = 0;
        std::memcpy(&size, left.data(), 3);
        if (left.size() < header_size + size) break;
        at_ += header_size + size;
        std::string_view body = left.substr(header_size, size);
        const auto sign = body.empty() ? std::uint8_t{0xFE} : static_cast<std::uint8_t>(body.front());
        if (sign != ok_sign && sign != error_sign) return progress::other;
        body.remove_prefix(1);
        into = {};
        if (sign == ok_sign) {
            into.well = true;
            into.affected = counted_number(body);
            into.last_insert_id = counted_number(body);
            if (body.size() < 2) return progress::other;
            std::uint16_t status = 0;
            std::memcpy(&status, body.data(), sizeof status);
            into.status = status;
            return progress::reply;
        }
        if (body.size() < 2) return progress::other;
        std::uint16_t code = 0;
        std::memcpy(&code, body.data(), sizeof code);
        if (code == progress_code) continue;  // how far a long statement has come
        body.remove_prefix(2);
        into.code = code;
        into.sqlstate = "HY000";
        if (body.starts_with('#') && body.size() >= 6) {
            into.sqlstate = body.substr(1, 5);
            body.remove_prefix(6);
        }
        into.message = body;
        return progress::reply;
    }
    bytes_.erase(0, at_);
    at_ = 0;
    return progress::more;
}

}  // namespace borealis::mysql
