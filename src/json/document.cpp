#include "json/document.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <simdjson.h>

#include "core/give_back.hpp"
#include "json/plain.hpp"

namespace borealis::json {
namespace {

namespace ondemand = simdjson::ondemand;

static_assert(padding >= simdjson::SIMDJSON_PADDING);

constexpr std::size_t depth_limit = 64;
constexpr std::size_t least_capacity = 16 * 1024;
/// A parser or node table grown beyond this many bytes or nodes is given back before the next small document.
constexpr std::size_t kept_capacity = 256 * 1024;
constexpr std::size_t kept_nodes = 4 * 1024;

struct problem {
    const char* at = nullptr;  // null: nowhere in particular
    std::string_view what;
};

constexpr bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

const char* skip_digits(const char* at, const char* end) {
    while (at != end && is_digit(*at)) ++at;
    return at;
}

struct number_shape {
    const char* end;    // behind the last character; null where the grammar is broken
    bool whole = true;  // no fraction, no exponent
};

/// RFC 8259, section 6.
number_shape number_grammar(const char* at, const char* end) {
    if (at != end && *at == '-') ++at;
    if (at == end || !is_digit(*at)) return {nullptr};
    at = *at == '0' ? at + 1 : skip_digits(at, end);
    auto whole = true;
    if (at != end && *at == '.') {
        const char* const digits = at + 1;
        at = skip_digits(digits, end);
        if (at == digits) return {nullptr};
        whole = false;
    }
    if (at != end && (*at == 'e' || *at == 'E')) {
        const char* digits = at + 1;
        if (digits != end && (*digits == '+' || *digits == '-')) ++digits;
        at = skip_digits(digits, end);
        if (at == digits) return {nullptr};
        whole = false;
    }
    return {at, whole};
}

/// What a double makes of digits outside its range: an infinity or a zero, as the power of ten of the first digit says.
double beyond_range(std::string_view digits) {
    const bool negative = digits.front() == '-';
    const auto exponent_at = digits.find_first_of("eE");
    const auto mantissa =
        digits.substr(negative ? 1 : 0, exponent_at == digits.npos ? digits.npos : exponent_at - (negative ? 1 : 0));
    auto power = static_cast<std::int64_t>(std::min(mantissa.find('.'), mantissa.size()));
    if (mantissa.front() == '0') power = 1 - static_cast<std::int64_t>(mantissa.find_first_not_of("0."));
    if (exponent_at != digits.npos) {
        auto text = digits.substr(exponent_at + 1);
        if (text.front() == '+') text.remove_prefix(1);
        std::int64_t exponent = 0;
        if (std::from_chars(text.data(), text.data() + text.size(), exponent).ec != std::errc())
            exponent = text.front() == '-' ? std::numeric_limits<std::int32_t>::min()
                                           : std::numeric_limits<std::int32_t>::max();
        power += exponent;
    }
    const double magnitude = power > 0 ? std::numeric_limits<double>::infinity() : 0.0;
    return negative ? -magnitude : magnitude;
}

}  // namespace

const node* node::find(std::string_view name) const {
    const node* found = nullptr;
    if (kind_ == kind::object)
        for (const node& member : *this)
            if (member.key_ == name) found = &member;
    return found;
}

struct document::parts {
    explicit parts(std::size_t most) : most_values(most) {}

    std::size_t most_values;
    ondemand::parser parser;
    std::vector<node> nodes;
    std::string copy;
    std::string_view text;
    problem broken;
    bool too_large = false;

    core::result<const node*> parse(std::string_view whole) {
        if (whole.size() < least_capacity) trim();
        nodes.clear();
        text = whole;
        broken = {};
        too_large = false;
        root_scalar_end = nullptr;
        if (whole.empty()) return core::fail(core::error_kind::serialization, "The JSON text is empty");
        if (read_plain()) return nodes.data();
        nodes.clear();
        broken = {};
        if (whole.size() > parser.capacity() && parser.allocate(std::bit_ceil(std::max(whole.size(), least_capacity)),
                                                                depth_limit + 2) != simdjson::SUCCESS)
            return core::fail(core::error_kind::serialization, "The JSON text is too large to be read");
        ondemand::document read;
        if (const auto error = parser.iterate(whole.data(), whole.size(), whole.size() + padding).get(read)) {
            broken = {nullptr, simdjson::error_message(error)};
        } else if (add(read, {}, 0)) {
            const bool ended = root_scalar_end ? root_scalar_end == text.data() + text.size()
                                               : read.current_location().error() == simdjson::OUT_OF_BOUNDS;
            if (ended) return nodes.data();
            broken = {root_scalar_end ? root_scalar_end : location(read),
                      "one JSON value is expected, more follows it"};
        } else if (too_large) {
            return core::fail(core::error_kind::serialization,
                              fmt::format("The JSON text has more than {} values", most_values));
        } else if (!broken.at) {
            broken.at = location(read);
        }
        if (!broken.at)
            return core::fail(core::error_kind::serialization, fmt::format("Invalid JSON: {}", broken.what));
        return core::fail(core::error_kind::serialization,
                          fmt::format("Invalid JSON at byte {}: {}", broken.at - text.data(), broken.what));
    }

