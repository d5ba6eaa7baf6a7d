#include "mysql/plain_write.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include "sql/lexer.hpp"

namespace borealis::mysql {
namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$'; }

/// Words of letters, digits, `_` and `$`, in lower case; everything else one character at a time.
class words {
 public:
    explicit words(std::string_view of) : left_(of) {}

    /// Empty at the end.
    std::string next() {
        left_.remove_prefix(std::min(left_.find_first_not_of(" \t\r\n\f\v"), left_.size()));
        const auto end = std::ranges::find_if_not(left_, is_word);
        const auto size = std::max<std::size_t>(static_cast<std::size_t>(end - left_.begin()), left_.empty() ? 0 : 1);
        std::string word(left_.substr(0, size));
        left_.remove_prefix(size);
        std::ranges::transform(word, word.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        return word;
    }

    /// A name, plain or in backquotes, as it is written; empty where there is none.
    std::string name() {
        left_.remove_prefix(std::min(left_.find_first_not_of(" \t\r\n\f\v"), left_.size()));
        const bool quoted = left_.starts_with('`');
        if (quoted) left_.remove_prefix(1);
        const auto end = std::ranges::find_if_not(left_, is_word);
        std::string made(left_.begin(), end);
        left_.remove_prefix(made.size());
        if (!quoted) return made;
        if (!left_.starts_with('`')) return {};
        left_.remove_prefix(1);
        return made;
    }

    [[nodiscard]] bool at_end_of_name() const {
        return left_.empty() || std::string_view(" \t\r\n\f\v(").contains(left_.front());
    }

    bool skip(char one) {
        if (!left_.starts_with(one)) return false;
        left_.remove_prefix(1);
        return true;
    }

 private:
    std::string_view left_;
};

/// Placeholders, numbers, NULL and DEFAULT between commas and brackets, at the end of a text and after VALUES. No
/// strings: which they are depends on settings of the session.
std::string row_at_end(std::string_view text) {
    const auto tokens = sql::cut(text, sql::dialect::mysql);
    const auto is = [&](std::size_t at, std::string_view word) {
        const auto& one = tokens.all[at];
        return std::ranges::equal(text.substr(one.from, one.to - one.from), word, {},
                                  [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    };
    std::size_t at = 0;
    for (; at < tokens.all.size() && !is(at, "values") && !is(at, "value"); ++at) {
        if (is(at, "ignore")) return {};
    }
    const auto first = at + 1;
    if (tokens.unterminated || tokens.all.size() < first + 3 || !is(first, "(") || !is(tokens.all.size() - 1, ")"))
        return {};
    for (at = first + 1; at + 1 < tokens.all.size(); ++at) {
        const bool fits = tokens.all[at].is == sql::lexeme::number || is(at, "?") || is(at, ",") || is(at, "-") ||
                          is(at, "null") || is(at, "default");
        if (!fits) return {};
    }
    const auto from = tokens.all[first].from;
    return std::string(text.substr(from, tokens.all.back().to - from));
}

}  // namespace

std::optional<plain_write> plain_write_of(std::string_view text) {
    // A comment may hide anything, /*! … */ even code. In a string these characters are no comment: too careful.
    for (const std::string_view sign : {"/*", "--", "#"})
        if (text.contains(sign)) return std::nullopt;
    words all(text);
    const std::string verb = all.next();
    const bool inserts = verb == "insert" || verb == "replace";
    const bool deletes = verb == "delete";
    if (!inserts && !deletes && verb != "update") return std::nullopt;

    plain_write made;
    for (;;) {
        words before = all;
        const std::string word = all.next();
        if (word == "into" || word == "from" || word == "ignore" || word == "low_priority" || word == "quick") continue;
        all = before;
        break;
    }
    made.table = all.name();
    if (all.skip('.')) made.schema = std::exchange(made.table, all.name());
    // Letters beyond ASCII belong to a name as well.
    if (made.table.empty() || !all.at_end_of_name()) return std::nullopt;

    std::string word = all.next();
    // No alias, no second table.
    if (deletes && word != "where" && !word.empty()) return std::nullopt;
    if (verb == "update" && word != "set") return std::nullopt;
    bool selects = false;
    for (; !word.empty(); word = all.next()) {
        if (word == "returning") return std::nullopt;
        selects = selects || word == "select";
        made.inserts_values = made.inserts_values || (inserts && (word == "values" || word == "value"));
    }
    made.inserts_values = made.inserts_values && !selects;
    if (made.inserts_values && verb == "insert") made.row = row_at_end(text);
    return made;
}

}  // namespace borealis::mysql
