#include "json/syntax.hpp"

#include <vector>

#include <fmt/format.h>
#include <simdjson.h>

namespace borealis::json {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

/// Reads along a text; each function stops behind what it has read, or says what is wrong where it stands.
class scanner {
 public:
    explicit scanner(std::string_view text) : at_(text.data()), end_(at_ + text.size()), begin_(at_) {}

    [[nodiscard]] std::size_t place() const { return static_cast<std::size_t>(at_ - begin_); }
    [[nodiscard]] const char* wrong() const { return wrong_; }

    [[nodiscard]] char skip_blanks() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r')) ++at_;
        return at_ == end_ ? '\0' : *at_;
    }
    [[nodiscard]] bool ended() const { return at_ == end_; }
    void step() { ++at_; }

    bool string() {
        for (++at_; at_ != end_; ++at_) {
            if (*at_ == '"') return ++at_, true;
            if (static_cast<unsigned char>(*at_) < 0x20) return fail("a control character stands in a string");
            if (*at_ != '\\') continue;
            if (++at_ == end_) break;
            if (*at_ == 'u') {
                for (int i = 0; i < 4; ++i) {
                    if (++at_ == end_ || !is_hex(*at_)) return fail("\\u needs four hexadecimal digits");
                }
            } else if (std::string_view("\"\\/bfnrt").find(*at_) == std::string_view::npos) {
                return fail("there is no such escape");
            }
        }
        return fail("a string does not end");
    }

    bool number() {
        if (*at_ == '-') ++at_;
        if (at_ == end_ || !is_digit(*at_)) return fail("a digit is expected");
        if (*at_ == '0') {
            ++at_;
            if (at_ != end_ && is_digit(*at_)) return fail("a number begins with a zero");
        }
        skip_digits();
        if (at_ != end_ && *at_ == '.') {
            ++at_;
            if (!skip_digits()) return fail("a digit is expected");
        }
        if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
            ++at_;
            if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
            if (!skip_digits()) return fail("a digit is expected");
        }
        return true;
    }

    bool word(std::string_view text) {
        if (!std::string_view(at_, end_).starts_with(text)) return fail("a value is expected");
        at_ += text.size();
        return true;
    }

    bool fail(const char* what) {
        wrong_ = what;
        return false;
    }

 private:
    bool skip_digits() {
        const char* const from = at_;
        while (at_ != end_ && is_digit(*at_)) ++at_;
        return at_ != from;
    }

    const char* at_;
    const char* end_;
    const char* begin_;
    const char* wrong_ = "";
};

bool scalar(scanner& in, char first) {
    switch (first) {
        case '"':
            return in.string();
        case 't':
            return in.word("true");
        case 'f':
            return in.word("false");
        case 'n':
            return in.word("null");
        default:
            return first == '-' || is_digit(first) ? in.number() : in.fail("a value is expected");
    }
}

/// From the quote of a member's name to behind its colon.
bool name(scanner& in) {
    if (in.skip_blanks() != '"') return in.fail("a member's name is expected");
    if (!in.string()) return false;
    if (in.skip_blanks() != ':') return in.fail("a colon is expected");
    in.step();
    return true;
}

bool value(scanner& in, std::size_t deepest) {
    std::vector<bool> open;  // true: an object
    while (true) {
        const char first = in.skip_blanks();
        if (first == '{' || first == '[') {
            if (open.size() == deepest) return in.fail("it is nested too deep");
            in.step();
            open.push_back(first == '{');
            const char next = in.skip_blanks();
            if (next != (open.back() ? '}' : ']')) {
                if (open.back() && !name(in)) return false;
                continue;
            }
        } else if (!scalar(in, first)) {
            return false;
        }
        // Behind a value, or in front of the end of an empty container.
        while (true) {
            if (open.empty()) return true;
            const char next = in.skip_blanks();
            if (next == (open.back() ? '}' : ']')) {
                in.step();
                open.pop_back();
                continue;
            }
            if (next != ',') return in.fail(open.back() ? "a comma or } is expected" : "a comma or ] is expected");
            in.step();
            if (open.back() && !name(in)) return false;
            break;
        }
    }
}

}  // namespace

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

core::result<void> check_syntax(std::string_view text, std::size_t deepest) {
    const auto refuse = [](std::size_t place, std::string_view what) {
        return core::fail(core::error_kind::serialization, fmt::format("Invalid JSON at byte {}: {}", place, what));
    };
    if (!is_utf8(text)) return core::fail(core::error_kind::serialization, "Invalid JSON: it is not UTF-8");
    scanner in(text);
    if (!value(in, deepest)) return refuse(in.place(), in.wrong());
    [[maybe_unused]] const char next = in.skip_blanks();
    if (!in.ended()) return refuse(in.place(), "one JSON value is expected, more follows it");
    return {};
}

}  // namespace borealis::json
