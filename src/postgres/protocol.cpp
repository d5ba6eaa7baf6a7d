#include "postgres/protocol.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <charconv>
#include <cstring>
#include <limits>

namespace borealis::postgres {
namespace {

constexpr std::size_t head_octets = 5;  // type and length
constexpr std::uint32_t protocol_version = 3U << 16;
constexpr std::uint32_t cancel_request_code = 1234U << 16 | 5678U;
constexpr std::uint32_t ssl_request_code = 1234U << 16 | 5679U;
constexpr std::string_view execute_and_sync("E\0\0\0\x9\0\0\0\0\0S\0\0\0\4", 15);
constexpr auto execute = execute_and_sync.substr(0, 10);
constexpr auto sync = execute_and_sync.substr(10);

void put16(std::string& to, std::size_t value) {
    to.push_back(static_cast<char>(value >> 8 & 0xff));
    to.push_back(static_cast<char>(value & 0xff));
}

void put32(std::string& to, std::uint32_t value) { append32(to, value); }

void put_text(std::string& to, std::string_view text) { to.append(text).push_back('\0'); }

void put_head(std::string& to, char type, std::size_t body) {
    assert(body + 4 <= std::numeric_limits<std::int32_t>::max());
    to.push_back(type);
    put32(to, static_cast<std::uint32_t>(body + 4));
}

/// Lets `write` fill so many octets more at the end of `to`; it returns where it has ended.
template <class Write>
void put(std::string& to, std::size_t octets, Write write) {
    const std::size_t before = to.size();
    to.resize_and_overwrite(before + octets, [&](char* at, std::size_t /*libstdc++ 12 gives the capacity*/) {
        [[maybe_unused]] const char* const end = write(at + before);
        assert(end == at + before + octets);
        return before + octets;
    });
}

char* write16(char* at, std::size_t value) {
    at[0] = static_cast<char>(value >> 8 & 0xff);
    at[1] = static_cast<char>(value & 0xff);
    return at + 2;
}

char* write32(char* at, std::uint32_t value) {
    const auto octets = std::endian::native == std::endian::little ? std::byteswap(value) : value;
    std::memcpy(at, &octets, sizeof octets);
    return at + sizeof octets;
}

char* write(char* at, std::string_view octets) {
    octets.copy(at, octets.size());
    return at + octets.size();
}

/// What is left of a body. Every take fails for good once one has failed.
class reading {
 public:
    explicit reading(std::string_view body) : left_(body) {}

    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] bool at_end() const { return left_.empty(); }

    std::uint32_t take32() {
        const auto text = take(4);
        return text.empty() ? 0 : read32(text.data());
    }
    int take16() {
        const auto text = take(2);
        if (text.empty()) return 0;
        return static_cast<std::int16_t>(static_cast<unsigned char>(text[0]) << 8 |
                                         static_cast<unsigned char>(text[1]));
    }
    char take8() {
        const auto text = take(1);
        return text.empty() ? '\0' : text[0];
    }
    std::string_view take_text() {
        const auto zero = left_.find('\0');
        if (zero == std::string_view::npos) {
            ok_ = false;
            left_ = {};
            return {};
        }
        const auto out = left_.substr(0, zero);
        left_.remove_prefix(zero + 1);
        return out;
    }
    std::string_view take(std::size_t octets) {
        if (left_.size() < octets) {
            ok_ = false;
            left_ = {};
            return {};
        }
        const auto out = left_.substr(0, octets);
        left_.remove_prefix(octets);
        return out;
    }

