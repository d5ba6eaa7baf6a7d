// SHA-256 without EVP, whose contexts cost more to begin and end than a short text costs to hash (1,000 instructions
// each), and cannot be begun in the middle as `mac_key` does. Deprecated since OpenSSL 3.0, and there.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "auth/signature.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <stdexcept>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "core/ascii.hpp"

namespace borealis::auth {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

using core::lower;

bool is_unreserved(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == '~';
}

void append_encoded(std::string& out, char c) {
    static constexpr std::string_view digits = "0123456789ABCDEF";
    const auto octet = static_cast<unsigned char>(c);
    out += '%';
    out += digits[octet >> 4];
    out += digits[octet & 15];
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// The octet that `%XX` at `at` stands for.
std::optional<char> encoded_octet(std::string_view text, std::size_t at) {
    if (text[at] != '%' || at + 2 >= text.size()) return std::nullopt;
    const int high = hex_digit(text[at + 1]);
    const int low = hex_digit(text[at + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    return static_cast<char>(high * 16 + low);
}

/// Appends `text` with everything encoded that must be. What is encoded already stays as it was sent, `%2f` and `%41`
/// too: signers send what they sign, and so no octet of a signed query can be changed for another.
void append_encoded_once(std::string& out, std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (encoded_octet(text, i)) {
            out += text.substr(i, 3);
            i += 2;
        } else if (is_unreserved(text[i])) {
            out += text[i];
        } else {
            append_encoded(out, text[i]);
        }
    }
}

std::string encoded_once(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    append_encoded_once(out, text);
    return out;
}

/// Without blanks around it, inner runs of blanks as one (L-5.1).
void append_trimmed(std::string& out, std::string_view value) {
    if (value.empty() ||
        (!is_blank(value.front()) && !is_blank(value.back()) && !value.contains("  ") && !value.contains('\t'))) {
        out += value;
        return;
    }
    const auto begin = out.size();
    bool blank = false;
    for (const char c : value) {
        if (is_blank(c)) {
            blank = true;
            continue;
        }
        if (blank && out.size() > begin) out += ' ';
        blank = false;
        out += c;
    }
}

template <class... Parts>
digest hash(const Parts&... parts) {
    SHA256_CTX context;
    digest out;
    const bool done = SHA256_Init(&context) == 1 &&
                      ((SHA256_Update(&context, std::data(parts), std::size(parts)) == 1) && ...) &&
                      SHA256_Final(out.data(), &context) == 1;
    if (!done) throw std::runtime_error("OpenSSL does not compute SHA-256");
    return out;
}

constexpr std::size_t block = 64;
constexpr hash_state initial = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                                0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};  // FIPS 180-4, 5.3.3

/// Goes on over whole blocks.
void add_blocks(hash_state& to, const void* data, std::size_t count) {
    if (count == 0) return;
    SHA256_CTX context;
    std::ranges::copy(to, context.h);
    context.Nl = context.Nh = context.num = 0;
    context.md_len = SHA256_DIGEST_LENGTH;
    if (SHA256_Update(&context, data, count * block) != 1) throw std::runtime_error("OpenSSL does not compute SHA-256");
    std::ranges::copy(context.h, to.begin());
}

/// The hash of a text that ends with `rest`; `behind` blocks before that have led to this state.
digest finish(hash_state state, std::string_view rest, std::size_t behind) {
    const auto bits = (behind * block + rest.size()) * 8;
    const auto whole = rest.size() / block;
    add_blocks(state, rest.data(), whole);
    rest.remove_prefix(whole * block);
    // FIPS 180-4, 5.1.1: a one, zeros, the length.
    std::array<std::uint8_t, 2 * block> last{};
    std::ranges::copy(rest, last.begin());
    last[rest.size()] = 0x80;
    const std::size_t blocks = rest.size() + 1 + sizeof bits <= block ? 1 : 2;
    for (std::size_t i = 0; i < sizeof bits; ++i)
        last[blocks * block - 1 - i] = static_cast<std::uint8_t>(bits >> (8 * i));
    add_blocks(state, last.data(), blocks);
    digest out;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(state[i / 4] >> (24 - i % 4 * 8));
    return out;
}

/// The state behind the first block, of the key and what RFC 2104 mixes into it.
hash_state state_behind(const digest& key, std::uint8_t mixed_in) {
    std::array<std::uint8_t, block> first;
    first.fill(mixed_in);
    for (std::size_t i = 0; i < key.size(); ++i) first[i] ^= key[i];
    SHA256_CTX context;
    if (SHA256_Init(&context) != 1 || SHA256_Update(&context, first.data(), first.size()) != 1)
        throw std::runtime_error("OpenSSL does not compute SHA-256");
    hash_state state;
    std::ranges::copy(context.h, state.begin());
    OPENSSL_cleanse(first.data(), first.size());
    OPENSSL_cleanse(&context, sizeof context);
    return state;
}

/// RFC 2104 over SHA-256.
digest hmac(std::span<const std::uint8_t> key, std::string_view text) {
    std::array<std::uint8_t, block> inner{}, outer{};
    digest shortened;
    if (key.size() > block) {
        shortened = hash(key);
        key = shortened;
    }
    std::ranges::copy(key, inner.begin());
    outer = inner;
    for (auto& octet : inner) octet ^= 0x36;
    for (auto& octet : outer) octet ^= 0x5C;
    const auto out = hash(outer, hash(inner, text));
    OPENSSL_cleanse(inner.data(), block);
    OPENSSL_cleanse(outer.data(), block);
    return out;
}

/// Exactly the digits [at, at + count) of `text` as a number.
std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
    int value = 0;
    for (const char c : text.substr(at, count)) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + (c - '0');
    }
    return value;
}

