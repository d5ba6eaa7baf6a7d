#include "data_api/array_text.hpp"

namespace borealis::data_api {

array_reader::array_reader(std::string_view text, char delimiter) : left_(text), delimiter_(delimiter) {
    if (left_.starts_with('[')) {
        const auto equals = left_.find('=');
        left_.remove_prefix(equals == std::string_view::npos ? left_.size() : equals + 1);
    }
    broken_ = !left_.starts_with('{');
    if (!broken_) left_.remove_prefix(1);
}

array_reader::step array_reader::next() {
    if (broken_ || left_.empty()) return step::malformed;
    if (left_.front() == '}') return left_.size() == 1 ? step::end : step::malformed;
    if (!first_) {
        if (left_.front() != delimiter_) return step::malformed;
        left_.remove_prefix(1);
    }
    first_ = false;
    if (left_.empty()) return step::malformed;
    if (left_.front() == '{') return read_nested();
    if (left_.front() == '"') return read_quoted();
    std::size_t size = 0;
    while (size < left_.size() && left_[size] != delimiter_ && left_[size] != '}') ++size;
    element_ = left_.substr(0, size);
    left_.remove_prefix(size);
    if (element_.empty()) return step::malformed;
    return element_ == "NULL" ? step::null : step::element;
}

array_reader::step array_reader::read_nested() {
    std::size_t depth = 0;
    bool quoted = false;
    for (std::size_t at = 0; at < left_.size(); ++at) {
        const char c = left_[at];
        if (c == '\\') {
            ++at;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && c == '{') {
            ++depth;
        } else if (!quoted && c == '}' && --depth == 0) {
            element_ = left_.substr(0, at + 1);
            left_.remove_prefix(at + 1);
            return step::nested;
        }
    }
    return step::malformed;
}

array_reader::step array_reader::read_quoted() {
    left_.remove_prefix(1);
    const auto plain = left_.find_first_of("\"\\");
    if (plain == std::string_view::npos) return step::malformed;
    if (left_[plain] == '"') {
        element_ = left_.substr(0, plain);
        left_.remove_prefix(plain + 1);
        return step::element;
    }
    unescaped_.assign(left_.substr(0, plain));
    for (std::size_t at = plain; at < left_.size(); ++at) {
        if (left_[at] == '"') {
            element_ = unescaped_;
            left_.remove_prefix(at + 1);
            return step::element;
        }
        if (left_[at] == '\\') ++at;
        if (at == left_.size()) break;
        unescaped_ += left_[at];
    }
    return step::malformed;
}

}  // namespace borealis::data_api
