#include "data_api/json_text.hpp"

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <system_error>

namespace borealis::data_api {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

/// True when a well-formed number is beyond the largest double. Too small ones are zero to everybody.
bool overflows(std::string_view number) {
    if (number.starts_with('-')) number.remove_prefix(1);
    const auto mark = number.find_first_of("eE");
    if (mark == std::string_view::npos && number.size() < 309) return false;
    const auto mantissa = number.substr(0, mark);
    const auto first = mantissa.find_first_of("123456789");
    if (first == std::string_view::npos) return false;
    const auto dot = std::min(mantissa.find('.'), mantissa.size());
    // Power of ten of the leading digit; the mantissa is at most a few megabytes long.
    auto power = first < dot ? static_cast<std::int64_t>(dot - first) - 1 : -static_cast<std::int64_t>(first - dot);
    if (mark != std::string_view::npos) {
        auto exponent = number.substr(mark + 1);
        const bool negative = exponent.starts_with('-');
        if (negative || exponent.starts_with('+')) exponent.remove_prefix(1);
        std::int64_t value = 0;
        if (std::from_chars(exponent.data(), exponent.data() + exponent.size(), value).ec != std::errc() ||
            value > 1'000'000'000)
            return !negative;
        power += negative ? -value : value;
    }
    if (power != 308) return power > 308;
    double ignored = 0;
    return std::from_chars(number.data(), number.data() + number.size(), ignored).ec == std::errc::result_out_of_range;
}

class compactor {
 public:
    compactor(std::string& out, std::string_view text) : out_(out), at_(text.data()), end_(at_ + text.size()) {}

    compacting run() {
        for (;;) {
            skip_blanks();
            if (at_ == end_) return compacting::malformed;
            if (*at_ == '{' || *at_ == '[') {
                open_ += *at_ == '{' ? '}' : ']';
                out_ += *at_++;
                skip_blanks();
                if (at_ == end_) return compacting::malformed;
                if (*at_ != open_.back()) {
                    if (open_.back() == '}' && !key()) return compacting::malformed;
                    continue;
                }
            } else if (!scalar()) {
                return out_of_range_ ? compacting::number_out_of_range : compacting::malformed;
            }
            skip_blanks();
            while (!open_.empty() && at_ != end_ && *at_ == open_.back()) {
                out_ += *at_++;
                open_.pop_back();
                skip_blanks();
            }
            if (open_.empty()) return at_ == end_ ? compacting::done : compacting::malformed;
            if (at_ == end_ || *at_ != ',') return compacting::malformed;
            out_ += *at_++;
            if (open_.back() == '}' && !key()) return compacting::malformed;
        }
    }

 private:
    void skip_blanks() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
    }

    bool key() {
        skip_blanks();
        if (!string()) return false;
        skip_blanks();
        if (at_ == end_ || *at_ != ':') return false;
        out_ += *at_++;
        return true;
    }

    bool scalar() {
        if (*at_ == '"') return string();
        if (*at_ == '-' || is_digit(*at_)) return number();
        return word("true") || word("false") || word("null");
    }

    bool word(std::string_view wanted) {
        if (!std::string_view(at_, end_).starts_with(wanted)) return false;
        out_ += wanted;
        at_ += wanted.size();
        return true;
    }

    bool string() {
        if (at_ == end_ || *at_ != '"') return false;
        const char* const begin = at_++;
        for (; at_ != end_; ++at_) {
            if (*at_ == '"') {
                out_.append(begin, ++at_);
                return true;
            }
            if (static_cast<unsigned char>(*at_) < 0x20) return false;
            if (*at_ != '\\') continue;
            if (++at_ == end_) return false;
            if (*at_ == 'u') {
                if (end_ - at_ < 5) return false;
                for (int digit = 1; digit <= 4; ++digit)
                    if (!is_hex(at_[digit])) return false;
                at_ += 4;
            } else if (std::string_view("\"\\/bfnrt").find(*at_) == std::string_view::npos) {
                return false;
            }
        }
        return false;
    }

    bool digits() {
        const char* const begin = at_;
        while (at_ != end_ && is_digit(*at_)) ++at_;
        return at_ != begin;
    }

    bool number() {
        const char* const begin = at_;
        if (*at_ == '-') ++at_;
        if (at_ != end_ && *at_ == '0')
            ++at_;
        else if (!digits())
            return false;
        if (at_ != end_ && *at_ == '.') {
            ++at_;
            if (!digits()) return false;
        }
        if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
            ++at_;
            if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
            if (!digits()) return false;
        }
        out_of_range_ = overflows({begin, at_});
        out_.append(begin, at_);
        return !out_of_range_;
    }

    std::string& out_;
    const char* at_;
    const char* const end_;
    std::string open_;  // closing brackets still to come
    bool out_of_range_ = false;
};

}  // namespace

compacting append_compact(std::string& out, std::string_view text) {
    const auto before = out.size();
    const auto ended = compactor(out, text).run();
    if (ended != compacting::done) out.resize(before);
    return ended;
}

}  // namespace borealis::data_api
