#include "http/request.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <llhttp.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "core/give_back.hpp"
#include "http/buffers.hpp"

namespace borealis::http {
namespace {

constexpr std::size_t padding = 64;  // simdjson's; data_api reads the body where it lies
constexpr std::size_t least_room = 4 * 1024;
constexpr std::size_t usual_capacity = usual_buffer - padding;
constexpr std::size_t kept_capacity = 64 * 1024;  // more is given back by consume()
constexpr std::size_t chunk_line_bytes = 256;     // size and extensions of one chunk
constexpr std::size_t chunk_size_digits = 16;

constexpr auto token_bytes = [] {
    std::array<bool, 256> table = {};
    for (const char c :
         std::string_view("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        table[static_cast<unsigned char>(c)] = true;
    return table;
}();

constexpr auto host_bytes = [] {
    std::array<bool, 256> table = {};
    for (const char c : std::string_view("-._~%0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        table[static_cast<unsigned char>(c)] = true;
    return table;
}();

/// Of targets that no reader finds fault with.
constexpr auto plain_target_bytes = [] {
    std::array<bool, 256> table = {};
    for (const char c : std::string_view("-._~/%?=&+:,@0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        table[static_cast<unsigned char>(c)] = true;
    return table;
}();

constexpr std::array<std::string_view, 6> plain_methods = {"POST", "GET", "PUT", "DELETE", "HEAD", "OPTIONS"};

bool all_in(const std::array<bool, 256>& table, std::string_view text) {
    return std::ranges::all_of(text, [&](char c) { return table[static_cast<unsigned char>(c)]; });
}

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }
constexpr bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; }

std::string_view trim(std::string_view text) {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

/// The next element of a comma-separated list (RFC 9110, section 5.6.1), taken off `list`.
std::string_view next_element(std::string_view& list) {
    const auto comma = std::min(list.find(','), list.size());
    const auto element = trim(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
    return element;
}

/// Host or authority without user (RFC 3986, section 3.2), kept to the characters that names and addresses have.
bool is_authority(std::string_view text) {
    std::string_view name = text;
    if (!text.empty() && text.front() == '[') {
        const auto close = text.find(']');
        if (close == text.npos) return false;
        name = text.substr(1, close - 1);
        text.remove_prefix(close + 1);
        if (name.find_first_not_of("0123456789abcdefABCDEF:.") != name.npos) return false;
    } else {
        name = text.substr(0, text.find(':'));
        text.remove_prefix(name.size());
        if (!all_in(host_bytes, name)) return false;
    }
    if (name.empty()) return false;
    return text.empty() || (text.front() == ':' && text.size() <= 6 && std::ranges::all_of(text.substr(1), is_digit));
}

using core::each;

/// First control character other than a tab; `end` when there is none.
const char* find_control(const char* at, const char* end) {
#if defined(__SSE2__)
    for (; end - at >= 16; at += 16) {
        const auto sixteen = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        const auto low = _mm_cmpeq_epi8(_mm_min_epu8(sixteen, _mm_set1_epi8(0x1F)), sixteen);
        const auto control = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(sixteen, _mm_set1_epi8('\t')), low),
                                          _mm_cmpeq_epi8(sixteen, _mm_set1_epi8(0x7F)));
        if (const int marks = _mm_movemask_epi8(control); marks != 0)
            return at + std::countr_zero(static_cast<unsigned>(marks));
    }
#endif
    if constexpr (std::endian::native == std::endian::little) {
        while (end - at >= 8) {
            std::uint64_t eight;
            std::memcpy(&eight, at, sizeof eight);
            const auto erased = eight ^ each(0x7F);
            // Marks controls, tabs, and by a borrow perhaps a byte behind one: each of the eight is looked at then.
            const bool marked = ((((eight - each(0x20)) & ~eight) | ((erased - each(1)) & ~erased)) & each(0x80)) != 0;
            if (!marked) {
                at += 8;
                continue;
            }
            for (const char* const stop = at + 8; at != stop; ++at)
                if (is_control(*at)) return at;
        }
    }
    while (at != end && !is_control(*at)) ++at;
    return at;
}

/// Takes the line up to the next CR LF off `text`; nothing where another control character comes first.
std::optional<std::string_view> take_line(std::string_view& text) {
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    const char* const stop = find_control(begin, end);
    if (end - stop < 2 || stop[0] != '\r' || stop[1] != '\n') return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(stop + 2 - begin));
    return std::string_view(begin, stop);
}

/// How many characters of a token `text` begins with (RFC 9110, section 5.6.2).
std::size_t token_size(std::string_view text) {
    std::size_t size = 0;
#if defined(__SSE2__)
    // Letters, digits and dashes, of which names are made, by sixteen.
    for (; text.size() - size >= 16; size += 16) {
        const auto sixteen = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + size));
        const auto up_to = [](__m128i from_zero, char most) {
            return _mm_cmpeq_epi8(_mm_min_epu8(from_zero, _mm_set1_epi8(most)), from_zero);
        };
        const auto letter =
            up_to(_mm_sub_epi8(_mm_or_si128(sixteen, _mm_set1_epi8(0x20)), _mm_set1_epi8('a')), 'z' - 'a');
        const auto digit = up_to(_mm_sub_epi8(sixteen, _mm_set1_epi8('0')), 9);
        const auto dash = _mm_cmpeq_epi8(sixteen, _mm_set1_epi8('-'));
        const auto usual = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letter, digit), dash)));
        if (usual != 0xFFFF) {
            size += static_cast<std::size_t>(std::countr_one(usual));
            break;
        }
    }