std::optional<std::chrono::sys_seconds> instant(std::optional<int> year, std::optional<unsigned> month,
                                                std::optional<int> day, std::optional<int> hour,
                                                std::optional<int> minute, std::optional<int> second) {
    if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(*month),
                                           std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok() || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
    return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
           std::chrono::seconds(*second);
}

std::string day_text(std::chrono::sys_seconds at) { return timestamp(at).substr(0, 8); }

void append_scope(std::string& out, const scope& in) {
    out += day_text(in.at);
    out += '/';
    out += in.region;
    out += '/';
    out += in.service;
    out += "/aws4_request";
}

}  // namespace

digest sha256(std::string_view bytes) { return finish(initial, bytes, 0); }

hex_digits hex_of(const digest& of) { return core::hex_digits(of); }

std::string hex(const digest& of) {
    const auto text = hex_of(of);
    return {text.data(), text.size()};
}

std::string timestamp(std::chrono::sys_seconds at) {
    const auto day = std::chrono::floor<std::chrono::days>(at);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss time(at - day);
    std::string out = "00000000T000000Z";
    const auto put = [&out](std::size_t end, std::int64_t value) {
        for (; value > 0; value /= 10) out[--end] = static_cast<char>('0' + value % 10);
    };
    put(4, static_cast<int>(date.year()));
    put(6, static_cast<unsigned>(date.month()));
    put(8, static_cast<unsigned>(date.day()));
    put(11, time.hours().count());
    put(13, time.minutes().count());
    put(15, time.seconds().count());
    return out;
}

std::optional<std::chrono::sys_seconds> parse_timestamp(std::string_view text) {
    if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
    return instant(digits(text, 0, 4), digits(text, 4, 2), digits(text, 6, 2), digits(text, 9, 2), digits(text, 11, 2),
                   digits(text, 13, 2));
}