 private:
    std::string_view left_;
    bool ok_ = true;
};

constexpr std::size_t most_short = 30000;

/// The same before a session is established: nothing long is taken from somebody who may not be a database at all.
std::size_t most_of_log_in(char type) {
    switch (type) {
        case 'R':  // Authentication…
            return 2000;
        case 'E':  // ErrorResponse
        case 'K':  // BackendKeyData
        case 'N':  // NoticeResponse
        case 'S':  // ParameterStatus
        case 'Z':  // ReadyForQuery
            return most_short;
        default:
            return 0;
    }
}

/// How long a message of this type may be; 0: no server sends it to a session of ours. As in libpq, most types are
/// short, so that lost synchronisation is seen at once.
std::size_t most_of(char type) {
    switch (type) {
        case 'T':  // RowDescription
        case 'D':  // DataRow
        case 'd':  // CopyData
        case 'E':  // ErrorResponse
        case 'N':  // NoticeResponse
        case 'A':  // NotificationResponse
        case 't':  // ParameterDescription
            return message_reader::most_octets;
        case '1':  // ParseComplete
        case '2':  // BindComplete
        case '3':  // CloseComplete
        case 'C':  // CommandComplete
        case 'G':  // CopyInResponse
        case 'H':  // CopyOutResponse
        case 'I':  // EmptyQueryResponse
        case 'S':  // ParameterStatus
        case 'W':  // CopyBothResponse
        case 'Z':  // ReadyForQuery
        case 'c':  // CopyDone
        case 'n':  // NoData
        case 's':  // PortalSuspended
            return most_short;
        default:
            return 0;
    }
}

/// Octets of a whole message, its head included; 0 when that is no message.
std::size_t size_of(const char* head, message_reader::phase now) {
    const std::size_t length = read32(head + 1);
    const std::size_t most = now == message_reader::phase::session ? most_of(head[0]) : most_of_log_in(head[0]);
    if (length < 4 || length > most) return 0;
    return length + 1;
}

}  // namespace

std::uint32_t read32(const char* at) {
    const auto octet = [at](int i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(at[i])); };
    return octet(0) << 24 | octet(1) << 16 | octet(2) << 8 | octet(3);
}

// ---- to the server