#endif
    while (size < text.size() && token_bytes[static_cast<unsigned char>(text[size])]) ++size;
    return size;
}

/// RFC 9112, section 5, without folding (a line that begins with a blank has no name).
std::optional<header> read_field(std::string_view line) {
    const auto colon = token_size(line);
    if (colon == 0 || colon == line.size() || line[colon] != ':') return std::nullopt;
    return header{line.substr(0, colon), trim(line.substr(colon + 1))};
}

/// Headers that decide where a message ends and what becomes of its connection.
enum class framing : std::uint8_t {
    none,
    host,
    expect,
    upgrade,
    connection,
    content_length,
    proxy_connection,
    transfer_encoding
};

framing framing_of(std::string_view name) {
    const auto if_it_is = [name](std::string_view known, framing what) {
        return iequals(name, known) ? what : framing::none;
    };
    switch (name.size()) {
        case 4:
            return if_it_is("host", framing::host);
        case 6:
            return if_it_is("expect", framing::expect);
        case 7:
            return if_it_is("upgrade", framing::upgrade);
        case 10:
            return if_it_is("connection", framing::connection);
        case 14:
            return if_it_is("content-length", framing::content_length);
        case 16:
            return if_it_is("proxy-connection", framing::proxy_connection);
        case 17:
            return if_it_is("transfer-encoding", framing::transfer_encoding);
        default:
            return framing::none;
    }
}

/// What they say.
struct framing_headers {
    std::size_t hosts = 0, lengths = 0, codings = 0;
    std::string_view host, length, coding;
    bool close = false, keep = false;
    bool continues = false, expects_else = false;

    void take(framing what, std::string_view value) {
        switch (what) {
            case framing::host:
                ++hosts, host = value;
                break;
            case framing::expect:
                (iequals(value, "100-continue") ? continues : expects_else) = true;
                break;
            case framing::connection:
                for (auto list = value; !list.empty();) {
                    const auto option = next_element(list);
                    close |= iequals(option, "close");
                    keep |= iequals(option, "keep-alive");
                }
                break;
            case framing::content_length:
                ++lengths, length = value;
                break;
            case framing::transfer_encoding:
                ++codings, coding = value;
                break;
            case framing::none:
            case framing::upgrade:
            case framing::proxy_connection:
                break;
        }
    }
};

/// llhttp stops behind the head: what follows is cut by ourselves.
const llhttp_settings_t* head_settings() {
    static const llhttp_settings_t settings = [] {
        llhttp_settings_t made;
        llhttp_settings_init(&made);
        made.on_headers_complete = [](llhttp_t*) -> int { return HPE_PAUSED; };
        return made;
    }();
    return &settings;
}

}  // namespace

std::string_view request::find(std::string_view name) const {
    const auto found = std::ranges::find_if(headers, [&](const header& one) { return iequals(one.name, name); });
    return found == headers.end() ? std::string_view() : found->value;
}