std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text) {
    static constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    if (text.size() != 29 || text.substr(3, 2) != ", " || text.substr(25) != " GMT" || text[7] != ' ' ||
        text[11] != ' ' || text[16] != ' ' || text[19] != ':' || text[22] != ':') {
        return std::nullopt;
    }
    const auto month = std::ranges::find(months, text.substr(8, 3));
    if (month == months.end()) return std::nullopt;
    return instant(digits(text, 12, 4), static_cast<unsigned>(month - months.begin()) + 1, digits(text, 5, 2),
                   digits(text, 17, 2), digits(text, 20, 2), digits(text, 23, 2));
}

bool may_be_signed(std::string_view name) {
    static constexpr std::string_view never[] = {
        "authorization", "connection",        "expect",  "keep-alive", "te",
        "trailer",       "transfer-encoding", "upgrade", "user-agent", "x-amzn-trace-id",
    };
    return std::ranges::find(never, name) == std::end(never) && !name.starts_with("proxy-") &&
           !name.starts_with("sec-websocket-");
}

std::vector<std::string> signable_headers(std::span<const header> headers) {
    std::vector<std::string> names;
    names.reserve(headers.size());
    for (const auto& one : headers) {
        std::string name(one.name);
        std::ranges::transform(name, name.begin(), lower);
        if (may_be_signed(name)) names.push_back(std::move(name));
    }
    std::ranges::sort(names);
    const auto repeated = std::ranges::unique(names);
    names.erase(repeated.begin(), repeated.end());
    return names;
}

std::string percent_decoded(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto octet = encoded_octet(text, i);
        out += octet.value_or(text[i]);
        if (octet) i += 2;
    }
    return out;
}

namespace {

/// What no rule changes: `/Execute`.
bool is_canonical(std::string_view path) {
    if (!path.starts_with('/')) return false;
    for (std::size_t i = 1; i < path.size(); ++i) {
        if (path[i - 1] == '/' && (path[i] == '/' || path[i] == '.')) return false;
        if (path[i] != '/' && !is_unreserved(path[i])) return false;
    }
    return true;
}

}  // namespace

std::string canonical_uri(std::string_view path, path_rules by) {
    std::vector<std::string_view> segments;
    for (std::size_t at = path.starts_with('/') ? 1 : 0; at <= path.size();) {
        const auto end = std::min(path.find('/', at), path.size());
        const auto segment = path.substr(at, end - at);
        at = end + 1;
        if (by.normalize && segment == "..") {
            if (!segments.empty()) segments.pop_back();
        } else if (!by.normalize || (!segment.empty() && segment != ".")) {
            segments.push_back(segment);
        }
    }
    std::string out;
    out.reserve(path.size() + 1);
    for (const auto segment : segments) {
        out += '/';
        if (!by.encode_twice) {
            append_encoded_once(out, segment);
            continue;
        }
        for (const char c : segment) {
            if (is_unreserved(c)) {
                out += c;
            } else {
                append_encoded(out, c);
            }
        }
    }
    if (segments.empty() || (by.normalize && path.ends_with('/'))) out += '/';
    return out;
}

std::string canonical_query(std::string_view query, std::span<const std::string_view> without) {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (std::size_t at = 0; at < query.size();) {
        const auto end = std::min(query.find('&', at), query.size());
        const auto pair = query.substr(at, end - at);
        const auto equals = std::min(pair.find('='), pair.size());
        const auto name = pair.substr(0, equals);
        if (!pair.empty() && (without.empty() || std::ranges::find(without, percent_decoded(name)) == without.end())) {
            pairs.emplace_back(encoded_once(name), encoded_once(pair.substr(std::min(equals + 1, pair.size()))));
        }
        at = end + 1;
    }
    std::ranges::sort(pairs);
    std::string out;
    for (const auto& [name, value] : pairs) {
        if (!out.empty()) out += '&';
        out += name;
        out += '=';
        out += value;
    }
    return out;
}

std::string canonical_request(const message& of, std::span<const std::string_view> signed_names, path_rules by,
                              std::span<const std::string_view> without) {
    std::string out;
    out.reserve(512);
    append_canonical_target(out, of, by, without);
    for (const auto name : signed_names) append_canonical_header(out, of.headers, name);
    out += '\n';
    for (bool first = true; const auto name : signed_names) {
        if (!std::exchange(first, false)) out += ';';
        out += name;
    }
    out += '\n';
    out += hex(sha256(of.body));
    return out;
}

