#include "sql/lexer.hpp"

namespace borealis::sql {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_name_character(char c) { return is_letter(c) || is_digit(c) || c == '_'; }
constexpr bool is_beyond_ascii(char c) { return static_cast<unsigned char>(c) >= 0x80; }
constexpr bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

class lexer {
 public:
    lexer(std::string_view text, dialect of, quoting as) : text_(text), mysql_(of == dialect::mysql), quoting_(as) {}

    tokens run() {
        while (at_ < text_.size()) step();
        if (in_version_comment_) cut_.unterminated = true;
        return std::move(cut_);
    }

 private:
    [[nodiscard]] char look(std::size_t ahead = 0) const {
        return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
    }
    [[nodiscard]] bool sees(std::string_view what) const { return text_.substr(at_).starts_with(what); }

    void push(lexeme is, std::size_t from) { cut_.all.push_back({is, from, at_}); }

    void take_to_end() {
        at_ = text_.size();
        cut_.unterminated = true;
    }

    void take_past(std::string_view closing, std::size_t from) {
        const auto end = text_.find(closing, from);
        if (end == std::string_view::npos) return take_to_end();
        at_ = end + closing.size();
    }

    void step() {
        const auto from = at_;
        const char c = look();
        if (is_blank(c)) {
            ++at_;
        } else if (starts_line_comment()) {
            skip_line();
        } else if (sees("/*")) {
            open_comment();
        } else if (in_version_comment_ && sees("*/")) {
            in_version_comment_ = false;
            at_ += 2;
        } else if (c == '\'' || (c == '"' && !quoting_.double_quotes_name)) {
            take_quoted(c, quoting_.backslash_escapes);
            push(lexeme::string, from);
        } else if (c == '"' || (mysql_ && c == '`')) {
            take_quoted(c, false);
            push(lexeme::quoted, from);
        } else if (!mysql_ && (c == 'e' || c == 'E') && look(1) == '\'') {
            ++at_;
            take_escape_string();
            push(lexeme::string, from);
        } else if (is_letter(c) || c == '_' || is_beyond_ascii(c) || (mysql_ && c == '$')) {
            while (at_ < text_.size() && (is_name_character(look()) || look() == '$' || is_beyond_ascii(look()))) ++at_;
            push(lexeme::word, from);
        } else if (is_digit(c)) {
            while (is_name_character(look()) || (look() == '.' && is_digit(look(1)))) ++at_;
            push(lexeme::number, from);
        } else if (!mysql_ && c == '$') {
            take_dollar();
        } else if (c == ':') {
            take_colon();
        } else {
            ++at_;
            push(lexeme::symbol, from);
        }
    }

    [[nodiscard]] bool starts_line_comment() const {
        if (!mysql_) return sees("--");
        if (look() == '#') return true;
        return sees("--") && (at_ + 2 == text_.size() || is_blank(look(2)) || is_control(look(2)));
    }

    void skip_line() {
        // PostgreSQL ends a line at \n or \r, MySQL at \n or NUL.
        at_ = text_.find_first_of(mysql_ ? std::string_view("\n\0", 2) : std::string_view("\n\r"), at_);
        if (at_ == std::string_view::npos) at_ = text_.size();
    }

    void open_comment() {
        if (mysql_ && !in_version_comment_ && (sees("/*!") || sees("/*M!"))) {
            at_ = text_.find('!', at_) + 1;
            for (int digits = 0; digits < 6 && is_digit(look()); ++digits) ++at_;
            in_version_comment_ = true;
            return;
        }
        if (mysql_) {
            return take_past("*/", at_ + 2);
        }
        std::size_t depth = 1;
        for (at_ += 2; depth > 0; ++at_) {
            at_ = text_.find_first_of("/*", at_);
            if (at_ == std::string_view::npos) return take_to_end();
            if (sees("/*")) {
                ++depth;
                ++at_;
            } else if (sees("*/")) {
                --depth;
                ++at_;
            }
        }
    }

    void take_quoted(char quote, bool backslash_escapes) {
        for (++at_; at_ < text_.size(); ++at_) {
            if (look() == '\\' && backslash_escapes) {
                ++at_;
            } else if (look() == quote) {
                ++at_;
                if (look() != quote || at_ == text_.size()) return;
            }
        }
        take_to_end();
    }

    /// E'…' and what the SQL standard lets follow it after a line break: another quote goes on with the same literal.
    void take_escape_string() {
        while (true) {
            take_quoted('\'', true);
            if (cut_.unterminated) return;
            const auto end = at_;
            bool new_line = false;
            while (is_blank(look()) || sees("--")) {
                if (look() == '-') {
                    skip_line();
                } else {
                    new_line = new_line || look() == '\n' || look() == '\r';
                    ++at_;
                }
            }
            if (new_line && look() == '\'') continue;
            at_ = end;
            return;
        }
    }

    void take_dollar() {
        const auto from = at_;
        ++at_;
        if (is_digit(look())) {  // $1
            while (is_digit(look())) ++at_;
            return push(lexeme::symbol, from);
        }
        while (is_name_character(look()) || is_beyond_ascii(look())) ++at_;
        if (look() != '$') {  // no dollar quote: the server will say so
            at_ = from + 1;
            return push(lexeme::symbol, from);
        }
        const auto tag = text_.substr(from, at_ + 1 - from);
        take_past(tag, at_ + 1);
        push(lexeme::string, from);
    }

    void take_colon() {
        const auto from = at_;
        ++at_;
        if (look() == ':' || look() == '=') {
            ++at_;
            push(lexeme::symbol, from);
        } else if (is_name_character(look())) {
            while (is_name_character(look())) ++at_;
            push(lexeme::placeholder, from);
        } else {
            push(lexeme::symbol, from);
        }
    }

    std::string_view text_;
    bool mysql_;
    quoting quoting_;
    bool in_version_comment_ = false;
    std::size_t at_ = 0;
    tokens cut_;
};

}  // namespace

quoting default_quoting(dialect of) {
    return of == dialect::mysql ? quoting{.backslash_escapes = true, .double_quotes_name = false} : quoting{};
}

tokens cut(std::string_view text, dialect of) { return cut(text, of, default_quoting(of)); }

tokens cut(std::string_view text, dialect of, quoting as) { return lexer(text, of, as).run(); }

}  // namespace borealis::sql