/// The head is read twice: by llhttp as the bytes come, and once it is whole by our own stricter rules. Only a head on
/// which both agree counts, so that neither's leniency opens a gap (llhttp 8 takes a CR without LF, CVE-2023-30589, two
/// Hosts and `gzip, chunked`). A head that comes whole and has nothing in it that readers could differ about is read by
/// ours alone (`read_plain_head`); llhttp would take half of the time that reading a request costs. Chunks are read by
/// our own rules alone: llhttp hides the framing bytes that must be checked.
///
///   head → sized ───────────────┬→ whole → (consume) → head
///      └→ size_line ⇄ data, data_end │
///             └→ trailers ───────────┘      any → failed
///
/// All offsets count from the first byte of the current message, which stands at `begin`.
struct request_reader::parts {
    enum class state { head, sized, size_line, data, data_end, trailers, whole, failed };

    request_limits limits;
    http::buffer buffer;
    std::size_t capacity = 0;  // without the padding
    std::size_t begin = 0;
    std::size_t end = 0;  // behind the last byte received

    state now = state::head;
    llhttp_t parser;
    std::size_t fed = 0;     // bytes of the head given to llhttp
    std::size_t head = 0;    // its length
    std::size_t body = 0;    // bytes of the body in place behind the head
    std::size_t cursor = 0;  // chunked: first byte not read yet; whole: the message's end
    std::uint64_t left = 0;  // of the sized body or of the chunk
    std::size_t extras = 0;  // bytes of chunk extensions and trailers
    std::size_t trailers = 0;
    bool continue_expected = false;
    bool plain = false;          // llhttp has not seen this head
    std::size_t body_limit = 0;  // of this message
    std::vector<header> headers;
    framing_headers said;  // while the head is read
    std::vector<trailer> kept_trailers;
    request message;
    refusal refused;

    explicit parts(request_limits given) : limits(given) { restart(); }

    void restart() {
        now = state::head;
        fed = head = body = cursor = extras = trailers = 0;
        left = 0;
        continue_expected = plain = false;
        headers.clear();
        said = {};
        kept_trailers.clear();
        message = {};
    }

    [[nodiscard]] std::size_t received() const { return end - begin; }
    [[nodiscard]] const char* start() const { return buffer.get() + begin; }

    progress fail(int status, std::string_view reason) {
        now = state::failed;
        refused = {status, reason};
        return progress::failed;
    }

    progress next() {
        for (;;) {
            switch (now) {
                case state::head:
                    if (const auto stop = read_head()) return *stop;
                    break;
                case state::sized:
                    body = std::min(static_cast<std::size_t>(left), received() - head);
                    if (body < left) return wait_for_body();
                    cursor = head + body;
                    now = state::whole;
                    break;
                case state::size_line:
                case state::data:
                case state::data_end:
                case state::trailers:
                    if (const auto stop = read_chunked()) return *stop;
                    break;
                case state::whole:
                    message.body = {start() + head, body};
                    message.trailers = kept_trailers;
                    return progress::request;
                case state::failed:
                    return progress::failed;
            }
        }
    }

    progress wait_for_body() {
        // RFC 9110, section 10.1.1: no need to say "go on" to who has begun already.
        return std::exchange(continue_expected, false) && received() == head ? progress::expects_continue
                                                                             : progress::need_more;
    }

    // --- head