void append_canonical_target(std::string& out, const message& of, path_rules by,
                             std::span<const std::string_view> without) {
    out += of.method;
    out += '\n';
    if (is_canonical(of.path)) {
        out += of.path;
    } else {
        out += canonical_uri(of.path, by);
    }
    out += '\n';
    if (!of.query.empty()) out += canonical_query(of.query, without);
    out += '\n';
}

std::size_t append_canonical_header(std::string& out, std::span<const header> headers, std::string_view name) {
    out += name;
    out += ':';
    std::size_t count = 0;
    for (const auto& one : headers) {
        if (!core::iequals(one.name, name)) continue;
        if (count++ > 0) out += ',';
        append_trimmed(out, one.value);
    }
    out += '\n';
    return count;
}

std::string string_to_sign(const scope& in, std::string_view canonical_request) {
    std::string out(algorithm);
    out += '\n';
    out += timestamp(in.at);
    out += '\n';
    append_scope(out, in);
    out += '\n';
    out += hex(sha256(canonical_request));
    return out;
}

digest signing_key(std::string_view secret, const scope& in) {
    const core::secret_text start("AWS4" + std::string(secret));
    const auto& bytes = start.reveal();
    auto key = hmac({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, day_text(in.at));
    key = hmac(key, in.region);
    key = hmac(key, in.service);
    return hmac(key, "aws4_request");
}

mac_key::mac_key(const digest& key) : inner_(state_behind(key, 0x36)), outer_(state_behind(key, 0x5C)) {}

mac_key::~mac_key() {
    OPENSSL_cleanse(inner_.data(), sizeof inner_);
    OPENSSL_cleanse(outer_.data(), sizeof outer_);
}

digest mac_key::sign(std::string_view text) const {
    const auto inner = finish(inner_, text, 1);
    return finish(outer_, {reinterpret_cast<const char*>(inner.data()), inner.size()}, 1);
}

signing_keys::entry& signing_keys::find_entry(std::string_view access_key_id, const core::secret_text& secret,
                                              const scope& in) {
    const auto day = std::chrono::floor<std::chrono::days>(in.at);
    for (auto& held : entries_) {
        if (held.access_key_id != access_key_id || held.region != in.region || held.service != in.service) continue;
        if (held.day != day || held.secret != secret) {
            held.day = day;
            held.secret = secret;
            held.key = signing_key(secret.reveal(), in);
            held.mac = mac_key(held.key);
        }
        return held;
    }
    entry made{.access_key_id = std::string(access_key_id),
               .region = std::string(in.region),
               .service = std::string(in.service),
               .secret = secret,
               .day = day,
               .key = signing_key(secret.reveal(), in)};
    if (entries_.size() < capacity_) return entries_.emplace_back(std::move(made));
    auto& place = entries_[oldest_];
    oldest_ = (oldest_ + 1) % capacity_;
    place = std::move(made);
    return place;
}

digest sign(const digest& key, std::string_view string_to_sign) { return hmac(key, string_to_sign); }

std::string authorization(const message& of, const scope& in, std::string_view access_key_id, const digest& key) {
    const auto names = signable_headers(of.headers);
    const std::vector<std::string_view> views(names.begin(), names.end());
    const auto signature = sign(key, string_to_sign(in, canonical_request(of, views)));
    std::string out(algorithm);
    out += " Credential=";
    out += access_key_id;
    out += '/';
    append_scope(out, in);
    out += ", SignedHeaders=";
    for (bool first = true; const auto name : views) {
        if (!std::exchange(first, false)) out += ';';
        out += name;
    }
    out += ", Signature=";
    out += hex(signature);
    return out;
}

}  // namespace borealis::auth
