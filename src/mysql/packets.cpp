#include "mysql/packets.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>
#include <variant>

#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>

#include "mysql/parameters.hpp"

namespace borealis::mysql {
namespace {

static_assert(std::endian::native == std::endian::little, "the protocol is little-endian, and so are we");

constexpr char com_query = 0x03;
constexpr char com_stmt_prepare = 0x16;
constexpr char com_stmt_execute = 0x17;
constexpr char com_stmt_close = 0x19;
constexpr char com_stmt_bulk_execute = static_cast<char>(0xFA);
constexpr std::uint16_t bulk_sends_types = 128;
constexpr char is_value = 0;
constexpr char is_null = 1;

constexpr std::size_t header_size = 4;
constexpr std::size_t packet_limit = 0xFF'FFFF;  ///< What has this size or more is several packets.

constexpr unsigned char ok_sign = 0x00;
constexpr unsigned char error_sign = 0xFF;
constexpr unsigned int progress_code = 0xFFFF;

/// Where octets are written for which there is room.
class cursor {
 public:
    explicit cursor(char* at) : at_(at) {}
    void append(const char* octets, std::size_t size) {
        std::memcpy(at_, octets, size);
        at_ += size;
    }
    cursor& operator+=(char octet) {
        *at_++ = octet;
        return *this;
    }
    cursor& operator+=(std::string_view octets) {
        at_ += octets.copy(at_, octets.size());
        return *this;
    }
    [[nodiscard]] char* at() const { return at_; }

