#include "auth/signature.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace borealis::auth {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equals_lower(std::string_view any_case, std::string_view lower_case) {
    return std::ranges::equal(any_case, lower_case, {}, lower);
}

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

/// Percent-encoding undone and done again, so that all spellings of an octet become one.
std::string reencoded(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
            c = static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
            i += 2;
        }
        if (is_unreserved(c)) {
            out += c;
        } else {
            append_encoded(out, c);
        }
    }
    return out;
}

/// Without blanks around it, inner runs of blanks as one (L-5.1).
void append_trimmed(std::string& out, std::string_view value) {
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

std::string hex_of(std::span<const std::uint8_t> bytes) {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const auto octet : bytes) {
        out += digits[octet >> 4];
        out += digits[octet & 15];
    }
    return out;
}

/// SHA-256 in a context of this thread's own: OpenSSL 3 looks its algorithms up by name at every one-shot call, which
/// costs more than hashing a short request.
class hasher {
 public:
    static hasher& of_this_thread() {
        thread_local hasher mine;
        return mine;
    }
    template <class... Parts>
    digest operator()(const Parts&... parts) {
        digest out;
        const bool done = EVP_DigestInit_ex(context_.get(), algorithm(), nullptr) == 1 &&
                          ((EVP_DigestUpdate(context_.get(), std::data(parts), std::size(parts)) == 1) && ...) &&
                          EVP_DigestFinal_ex(context_.get(), out.data(), nullptr) == 1;
        if (!done) throw std::runtime_error("OpenSSL does not compute SHA-256");
        return out;
    }

 private:
    static const EVP_MD* algorithm() {
        static const EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA256", nullptr);  // kept until the program ends
        return found;
    }
    struct deleter {
        void operator()(EVP_MD_CTX* of) const { EVP_MD_CTX_free(of); }
    };
    std::unique_ptr<EVP_MD_CTX, deleter> context_{EVP_MD_CTX_new()};
};

/// RFC 2104 over SHA-256.
digest hmac(std::span<const std::uint8_t> key, std::string_view text) {
    constexpr std::size_t block = 64;
    auto& hash = hasher::of_this_thread();
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

digest sha256(std::string_view bytes) { return hasher::of_this_thread()(bytes); }

std::string hex(const digest& of) { return hex_of(of); }

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

std::string canonical_uri(std::string_view path) {
    std::vector<std::string_view> segments;
    for (std::size_t at = 0; at < path.size();) {
        const auto end = std::min(path.find('/', at), path.size());
        const auto segment = path.substr(at, end - at);
        if (segment == "..") {
            if (!segments.empty()) segments.pop_back();
        } else if (!segment.empty() && segment != ".") {
            segments.push_back(segment);
        }
        at = end + 1;
    }
    std::string out;
    out.reserve(path.size() + 1);
    for (const auto segment : segments) {
        out += '/';
        for (const char c : segment) {
            if (is_unreserved(c)) {
                out += c;
            } else {
                append_encoded(out, c);
            }
        }
    }
    if (segments.empty() || path.ends_with('/')) out += '/';
    return out;
}

std::string canonical_query(std::string_view query) {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (std::size_t at = 0; at < query.size();) {
        const auto end = std::min(query.find('&', at), query.size());
        const auto pair = query.substr(at, end - at);
        const auto equals = std::min(pair.find('='), pair.size());
        if (!pair.empty()) {
            pairs.emplace_back(reencoded(pair.substr(0, equals)),
                               reencoded(pair.substr(std::min(equals + 1, pair.size()))));
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

std::string canonical_request(const message& of, std::span<const std::string_view> signed_names) {
    std::string out;
    out.reserve(512);
    out += of.method;
    out += '\n';
    out += canonical_uri(of.path);
    out += '\n';
    out += canonical_query(of.query);
    out += '\n';
    for (const auto name : signed_names) {
        out += name;
        out += ':';
        bool repeated = false;
        for (const auto& one : of.headers) {
            if (!equals_lower(one.name, name)) continue;
            if (repeated) out += ',';
            append_trimmed(out, one.value);
            repeated = true;
        }
        out += '\n';
    }
    out += '\n';
    for (bool first = true; const auto name : signed_names) {
        if (!std::exchange(first, false)) out += ';';
        out += name;
    }
    out += '\n';
    out += hex(sha256(of.body));
    return out;
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

const digest& signing_keys::find(std::string_view access_key_id, const core::secret_text& secret, const scope& in) {
    const auto day = std::chrono::floor<std::chrono::days>(in.at);
    for (auto& held : entries_) {
        if (held.access_key_id != access_key_id || held.region != in.region || held.service != in.service) continue;
        if (held.day != day || held.secret != secret) {
            held.day = day;
            held.secret = secret;
            held.key = signing_key(secret.reveal(), in);
        }
        return held.key;
    }
    entry made{std::string(access_key_id),      std::string(in.region), std::string(in.service), secret, day,
               signing_key(secret.reveal(), in)};
    if (entries_.size() < capacity_) return entries_.emplace_back(std::move(made)).key;
    auto& place = entries_[oldest_];
    oldest_ = (oldest_ + 1) % capacity_;
    place = std::move(made);
    return place.key;
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