    void trim() {
        if (parser.capacity() > kept_capacity) parser = ondemand::parser();
        if (nodes.capacity() > kept_nodes) core::give_back(nodes);
    }

 private:
    const char* root_scalar_end = nullptr;  // where the token after it begins; null where the root is none

    const char* location(ondemand::document& read) const {
        const char* at = nullptr;
        if (read.current_location().get(at) != simdjson::SUCCESS || at < text.data() || at > text.data() + text.size())
            return nullptr;
        return at;
    }

    bool refuse(simdjson::error_code error) {
        if (error == simdjson::INCOMPLETE_ARRAY_OR_OBJECT) {
            broken = {text.data() + text.size(), "an array or object is not closed, or more follows it"};
            return false;
        }
        broken = {nullptr, simdjson::error_message(error)};
        return false;
    }

    /// Appends a value and all below it. `Value` is simdjson's document (the root) or value.
    template <class Value>
    bool add(Value& value, std::string_view key, std::size_t depth) {
        ondemand::json_type type;
        if (const auto error = value.type().get(type)) return refuse(error);
        const auto at = nodes.size();
        if (at == most_values) return too_many();
        nodes.emplace_back().key_ = key;
        switch (type) {
            case ondemand::json_type::object:
                return depth < depth_limit ? add_object(value, at, depth + 1) : too_deep();
            case ondemand::json_type::array:
                return depth < depth_limit ? add_array(value, at, depth + 1) : too_deep();
            case ondemand::json_type::string: {
                nodes[at].kind_ = kind::string;
                if (const auto error = value.get_string().get(nodes[at].text_)) return refuse(error);
                return true;
            }
            default:
                return add_scalar(value, nodes[at], depth);
        }
    }

    bool too_deep() {
        broken = {nullptr, "nested deeper than 64 levels"};
        return false;
    }

    bool too_many() {
        too_large = true;
        return false;
    }

    template <class Value>
    bool add_object(Value& value, std::size_t at, std::size_t depth) {
        ondemand::object members;
        if (const auto error = value.get_object().get(members)) return refuse(error);
        std::uint32_t size = 0;
        for (auto member : members) {
            std::string_view key;
            if (const auto error = member.unescaped_key().get(key)) return refuse(error);
            ondemand::value inner;
            if (const auto error = member.value().get(inner)) return refuse(error);
            if (!add(inner, key, depth)) return false;
            ++size;
        }
        return close(at, kind::object, size);
    }

    template <class Value>
    bool add_array(Value& value, std::size_t at, std::size_t depth) {
        ondemand::array members;
        if (const auto error = value.get_array().get(members)) return refuse(error);
        std::uint32_t size = 0;
        for (auto member : members) {
            ondemand::value inner;
            if (const auto error = member.get(inner)) return refuse(error);
            if (!add(inner, {}, depth)) return false;
            ++size;
        }
        return close(at, kind::array, size);
    }

    bool close(std::size_t at, kind what, std::uint32_t size) {
        nodes[at].kind_ = what;
        nodes[at].size_ = size;
        nodes[at].extent_ = static_cast<std::uint32_t>(nodes.size() - at);
        return true;
    }

    /// Numbers and literals are read from the source by ourselves: simdjson refuses the whole document for a number
    /// that fits no machine type, and does not look at a literal that is skipped.
    template <class Value>
    bool add_scalar(Value& value, node& into, std::size_t depth) {
        std::string_view token;
        if constexpr (std::is_same_v<Value, ondemand::document>) {
            if (const auto error = value.raw_json_token().get(token)) return refuse(error);
        } else {
            token = value.raw_json_token();
        }
        // The token runs up to the next one, over the blanks; it is only looked at, not passed, so a root's end is told
        // here.
        if (depth == 0) root_scalar_end = token.data() + token.size();
        while (is_blank(token.back())) token.remove_suffix(1);
        return read_scalar(token, into);
    }