 private:
    char* at_;
};

template <class Out, class T>
void append(Out& out, T value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    out.append(bytes, sizeof value);
}

template <class Out>
void append_counted(Out& out, std::string_view text) {
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

template <class Out>
void append_moment(Out& out, const MYSQL_TIME& moment) {
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
template <class Out>
void append_value(Out& out, const sql::parameter& of) {
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

/// Writes its size into the head. What is too long for one packet becomes several; the last of them may be empty.
void end(std::string& out, std::size_t begun) {
    std::size_t size = out.size() - begun - header_size;
    const auto write_head = [&out](std::size_t at, std::size_t length, std::size_t number) {
        for (std::size_t i = 0; i < 3; ++i) out[at + i] = static_cast<char>(length >> (8 * i));
        out[at + 3] = static_cast<char>(number);
    };
    std::size_t number = 0;
    for (; size >= packet_limit; size -= packet_limit) {
        write_head(begun, packet_limit, number++);
        begun += header_size + packet_limit;
        out.insert(begun, header_size, '\0');
    }
    write_head(begun, size, number);
}

template <class T>
T load(std::string_view from, std::size_t at) {
    T value{};
    if (from.size() >= at + sizeof value) std::memcpy(&value, from.data() + at, sizeof value);
    return value;
}

unsigned char sign_of(std::string_view packet) {
    return packet.empty() ? std::uint8_t{0xFE} : static_cast<std::uint8_t>(packet.front());
}

bool is_progress(std::string_view packet) {
    return sign_of(packet) == error_sign && load<std::uint16_t>(packet, 1) == progress_code;
}

}  // namespace

void append_query(std::string& out, std::string_view text) {
    const auto begun = begin(out);
    out += com_query;
    out += text;
    end(out, begun);
}

void append_prepare(std::string& out, std::string_view text) {
    const auto begun = begin(out);
    out += com_stmt_prepare;
    out += text;
    end(out, begun);
}

void append_close(std::string& out, std::uint32_t statement) {
    const auto begun = begin(out);
    out += com_stmt_close;
    append(out, statement);
    end(out, begun);
}

void append_execute(std::string& out, std::uint32_t statement, parameters with) {
    const auto begun = begin(out);
    const std::size_t nulls = (with.size() + 7) / 8;
    std::size_t room = 16 + nulls + 2 * with.size();
    for (const auto& one : with) room += room_for(one);
    out.resize_and_overwrite(out.size() + room, [&](char* from, std::size_t) {
        cursor to(from + begun + header_size);
        to += com_stmt_execute;
        append(to, statement);
        to += '\0';                    // no cursor
        append(to, std::uint32_t{1});  // iterations
        if (with.empty()) return static_cast<std::size_t>(to.at() - from);
        char* const null = to.at();
        std::memset(null, 0, nulls);
        to = cursor(null + nulls);
        to += '\1';  // types follow
        for (std::size_t i = 0; i < with.size(); ++i) {
            append(to, static_cast<std::uint16_t>(wire_type_of(with[i])));
            if (is_nothing(with[i])) null[i / 8] = static_cast<char>(null[i / 8] | 1 << i % 8);
        }
        for (const auto& one : with) append_value(to, one);
        return static_cast<std::size_t>(to.at() - from);
    });
    end(out, begun);
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
    end(out, begun);
    return count;
}

std::optional<std::string_view> take_packet(std::string_view& from, std::string& whole) {
    std::string_view left = from;
    bool several = false;
    for (;;) {
        if (left.size() < header_size) return std::nullopt;
        const std::size_t size = load<std::uint32_t>(left, 0) & packet_limit;
        if (left.size() < header_size + size) return std::nullopt;
        const auto body = left.substr(header_size, size);
        left.remove_prefix(header_size + size);
        if (size == packet_limit || several) {
            if (!several) whole.clear();
            several = true;
            whole += body;
            if (size == packet_limit) continue;
        }
        from = left;
        return several ? std::string_view(whole) : body;
    }
}

std::uint64_t take_number(std::string_view& from) {
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

std::optional<reply> read_reply(std::string_view packet) {
    const auto sign = sign_of(packet);
    if (sign != ok_sign && sign != error_sign) return std::nullopt;
    packet.remove_prefix(1);
    if (packet.size() < 2) return std::nullopt;
    reply made;
    if (sign == ok_sign) {
        made.well = true;
        made.affected = take_number(packet);
        made.last_insert_id = take_number(packet);
        if (packet.size() < 4) return std::nullopt;
        made.status = load<std::uint16_t>(packet, 0);
        made.warnings = load<std::uint16_t>(packet, 2);
        return made;
    }
    made.code = load<std::uint16_t>(packet, 0);
    packet.remove_prefix(2);
    made.sqlstate = "HY000";
    if (packet.starts_with('#') && packet.size() >= 6) {
        made.sqlstate = packet.substr(1, 5);
        packet.remove_prefix(6);
    }
    made.message = packet;
    return made;
}

bool ends_session(unsigned int code) {
    switch (code) {
        case ER_SERVER_SHUTDOWN:
        case 1927:  // ER_CONNECTION_KILLED (MariaDB)
        case 3169:  // ER_SESSION_WAS_KILLED (MySQL)
        case 4031:  // ER_CLIENT_INTERACTION_TIMEOUT (MySQL)
            return true;
        default:
            // 0: the library could make nothing of what it read.
            return code == 0 || (code >= CR_MIN_ERROR && code <= CR_MAX_ERROR);
    }
}

bool is_end(std::string_view packet) { return sign_of(packet) == 0xFE && packet.size() < 9; }

std::optional<prepared_reply> read_prepared(std::string_view packet) {
    constexpr std::size_t size = 12;
    if (sign_of(packet) != ok_sign || packet.size() < size) return std::nullopt;
    return prepared_reply{.statement = load<std::uint32_t>(packet, 1),
                          .columns = load<std::uint16_t>(packet, 5),
                          .parameters = load<std::uint16_t>(packet, 7),
                          .warnings = load<std::uint16_t>(packet, 10)};
}

outline::part outline::end(part what, unsigned int status, unsigned int warnings) {
    status_ = status;
    warnings_ = warnings;
    stage_ = stage::start;
    whole_ = (status_ & SERVER_MORE_RESULTS_EXIST) == 0;
    return what;
}

outline::part outline::next(std::string_view packet) {
    const auto sign = sign_of(packet);
    if (whole_ || packet.empty()) return part::nonsense;
    if (is_progress(packet)) return part::progress;
    if (sign == error_sign) {
        whole_ = failed_ = true;
        return part::reply;
    }
    switch (stage_) {
        case stage::start: {
            if (sign == ok_sign) {
                packet.remove_prefix(1);
                static_cast<void>(take_number(packet));
                static_cast<void>(take_number(packet));
                if (packet.size() < 4) return part::nonsense;
                return end(part::reply, load<std::uint16_t>(packet, 0), load<std::uint16_t>(packet, 2));
            }
            if (sign == 0xFB || sign == 0xFE) return part::nonsense;  // a file of ours is asked for, or nothing known
            left_ = take_number(packet);
            // MariaDB says whether definitions follow, or have not changed since it told them.
            if (!packet.empty() && packet.front() == 0) left_ = 0;
            stage_ = stage::definitions;
            return part::columns;
        }
        case stage::definitions:
            if (left_ > 0) {
                --left_;
                return part::definition;
            }
            if (!is_end(packet)) return part::nonsense;
            stage_ = stage::rows;
            return part::definitions_end;
        case stage::rows:
            if (sign == ok_sign) return part::row;
            if (!is_end(packet) || packet.size() < 5) return part::nonsense;
            return end(part::rows_end, load<std::uint16_t>(packet, 3), load<std::uint16_t>(packet, 1));
    }
    return part::nonsense;
}

}  // namespace borealis::mysql