void append32(std::string& to, std::uint32_t value) {
    const char octets[] = {static_cast<char>(value >> 24 & 0xff), static_cast<char>(value >> 16 & 0xff),
                           static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
    to.append(octets, sizeof octets);
}

void append_ssl_request(std::string& to) {
    put32(to, 8);
    put32(to, ssl_request_code);
}

void append_startup(std::string& to, std::span<const std::pair<std::string_view, std::string_view>> parameters) {
    std::size_t octets = 4 + 4 + 1;
    for (const auto& [name, value] : parameters) octets += name.size() + 1 + value.size() + 1;
    put32(to, static_cast<std::uint32_t>(octets));
    put32(to, protocol_version);
    for (const auto& [name, value] : parameters) {
        put_text(to, name);
        put_text(to, value);
    }
    to.push_back('\0');
}

void append_cancel_request(std::string& to, std::uint32_t backend, std::uint32_t key) {
    put32(to, 16);
    put32(to, cancel_request_code);
    put32(to, backend);
    put32(to, key);
}

void append_password(std::string& to, std::string_view text) {
    put_head(to, 'p', text.size() + 1);
    put_text(to, text);
}

void append_sasl_initial_response(std::string& to, std::string_view mechanism, std::string_view data) {
    put_head(to, 'p', mechanism.size() + 1 + 4 + data.size());
    put_text(to, mechanism);
    put32(to, static_cast<std::uint32_t>(data.size()));
    to.append(data);
}

void append_sasl_response(std::string& to, std::string_view data) {
    put_head(to, 'p', data.size());
    to.append(data);
}

void append_query(std::string& to, std::string_view text) {
    put_head(to, 'Q', text.size() + 1);
    put_text(to, text);
}

void append_parse(std::string& to, std::string_view name, std::string_view text, std::span<const oid> types) {
    put_head(to, 'P', name.size() + text.size() + 4 + 4 * types.size());
    put_text(to, name);
    put_text(to, text);
    put16(to, types.size());
    for (const oid type : types) put32(to, type);
}

void append_bind(std::string& to, std::string_view name, const binding& values) {
    const auto count = static_cast<std::size_t>(values.count());
    std::size_t octets = 1 + name.size() + 1 + 2 + 2 * count + 2 + 2;
    for (std::size_t i = 0; i < count; ++i) {
        octets += 4 + (values.values()[i] == nullptr ? 0 : static_cast<std::size_t>(values.lengths()[i]));
    }
    assert(octets + 4 <= std::numeric_limits<std::int32_t>::max());
    put(to, head_octets + octets, [&](char* at) {
        *at++ = 'B';
        at = write32(at, static_cast<std::uint32_t>(octets + 4));
        *at++ = '\0';
        at = write(at, name);
        *at++ = '\0';
        at = write16(at, count);
        for (std::size_t i = 0; i < count; ++i) at = write16(at, static_cast<std::size_t>(values.formats()[i]));
        at = write16(at, count);
        for (std::size_t i = 0; i < count; ++i) {
            const char* const value = values.values()[i];
            if (value == nullptr) {
                at = write32(at, std::numeric_limits<std::uint32_t>::max());
                continue;
            }
            const auto length = static_cast<std::size_t>(values.lengths()[i]);
            at = write32(at, static_cast<std::uint32_t>(length));
            at = write(at, {value, length});
        }
        return write16(at, 0);
    });
}

void append_bind(std::string& to, std::string_view name, std::span<const std::string> values) {
    std::size_t octets = 1 + name.size() + 1 + 2 + 2 + 2;
    for (const auto& value : values) octets += 4 + value.size();
    put_head(to, 'B', octets);
    to.push_back('\0');
    put_text(to, name);
    put16(to, 0);
    put16(to, values.size());
    for (const auto& value : values) {
        put32(to, static_cast<std::uint32_t>(value.size()));
        to.append(value);
    }
    put16(to, 0);
}

void append_bind(std::string& to, std::string_view portal, std::string_view name, std::span<const bound_array> values,
                 std::size_t elements) {
    constexpr std::size_t array_head = 20;  // dimensions, NULLs, type of the elements; their number, first index
    const auto size_of_array = [](const bound_array& one) {
        return one.elements.size() + (one.is_text ? 2 : array_head);  // braces
    };
    std::size_t octets = portal.size() + 1 + name.size() + 1 + 2 + 2 * values.size() + 2 + 2;
    for (const auto& each : values) octets += 4 + size_of_array(each);
    put_head(to, 'B', octets);
    put_text(to, portal);
    put_text(to, name);
    put16(to, values.size());
    for (const auto& each : values) put16(to, each.is_text ? 0 : 1);
    put16(to, values.size());
    for (const auto& each : values) {
        put32(to, static_cast<std::uint32_t>(size_of_array(each)));
        if (each.is_text) {
            to.append("{").append(each.elements).append("}");
            continue;
        }
        put32(to, 1);
        put32(to, 1);
        put32(to, each.element);
        put32(to, static_cast<std::uint32_t>(elements));
        put32(to, 1);
        to.append(each.elements);
    }
    put16(to, 0);
}

void append_describe_statement(std::string& to, std::string_view name) {
    put_head(to, 'D', 1 + name.size() + 1);
    to.push_back('S');
    put_text(to, name);
}

void append_describe_portal(std::string& to) {
    put_head(to, 'D', 2);
    to.append("P\0", 2);
}

void append_execute(std::string& to) { to.append(execute); }

void append_execute(std::string& to, std::string_view portal) {
    put_head(to, 'E', portal.size() + 1 + 4);
    put_text(to, portal);
    put32(to, 0);
}

void append_close_portal(std::string& to, std::string_view portal) {
    put_head(to, 'C', 1 + portal.size() + 1);
    to.push_back('P');
    put_text(to, portal);
}

void append_close_statement(std::string& to, std::string_view name) {
    put_head(to, 'C', 1 + name.size() + 1);
    to.push_back('S');
    put_text(to, name);
}

void append_sync(std::string& to) { to.append(sync); }

void append_execute_and_sync(std::string& to) { to.append(execute_and_sync); }

// ---- from the server

std::span<char> message_reader::prepare() {
    const std::size_t held = unread();
    // Room grows as octets come, never because a length was announced alone.
    std::size_t room = std::max(capacity_, smallest);
    if (held == 0 && capacity_ > largest) room = largest;
    if (filled_ && room < largest) room *= 2;
    if (held + 1024 > room) room *= 2;
    if (room != capacity_) {
        auto larger = std::make_unique_for_overwrite<char[]>(room);
        if (held > 0) std::memcpy(larger.get(), buffer_.get() + begin_, held);
        buffer_ = std::move(larger);
        capacity_ = room;
    } else if (begin_ > 0 && held > 0) {
        std::memmove(buffer_.get(), buffer_.get() + begin_, held);
    }
    begin_ = 0;
    end_ = held;
    return {buffer_.get() + end_, capacity_ - end_};
}

void message_reader::commit(std::size_t octets) {
    filled_ = octets == capacity_ - end_;
    end_ += octets;
}

std::optional<message> message_reader::next() {
    if (failed_ || unread() < head_octets) return std::nullopt;
    const char* const at = buffer_.get() + begin_;
    const std::size_t whole = size_of(at, phase_);
    if (whole == 0) {
        failed_ = true;
        return std::nullopt;
    }
    if (unread() < whole) return std::nullopt;
    begin_ += whole;
    return message{.type = at[0], .body = {at + head_octets, whole - head_octets}};
}

bool message_reader::holds_end() const { return first_of('Z', 'Z') == 'Z'; }

bool message_reader::holds_error() const { return first_of('Z', 'E') == 'E'; }

/// The type of the first message at hand that is of one or the other.
char message_reader::first_of(char one, char other) const {
    for (std::size_t at = begin_; end_ - at >= head_octets;) {
        const std::size_t whole = size_of(buffer_.get() + at, phase_);
        if (whole == 0 || end_ - at < whole) break;
        if (buffer_[at] == one || buffer_[at] == other) return buffer_[at];
        at += whole;
    }
    return '\0';
}

std::optional<server_error> read_error(std::string_view body) {
    reading in(body);
    server_error out;
    auto& what = out.what;
    what.kind = sql::failure_kind::database;
    std::string_view local_severity;
    std::string_view routine;
    for (;;) {
        const char field = in.take8();
        if (!in.ok()) return std::nullopt;
        if (field == '\0') break;
        const auto text = in.take_text();
        if (!in.ok()) return std::nullopt;
        switch (field) {
            case 'S':
                local_severity = text;
                break;
            case 'V':
                what.severity = text;
                break;
            case 'C':
                what.sqlstate = text;
                break;
            case 'M':
                what.message = text;
                break;
            case 'D':
                what.detail = text;
                break;
            case 'H':
                what.hint = text;
                break;
            case 'W':
                what.where = text;
                break;
            case 'P':
                std::from_chars(text.data(), text.data() + text.size(), what.position);
                break;
            case 'R':
                routine = text;
                break;
            default:
                break;
        }
    }
    if (what.severity.empty()) what.severity = local_severity;
    if (what.sqlstate.empty()) what.sqlstate = "XX000";  // internal_error: a server that names none
    // The routine is PostgreSQL's in every language; others that speak its protocol have only the message.
    out.stale = what.sqlstate == "0A000" && what.where.empty() &&
                (routine == "RevalidateCachedQuery" || what.message == "cached plan must not change result type");
    return out;
}

bool read_row_description(std::string_view body, std::vector<result_field>& into) {
    into.clear();
    reading in(body);
    const int count = in.take16();
    for (int i = 0; i < count && in.ok(); ++i) {
        result_field field;
        field.name = in.take_text();
        field.table = in.take32();
        field.number = in.take16();
        field.type = in.take32();
        in.take16();  // typlen
        field.modifier = static_cast<std::int32_t>(in.take32());
        in.take16();  // format
        if (in.ok()) into.push_back(std::move(field));
    }
    return in.ok() && in.at_end() && count >= 0;
}

int count_columns(std::string_view body) {
    reading in(body);
    const int count = in.take16();
    return in.ok() ? count : -1;
}

bool read_row(std::string_view body, std::span<sql::cell> into) {
    const char* at = body.data();
    std::size_t left = body.size();
    if (count_columns(body) != static_cast<int>(into.size())) return false;
    at += 2;
    left -= 2;
    for (auto& cell : into) {
        if (left < 4) return false;
        const std::uint32_t length = read32(at);
        at += 4;
        left -= 4;
        if (length == std::numeric_limits<std::uint32_t>::max()) {
            cell.is = sql::cell::form::null;
            cell.text = {};
            continue;
        }
        if (length > left) return false;
        cell.is = sql::cell::form::text;
        cell.text = {at, length};
        at += length;
        left -= length;
    }
    return left == 0;
}

std::optional<std::string_view> read_command_tag(std::string_view body) {
    reading in(body);
    const auto tag = in.take_text();
    if (!in.ok() || !in.at_end()) return std::nullopt;
    return tag;
}

std::optional<char> read_ready(std::string_view body) {
    if (body != "I" && body != "T" && body != "E") return std::nullopt;
    return body[0];
}

}  // namespace borealis::postgres