    bool read_scalar(std::string_view token, node& into) {
        if (token == "null") return true;
        if (token == "true" || token == "false") {
            into.kind_ = kind::boolean;
            into.integer_ = token == "true";
            return true;
        }
        const auto [end, whole] = number_grammar(token.data(), token.data() + token.size());
        if (end != token.data() + token.size()) {
            broken = {token.data(), "neither a number nor true, false or null"};
            return false;
        }
        into.text_ = token;
        if (whole && std::from_chars(token.data(), end, into.integer_).ec == std::errc()) {
            into.kind_ = kind::integer;
            return true;
        }
        double real = 0;
        if (std::from_chars(token.data(), end, real).ec != std::errc()) real = beyond_range(token);
        into.kind_ = kind::real;
        into.real_ = real;
        return true;
    }

    // ---- plain text

    /// Reads a document whose strings have no escapes, as nearly all are: in one pass, its strings where they stand.
    /// Gives up on all else, sound or not: simdjson reads that from the start, and says what is wrong with it.
    bool read_plain() {
        const char* const end = text.data() + text.size();
        const char* const at = plain_value(skip_blanks(text.data(), end), end, {}, 0);
        return at != nullptr && skip_blanks(at, end) == end;
    }

    static const char* skip_blanks(const char* at, const char* end) {
        while (at != end && *at <= ' ' && is_blank(*at)) ++at;
        return at;
    }

    // Each returns where what it has read ends; null: it gives up.

    const char* plain_value(const char* at, const char* end, std::string_view key, std::size_t depth) {
        const auto place = nodes.size();
        if (at == end || place == most_values) return nullptr;
        node& made = nodes.emplace_back();
        made.key_ = key;
        switch (*at) {
            case '"':
                made.kind_ = kind::string;
                return plain_string(at, end, made.text_);
            case '{':
            case '[':
                return depth < depth_limit ? plain_members(at, end, place, depth + 1) : nullptr;
            default: {
                const char* const from = at;
                while (at != end && *at != ',' && *at != '}' && *at != ']' && !is_blank(*at)) ++at;
                return read_scalar({from, at}, made) ? at : nullptr;
            }
        }
    }

    /// @param at  Its first quote.
    static const char* plain_string(const char* at, const char* end, std::string_view& into) {
        const char* to = skip_plain(at + 1, end + padding);
        const bool ascii = to < end && *to == '"';
        while (to < end && static_cast<unsigned char>(*to) >= 0x80) to = skip_plain(to + 1, end + padding);
        if (to >= end || *to != '"') return nullptr;
        into = {at + 1, to};
        return ascii || simdjson::validate_utf8(into) ? to + 1 : nullptr;
    }

    /// @param at  The bracket that opens it.
    const char* plain_members(const char* at, const char* end, std::size_t place, std::size_t depth) {
        const auto what = *at == '{' ? kind::object : kind::array;
        const char closing = *at == '{' ? '}' : ']';
        std::uint32_t size = 0;
        at = skip_blanks(at + 1, end);
        if (at != end && *at == closing) return close(place, what, size) ? at + 1 : nullptr;
        for (;;) {
            std::string_view key;
            if (what == kind::object) {
                if (at == end || *at != '"') return nullptr;
                at = plain_string(at, end, key);
                if (at == nullptr) return nullptr;
                at = skip_blanks(at, end);
                if (at == end || *at != ':') return nullptr;
                at = skip_blanks(at + 1, end);
            }
            at = plain_value(at, end, key, depth);
            if (at == nullptr) return nullptr;
            ++size;
            at = skip_blanks(at, end);
            if (at == end) return nullptr;
            if (*at == closing) return close(place, what, size) ? at + 1 : nullptr;
            if (*at != ',') return nullptr;
            at = skip_blanks(at + 1, end);
        }
    }
};

document::document(std::size_t most_values) : parts_(std::make_unique<parts>(most_values)) {}
document::document(document&&) noexcept = default;
document& document::operator=(document&&) noexcept = default;
document::~document() = default;

core::result<const node*> document::parse(std::string_view text) { return parts_->parse(text); }

void document::trim() {
    parts_->trim();
    if (parts_->copy.capacity() > kept_capacity) core::give_back(parts_->copy);
}

core::result<const node*> document::parse_copy(std::string_view text) {
    auto& copy = parts_->copy;
    if (copy.capacity() > kept_capacity && text.size() < least_capacity) core::give_back(copy);
    copy.assign(text);
    copy.append(padding, '\0');
    return parts_->parse(std::string_view(copy).substr(0, text.size()));
}

}  // namespace borealis::json