    std::optional<progress> read_head() {
        const auto available = std::min(received(), limits.header_bytes);
        if (fed == 0 && read_plain_head({start(), available})) return check_framing(true);
        if (fed < available) {
            if (fed == 0) llhttp_init(&parser, HTTP_REQUEST, head_settings());
            const auto error = llhttp_execute(&parser, start() + fed, available - fed);
            if (error == HPE_PAUSED) {
                head = static_cast<std::size_t>(llhttp_get_error_pos(&parser) - start());
                return check_head({start(), head});
            }
            if (error == HPE_INVALID_VERSION || error == HPE_PAUSED_H2_UPGRADE)
                return fail(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here");
            if (error != HPE_OK) return fail(400, llhttp_get_error_reason(&parser));
            fed = available;
        }
        if (fed < limits.header_bytes) return progress::need_more;
        std::string_view line(start(), fed);
        line.remove_prefix(std::min(line.find_first_not_of("\r\n"), line.size()));
        split_request_line(line.substr(0, line.find('\n')));
        return message.target.size() > limits.target_bytes ? fail(414, "The request target is too long")
                                                           : fail(431, "The request line and headers are too long");
    }

    /// Reads a head that is whole, and of which every reader makes the same: HTTP/1.1, a common method, a path of
    /// common characters, nothing about transfer codings, upgrades or connection options but the usual two.
    /// @return False, and nothing has happened, for all others; what is wrong with them is not told here.
    bool read_plain_head(std::string_view text) {
        const auto whole = text;
        plain = take_plain_lines(text);
        if (plain) {
            head = fed = whole.size() - text.size();
            message.headers = headers;
        } else {
            headers.clear();
            message = {};
            said = {};
        }
        return plain;
    }

    bool take_plain_lines(std::string_view& text) {
        auto line = take_line(text);
        if (!line || split_request_line(*line) != "HTTP/1.1") return false;
        if (std::ranges::find(plain_methods, message.method) == plain_methods.end()) return false;
        const auto target = message.target;
        if (!target.starts_with('/') || target.size() > limits.target_bytes || !all_in(plain_target_bytes, target))
            return false;
        for (;;) {
            line = take_line(text);
            if (!line) return false;
            if (line->empty()) return true;
            const auto field = read_field(*line);
            if (!field || headers.size() == limits.header_count) return false;
            const auto& [name, value] = *field;
            const auto what = framing_of(name);
            switch (what) {
                case framing::connection:
                    if (!iequals(value, "keep-alive") && !iequals(value, "close")) return false;
                    break;
                case framing::content_length: {
                    // llhttp takes no tab behind a length.
                    const auto blanks = line->size() - name.size() - value.size() - 1;
                    const bool tidy = blanks == 0 || (blanks == 1 && (*line)[name.size() + 1] == ' ');
                    if (!tidy || said.lengths > 0 || value.empty() || value.size() > 15 ||
                        !std::ranges::all_of(value, is_digit))
                        return false;
                    break;
                }
                case framing::upgrade:
                case framing::proxy_connection:
                case framing::transfer_encoding:
                    return false;
                default:
                    break;
            }
            said.take(what, value);
            headers.push_back(*field);
        }
    }

    std::optional<progress> check_head(std::string_view text) {
        std::optional<std::string_view> line;
        do line = take_line(text);  // empty lines before the first are passed over (RFC 9112, section 2.2)
        while (line && line->empty() && !text.empty());
        if (!line) return fail(400, "A line does not end with CR LF");
        const auto version = split_request_line(*line);
        if (version.empty()) return fail(400, "The request line is not \"method target version\"");
        if (message.target.size() > limits.target_bytes) return fail(414, "The request target is too long");
        if (version != "HTTP/1.1" && version != "HTTP/1.0")
            return fail(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here");
        for (;;) {
            line = take_line(text);
            if (!line) return fail(400, "A header has a control character or does not end with CR LF");
            if (line->empty()) break;
            const auto field = read_field(*line);
            if (!field) return fail(400, "A header is not \"name: value\" on one line");
            if (headers.size() == limits.header_count) return fail(431, "Too many headers");
            said.take(framing_of(field->name), field->value);
            headers.push_back(*field);
        }
        if (!text.empty()) return fail(400, "The head of the request is ambiguous");
        message.headers = headers;
        return check_framing(version == "HTTP/1.1");
    }

    /// @return The version; empty where the line is none.
    std::string_view split_request_line(std::string_view line) {
        const auto first = line.find(' ');
        if (first == line.npos) return {};
        const auto second = line.find(' ', first + 1);
        message.method = line.substr(0, first);
        message.target = line.substr(first + 1, second == line.npos ? line.npos : second - first - 1);
        if (second == line.npos) return "HTTP/0.9";
        const auto version = line.substr(second + 1);
        return version.starts_with("HTTP/") ? version : std::string_view();
    }

    std::optional<progress> check_framing(bool http_1_1) {
        if (said.expects_else) return fail(417, "Only 100-continue can be expected");
        continue_expected = said.continues && http_1_1;
        message.keep_alive = !said.close && (http_1_1 || said.keep);
        if (said.hosts > 1) return fail(400, "More than one Host header");
        if (said.hosts == 0 && http_1_1) return fail(400, "The Host header is missing");
        if (said.hosts == 1 && !is_authority(said.host)) return fail(400, "The Host header is not a host and port");
        if (!split_target(said.host)) return fail(400, "The request target is not a path beginning with /");
        body_limit = limits.body_bytes;
        for (const auto& [prefix, bytes] : limits.larger_bodies) {
            if (message.path.starts_with(prefix)) body_limit = std::max(body_limit, bytes);
        }
        if (said.codings > 0) {
            if (said.lengths > 0) return fail(400, "Content-Length beside Transfer-Encoding");
            if (!http_1_1) return fail(400, "Transfer-Encoding with HTTP/1.0");
            if (said.codings > 1 || !iequals(said.coding, "chunked"))
                return fail(400, "The only transfer coding taken is a single chunked");
            if ((parser.flags & F_CHUNKED) == 0) return fail(400, "The length of the body is ambiguous");
            cursor = head;
            now = state::size_line;
            return std::nullopt;
        }
        if (said.lengths > 1) return fail(400, "More than one Content-Length header");
        if (said.lengths == 1) {
            const char* const last = said.length.data() + said.length.size();
            const auto [stop, error] = std::from_chars(said.length.data(), last, left);
            if (said.length.empty() || !is_digit(said.length.front()) || stop != last || error != std::errc())
                return fail(400, "Content-Length is not a number");
        }
        if (!plain && (left != parser.content_length || (parser.flags & F_TRANSFER_ENCODING) != 0))
            return fail(400, "The length of the body is ambiguous");
        if (left > body_limit) return fail(413, "Request Entity Too Large");
        now = state::sized;
        return std::nullopt;
    }

    /// RFC 9112, section 3.2: origin-form, absolute-form of the same host, or the asterisk of OPTIONS.
    bool split_target(std::string_view host) {
        auto rest = message.target;
        if (!plain && std::ranges::any_of(rest, [](char c) { return c <= 0x20 || c >= 0x7F || c == '#'; }))
            return false;
        if (rest == "*") {
            message.path = rest;
            return message.method == "OPTIONS";
        }
        if (rest.empty() || message.method == "CONNECT") return false;
        if (rest.front() != '/') {
            const std::size_t scheme = iequals(rest.substr(0, 7), "http://")    ? 7
                                       : iequals(rest.substr(0, 8), "https://") ? 8
                                                                                : 0;
            if (scheme == 0) return false;
            rest.remove_prefix(scheme);
            const auto authority = rest.substr(0, rest.find_first_of("/?"));
            if (host.empty() || !iequals(authority, host)) return false;
            rest.remove_prefix(authority.size());
        }
        const auto mark = std::min(rest.find('?'), rest.size());
        message.path = mark == 0 ? "/" : rest.substr(0, mark);
        message.query = rest.substr(std::min(mark + 1, rest.size()));
        return true;
    }

    // --- chunks (RFC 9112, section 7.1)

    std::optional<progress> read_chunked() {
        const std::string_view unread(start() + cursor, received() - cursor);
        switch (now) {
            case state::size_line: {
                std::string_view line;
                const auto stop = framing_line(line, chunk_line_bytes);
                return stop ? stop : open_chunk(line);
            }
            case state::data: {
                if (unread.empty()) return wait_for_body();
                const auto here = std::min(static_cast<std::size_t>(left), unread.size());
                std::memmove(buffer.get() + begin + head + body, unread.data(), here);
                body += here;
                cursor += here;
                left -= here;
                if (left == 0) now = state::data_end;
                return std::nullopt;
            }
            case state::data_end:
                if (!std::string_view("\r\n").starts_with(unread.substr(0, 2)))
                    return fail(400, "A chunk is longer than it says");
                if (unread.size() < 2) return wait_for_body();
                cursor += 2;
                now = state::size_line;
                return std::nullopt;
            default: {
                std::string_view line;
                const auto spent = std::min(head + extras, limits.header_bytes);
                const auto stop = framing_line(line, limits.header_bytes - spent + 2);  // the last, empty line is free
                return stop ? stop : read_trailer(line);
            }
        }
    }

    /// The next line of at most `most` bytes, passed over.
    std::optional<progress> framing_line(std::string_view& line, std::size_t most) {
        std::string_view text(start() + cursor, std::min(received() - cursor, most));
        const auto before = text.size();
        if (!text.contains('\n')) {
            if (before < most) return wait_for_body();
            return now == state::trailers ? fail(431, "The trailers are too long")
                                          : fail(400, "A chunk's extensions are too long");
        }
        const auto taken = take_line(text);
        if (!taken) return fail(400, "A line of the chunked body does not end with CR LF");
        cursor += before - text.size();
        line = *taken;
        return std::nullopt;
    }

    std::optional<progress> open_chunk(std::string_view line) {
        const char* const last = line.data() + line.size();
        const auto [stop, error] = std::from_chars(line.data(), last, left, 16);
        const auto digits = static_cast<std::size_t>(stop - line.data());
        if (error != std::errc() || digits > chunk_size_digits || (stop != last && *stop != ';'))
            return fail(400, "A chunk's size is not a number");
        extras += line.size() - digits;
        if (head + extras > limits.header_bytes) return fail(400, "The chunks' extensions are too long");
        if (left > body_limit - body) return fail(413, "Request Entity Too Large");
        now = left == 0 ? state::trailers : state::data;
        return std::nullopt;
    }

    std::optional<progress> read_trailer(std::string_view line) {
        if (line.empty()) {
            now = state::whole;
            return std::nullopt;
        }
        extras += line.size() + 2;
        if (head + extras > limits.header_bytes) return fail(431, "The trailers are too long");
        const auto field = read_field(line);
        if (!field) return fail(400, "A trailer is not \"name: value\" on one line");
        if (headers.size() + ++trailers > limits.header_count) return fail(431, "Too many trailers");
        if (limits.keep_trailers) kept_trailers.push_back({std::string(field->name), std::string(field->value)});
        return std::nullopt;
    }

    // --- buffer

    std::span<char> prepare() {
        assert(now != state::whole);  // it would move what message() points into
        if (cursor > head + body) close_gap();
        // At most doubled, so that memory follows what was sent and not what was announced.
        auto room = least_room;
        if (now == state::sized)
            room = std::max(room, std::min(static_cast<std::size_t>(left) + head - received(), received()));
        if (capacity - end < room)
            move_to(begin > 0 && capacity - received() >= room
                        ? 0
                        : std::max(usual_capacity, received() + std::max(room, received())));
        return {buffer.get() + end, capacity - end};
    }

    /// Brings the bytes not read yet up to the body's end, over the framing already read.
    void close_gap() {
        const auto unread = received() - cursor;
        std::memmove(buffer.get() + begin + head + body, start() + cursor, unread);
        cursor = head + body;
        end = begin + cursor + unread;
    }

    /// Brings the current message to the start of this buffer (0) or of a new one, and its views with it.
    void move_to(std::size_t new_capacity) {
        auto fresh = new_capacity == 0 ? nullptr : make_buffer(new_capacity + padding);
        char* const to = fresh ? fresh.get() : buffer.get();
        const auto rebase = [&](std::string_view& view) {
            const std::less_equal<const char*> not_behind;
            if (not_behind(start(), view.data()) && not_behind(view.data(), buffer.get() + end))
                view = {to + (view.data() - start()), view.size()};
        };
        if (now != state::head) {
            for (auto* const view : {&message.method, &message.target, &message.path, &message.query}) rebase(*view);
            for (auto& field : headers) {
                rebase(field.name);
                rebase(field.value);
            }
        }
        if (received() > 0) std::memmove(to, start(), received());
        end = received();
        begin = 0;
        if (fresh) {
            buffer = std::move(fresh);
            capacity = new_capacity;
        }
    }

    void consume() {
        assert(now == state::whole);
        begin += cursor;
        restart();
        if (begin == end) begin = end = 0;
        if (capacity > kept_capacity && received() < kept_capacity / 2)
            move_to(std::max(usual_capacity, received() + least_room));
    }
};

request_reader::request_reader(request_limits limits) : parts_(std::make_unique<parts>(limits)) {}
request_reader::request_reader(request_reader&&) noexcept = default;
request_reader& request_reader::operator=(request_reader&&) noexcept = default;
request_reader::~request_reader() = default;

std::span<char> request_reader::prepare() { return parts_->prepare(); }

void request_reader::commit(std::size_t bytes) {
    assert(bytes <= parts_->capacity - parts_->end);
    parts_->end += bytes;
}

request_reader::progress request_reader::next() { return parts_->next(); }
const request& request_reader::message() const { return parts_->message; }
const refusal& request_reader::reason() const { return parts_->refused; }
void request_reader::consume() { parts_->consume(); }
bool request_reader::idle() const { return parts_->now == parts::state::head && parts_->received() == 0; }

void request_reader::rest() {
    assert(idle());
    parts_->buffer.reset();
    parts_->capacity = parts_->begin = parts_->end = 0;
    core::give_back(parts_->headers);
}

bool request_reader::in_body() const {
    using enum parts::state;
    return parts_->now != head && parts_->now != whole && parts_->now != failed;
}

}  // namespace borealis::http
