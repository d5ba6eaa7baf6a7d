#include "sql/rewrite.hpp"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "sql/harmless_calls.hpp"
#include "sql/lexer.hpp"

namespace borealis::sql {
namespace {

using words = std::unordered_set<std::string_view>;

std::string in_lower_case(std::string_view text) {
    std::string lowered(text);
    for (char& c : lowered) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    }
    return lowered;
}

std::vector<std::string_view> words_of(std::string_view list) {
    std::vector<std::string_view> all;
    while (!list.empty()) {
        const auto end = std::min(list.find(' '), list.size());
        if (end > 0) all.push_back(list.substr(0, end));
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return all;
}

/// Words that call nothing when `(` follows them: keywords, and types with their modifiers.
bool is_never_called(std::string_view word) {
    static const auto all = [] {
        const auto list = words_of(
            "against all and any array as asc between binary bit by case char character collate columns conflict cross "
            "cube "
            "dec decimal default desc distinct div do else end escape except exists explain fetch filter float for "
            "from full "
            "group having ilike in index inner intersect interval into is join key lateral left like limit match "
            "materialized mod natural nchar not numeric of offset on only operator or order outer over overlaps "
            "partition "
            "primary range recursive regexp repeatable returning right rlike rollup row rows select set sets similar "
            "some "
            "straight_join table then time timestamp to union using value values varbinary varchar varying when where "
            "window with within xor");
        return std::unordered_set<std::string_view>(list.begin(), list.end());
    }();
    return all.contains(word);
}

std::optional<statement_class> class_of_first(std::string_view word) {
    static const auto all = [] {
        std::unordered_map<std::string_view, statement_class> map;
        const auto add = [&](statement_class kind, std::string_view list) {
            for (const auto each : words_of(list)) map.emplace(each, kind);
        };
        add(statement_class::query, "select values table show explain describe desc help");
        add(statement_class::write, "insert update delete replace merge");
        add(statement_class::definition,
            "create alter drop truncate rename grant revoke comment reindex vacuum analyze cluster refresh import "
            "security "
            "reassign optimize repair check checksum");
        add(statement_class::transaction, "begin start commit rollback savepoint release end abort xa");
        add(statement_class::session,
            "set use reset discard listen unlisten notify lock unlock prepare deallocate declare fetch move close "
            "handler "
            "flush load");
        add(statement_class::call, "call do execute");
        return map;
    }();
    const auto found = all.find(word);
    return found == all.end() ? std::nullopt : std::optional(found->second);
}

/// Reads the tokens of one text. Positions past the end read as nothing, so that look-ahead needs no checks.
class reader {
 public:
    reader(std::string_view text, dialect of)
        : text_(text),
          lowered_(in_lower_case(text)),
          dialect_(of),
          mysql_(of == dialect::mysql),
          tokens_(cut(text, of)),
          partner_(tokens_.all.size()) {
        pair_parentheses();
        routine_ = defines_routine(0);
        find_end();
    }

    [[nodiscard]] const std::vector<token>& all() const { return tokens_.all; }
    [[nodiscard]] bool unterminated() const { return tokens_.unterminated; }
    [[nodiscard]] std::string_view text_of(std::size_t i) const {
        return i < all().size() ? text_.substr(all()[i].from, all()[i].to - all()[i].from) : std::string_view();
    }
    /// Number of tokens in the first statement.
    [[nodiscard]] std::size_t end() const { return end_; }
    /// Something other than semicolons follows the first statement.
    [[nodiscard]] bool several() const { return several_; }
    /// CREATE FUNCTION, PROCEDURE, TRIGGER, EVENT: no engine takes parameters there, while `:` is a label in MySQL.
    [[nodiscard]] bool is_routine() const { return routine_; }

    /// All statements, without what separates them.
    [[nodiscard]] std::vector<std::string_view> statements() {
        std::vector<std::string_view> found;
        for (std::size_t begin = 0; begin < all().size();) {
            routine_ = defines_routine(begin);
            const auto end = end_of(begin);
            const auto to = end < all().size() ? all()[end].from : text_.size();
            if (end > begin) found.push_back(text_.substr(all()[begin].from, to - all()[begin].from));
            begin = end + 1;
        }
        return found;
    }

    struct reading {
        statement_class kind;
        bool touches_session;
        bool inserts = false, returning = false, plain_read = false, plain_write = false;
        bool asks_for_leftovers = false;
    };
    [[nodiscard]] reading classify() const {
        std::size_t i = 0;
        bool explained = false;
        while (true) {
            while (is_symbol(i, '(')) ++i;
            if (!is_any(i, {"explain", "describe", "desc"}) &&
                !(mysql_ && is(i, "analyze") && !is_any(i + 1, {"table", "local", "no_write_to_binlog"})))
                break;
            explained = true;
            i = after_explain(i);
        }
        const auto main = is(i, "with") ? after_with(i) : i;
        auto known = class_of_first(lower(main));
        if (explained) {
            // MySQL's EXPLAIN t describes a table.
            const bool plain = known ? *known == statement_class::query || *known == statement_class::write : mysql_;
            const bool asks = asks_for_leftovers();
            return {.kind = statement_class::query,
                    .touches_session = !plain || asks || touches(),
                    .asks_for_leftovers = asks};
        }
        auto kind = known.value_or(statement_class::other);
        if (is(main, "start") && !is(main + 1, "transaction")) kind = statement_class::other;  // START REPLICA
        if (is(main, "prepare") && is(main + 1, "transaction")) kind = statement_class::transaction;
        if (is(main, "begin") && is(main + 1, "not")) kind = statement_class::call;  // MariaDB: BEGIN NOT ATOMIC
        if (mysql_ && is(main, "load")) kind = statement_class::other;               // LOAD DATA
        if (kind == statement_class::query && changes_data()) kind = statement_class::write;
        if (kind == statement_class::query && !mysql_ && selects_into()) kind = statement_class::definition;
        const bool plain = kind == statement_class::query || kind == statement_class::write;
        const bool asks = asks_for_leftovers();
        const bool touched = !plain || asks || touches();
        const bool quiet = !touched && !several_ && !locks_or_acts();
        const bool returns = returns_rows();
        return {.kind = kind,
                .touches_session = touched,
                .inserts = is_any(main, {"insert", "replace"}),
                .returning = returns,
                .plain_read = quiet && kind == statement_class::query && is_any(main, {"select", "values", "table"}),
                .plain_write = quiet && kind == statement_class::write && main == 0 &&
                               is_any(main, {"insert", "update", "delete"}) && !(mysql_ && returns),
                .asks_for_leftovers = asks};
    }

 private:
    [[nodiscard]] bool is_symbol(std::size_t i, char what) const {
        return i < all().size() && all()[i].is == lexeme::symbol && text_[all()[i].from] == what &&
               all()[i].to == all()[i].from + 1;
    }
    [[nodiscard]] bool is_one_of(std::size_t i, std::string_view symbols) const {
        return std::ranges::any_of(symbols, [&](char c) { return is_symbol(i, c); });
    }
    [[nodiscard]] bool is_symbol(std::size_t i, std::string_view what) const {
        return i < all().size() && all()[i].is == lexeme::symbol && text_of(i) == what;
    }
    [[nodiscard]] bool is_identifier(std::size_t i) const {
        return i < all().size() && (all()[i].is == lexeme::word || all()[i].is == lexeme::quoted);
    }

    /// The word in lower case; empty for every other token. A label's colon (`l:BEGIN`) makes a placeholder of the next
    /// word; in a routine it is that word.
    [[nodiscard]] std::string_view lower(std::size_t i) const {
        if (i >= all().size()) return {};
        const auto& at = all()[i];
        if (at.is == lexeme::word) return std::string_view(lowered_).substr(at.from, at.to - at.from);
        if (at.is == lexeme::placeholder && routine_)
            return std::string_view(lowered_).substr(at.from + 1, at.to - at.from - 1);
        return {};
    }
    [[nodiscard]] bool is(std::size_t i, std::string_view word) const { return lower(i) == word; }
    [[nodiscard]] bool is_any(std::size_t i, std::initializer_list<std::string_view> choice) const {
        const auto word = lower(i);
        return !word.empty() && std::ranges::find(choice, word) != choice.end();
    }

    void pair_parentheses() {
        std::vector<std::size_t> open;
        for (std::size_t i = 0; i < all().size(); ++i) {
            partner_[i] = i;
            if (is_symbol(i, '(')) {
                open.push_back(i);
            } else if (is_symbol(i, ')') && !open.empty()) {
                partner_[i] = open.back();
                partner_[open.back()] = i;
                open.pop_back();
            }
        }
        for (const auto i : open) partner_[i] = all().size();
    }

    [[nodiscard]] bool defines_routine(std::size_t begin) const {
        if (!is(begin, "create")) return false;
        bool definer = false;
        for (std::size_t i = begin + 1; i < all().size() && !is_symbol(i, ';'); ++i) {
            if (is_any(i, {"function", "procedure", "trigger", "event"})) return true;
            if (is(i, "definer")) {
                definer = true;
            } else if (is_any(i, {"view", "sql", "table"}) ||
                       (!definer && !is_any(i, {"or", "replace", "aggregate", "constraint"}))) {
                return false;
            }
        }
        return false;
    }

    void find_end() {
        end_ = end_of(0);
        auto rest = end_;
        while (is_symbol(rest, ';')) ++rest;
        several_ = rest < all().size();
    }

    /// Where the statement that begins at `begin` ends: its `;`, or past the last token. No end is a `;` within
    /// parentheses (PostgreSQL's CREATE RULE), nor one in a body BEGIN … END of a routine (PostgreSQL: BEGIN ATOMIC …
    /// END) or of MariaDB's BEGIN NOT ATOMIC … END. In a body, CASE … END and nested blocks are followed; IF, LOOP and
    /// the like need not be, since their END names them.
    [[nodiscard]] std::size_t end_of(std::size_t begin) const {
        enum class block : std::uint8_t { compound, choice };
        std::vector<block> open;
        const bool anonymous = is(begin, "begin") && is(begin + 1, "not");
        const bool has_body = routine_ || anonymous;
        std::size_t depth = 0;
        for (std::size_t i = begin; i < all().size(); ++i) {
            if (is_symbol(i, '(')) {
                ++depth;
            } else if (is_symbol(i, ')')) {
                if (depth > 0) --depth;
            } else if (is_symbol(i, ';')) {
                if (open.empty() && (mysql_ || depth == 0)) return i;
            } else if (has_body) {
                if (opens_compound(i)) {
                    open.push_back(block::compound);
                } else if (!open.empty() && is(i, "case") && !is_symbol(i - 1, '.') && !is(i - 1, "end")) {
                    open.push_back(block::choice);
                } else if (!open.empty() && is(i, "end") && ends(i, open.back() == block::choice)) {
                    open.pop_back();
                }
            }
        }
        return all().size();
    }

    [[nodiscard]] bool opens_compound(std::size_t i) const {
        if (!is(i, "begin")) return false;
        if (!mysql_) return is(i + 1, "atomic");
        // BEGIN is no reserved word of MySQL's: a column may be called so.
        return !is_one_of(i - 1, ".,(=") && !is_one_of(i + 1, ".,)=");
    }

    /// Does END at `i` close the innermost CASE, or BEGIN, rather than an IF or a loop?
    [[nodiscard]] bool ends(std::size_t i, bool choice) const {
        if (is_symbol(i - 1, '.')) return false;
        if (mysql_ && is_any(i + 1, {"if", "loop", "repeat", "while"})) return false;
        if (mysql_ && is(i + 1, "for") && !is_any(i + 2, {"update", "share"})) return false;  // MariaDB's END FOR
        return choice || is_symbol(i - 1, ';') || is_any(i - 1, {"begin", "atomic"});
    }

    [[nodiscard]] std::size_t after_group(std::size_t i) const { return std::min(partner_[i] + 1, all().size()); }

    [[nodiscard]] std::size_t after_explain(std::size_t i) const {
        ++i;
        if (!mysql_ && is_symbol(i, '(') && !is_any(i + 1, {"select", "with", "values", "table"}) &&
            !is_symbol(i + 1, '(')) {
            return after_group(i);
        }
        while (is_any(i, {"analyze", "verbose", "extended", "partitions", "format"})) {
            if (is(i, "format") && is_symbol(i + 1, '=')) i += 2;
            ++i;
        }
        return i;
    }

    /// `name [(columns)] AS [[NOT] MATERIALIZED] (…)` at `i`: the place after it; nothing when something else stands
    /// there.
    [[nodiscard]] std::optional<std::size_t> after_named_query(std::size_t i) const {
        if (!is_identifier(i)) return std::nullopt;
        ++i;
        if (is_symbol(i, '(')) i = after_group(i);
        if (!is(i, "as")) return std::nullopt;
        ++i;
        if (is(i, "not")) ++i;
        if (is(i, "materialized")) ++i;
        if (!is_symbol(i, '(')) return std::nullopt;
        return after_group(i);
    }

    /// Reads the list of a WITH at `i`, and marks the names in it when `marks` is given.
    /// @return The first word of the statement that the list belongs to.
    std::size_t after_with(std::size_t i, std::vector<bool>* marks = nullptr) const {
        ++i;
        if (is(i, "recursive")) ++i;
        while (const auto next = after_named_query(i)) {
            if (marks != nullptr && i < marks->size()) (*marks)[i] = true;
            i = *next;
            if (is_any(i, {"search", "cycle"})) {
                while (i < end_ && !starts_main(i) && !(is_symbol(i, ',') && after_named_query(i + 1))) ++i;
            }
            if (!is_symbol(i, ',')) break;
            ++i;
        }
        while (is_symbol(i, '(')) ++i;
        return i;
    }
    [[nodiscard]] bool starts_main(std::size_t i) const {
        return is_symbol(i, '(') || is_any(i, {"select", "insert", "update", "delete", "merge", "values", "table"});
    }

    /// WITH x AS (INSERT …)
    [[nodiscard]] bool changes_data() const {
        for (std::size_t i = 2; i < end_; ++i) {
            if (is_any(i, {"insert", "update", "delete", "merge"}) && is_symbol(i - 1, '(') &&
                is_any(i - 2, {"as", "materialized"})) {
                return true;
            }
        }
        return false;
    }

    /// A RETURNING outside of parentheses.
    [[nodiscard]] bool returns_rows() const {
        for (std::size_t i = 1; i < end_; ++i) {
            if (is_symbol(i, '('))
                i = std::max(i, after_group(i) - 1);
            else if (is(i, "returning") && !is_symbol(i - 1, '.'))
                return true;
        }
        return false;
    }

    [[nodiscard]] bool selects_into(std::size_t i) const {
        return is(i, "into") && !is_symbol(i - 1, '.') &&
               !is_any(i - 1, {"insert", "replace", "merge", "ignore", "delayed", "low_priority", "high_priority"});
    }
    [[nodiscard]] bool selects_into() const {
        for (std::size_t i = 1; i < end_; ++i) {
            if (selects_into(i)) return true;
        }
        return false;
    }

    /// FOR UPDATE and its like, or a call with an effect. When unsure: true.
    [[nodiscard]] bool locks_or_acts() const {
        for (std::size_t i = 1; i < end_; ++i) {
            if (is(i - 1, "for") && is_any(i, {"update", "share", "no", "key"})) return true;
            if (is(i - 1, "lock") && is(i, "in")) return true;  // MySQL's LOCK IN SHARE MODE
            if (is_symbol(i, '(') && has_effect(lower(i - 1), dialect_)) return true;
        }
        return false;
    }

    /// May a query or write leave traces in its session?
    [[nodiscard]] bool touches() const {
        std::vector<bool> names_common_table(end_, false);
        for (std::size_t i = 1; i < end_; ++i) {
            if (is(i - 1, "with")) after_with(i - 1, &names_common_table);
            if (selects_into(i)) return true;
            if (mysql_ && is_symbol(i, ":=")) return true;
            if (is_identifier(i) && is_symbol(i + 1, '(') && i + 1 < end_ && !names_common_table[i] &&
                !is_harmless(i)) {
                return true;
            }
        }
        return false;
    }

    /// Is there a word that reads what earlier statements left in the session?
    [[nodiscard]] bool asks_for_leftovers() const {
        for (std::size_t i = 0; i < end_; ++i) {
            if (!mysql_) {
                if (!is_symbol(i + 1, '(')) continue;
                if (is_any(i, {"lastval", "currval"})) return true;
                if (text_of(i) == "\"lastval\"" || text_of(i) == "\"currval\"") return true;
                continue;
            }
            if (is_any(i, {"last_insert_id", "found_rows", "row_count", "lastval"}) && is_symbol(i + 1, '('))
                return true;
            if (is(i, "previous") && is(i + 1, "value")) return true;  // MariaDB: PREVIOUS VALUE FOR sequence
            if (is_any(i, {"warnings", "errors"}) && is(0, "show")) return true;
            if (is(i, "diagnostics") && is(0, "get")) return true;
            if (is_any(i, {"identity", "last_insert_id", "warning_count", "error_count"}) && is_system_variable(i))
                return true;
        }
        return false;
    }
    /// @@name, @@session.name, @@local.name
    [[nodiscard]] bool is_system_variable(std::size_t i) const {
        if (i >= 2 && is_symbol(i - 1, '.') && is_any(i - 2, {"session", "local"})) i -= 2;
        return i >= 2 && is_symbol(i - 1, '@') && is_symbol(i - 2, '@');
    }

    /// Is the identifier at `i`, which stands before `(`, no call, or the call of a built-in that changes nothing?
    [[nodiscard]] bool is_harmless(std::size_t i) const {
        auto head = i;  // of a dotted name
        while (head >= 2 && is_symbol(head - 1, '.') && is_identifier(head - 2)) head -= 2;
        const auto before = head - 1;
        if (head > 0) {
            if (is_symbol(before, "::") || is_any(before, {"as", "into", "insert", "replace", "ignore"})) return true;
            // After a closing parenthesis comes a keyword or an alias with its columns: (VALUES …) v(a, b), OVER (…).
            if (is_symbol(before, ')') && partner_[before] < before) {
                const auto opener = partner_[before];
                const bool value_follows =
                    opener > 0 &&
                    (is(opener - 1, "operator") || (opener > 1 && is(opener - 1, "on") && is(opener - 2, "distinct")));
                if (!value_follows) return true;
            }
        }
        if (all()[i].is == lexeme::quoted) return false;
        const auto name = lower(i);
        if (head != i) {
            const bool built_in = !mysql_ && head + 2 == i && is_symbol(i - 1, '.') && is(head, "pg_catalog");
            return built_in && is_harmless_call(name, dialect_);
        }
        if (name == "insert" && is(before, "then")) return true;  // MERGE … THEN INSERT (…)
        return is_never_called(name) || is_harmless_call(name, dialect_);
    }

    std::string_view text_;
    std::string lowered_;
    dialect dialect_;
    bool mysql_;
    tokens tokens_;
    std::vector<std::size_t>
        partner_;  ///< Of each parenthesis its other one; unclosed: past the end; otherwise itself.
    bool routine_ = false;
    std::size_t end_ = 0;
    bool several_ = false;
};

/// is the `:digits` at `i` the end of an array slice, `a[1:2]`, `a[:2]`? Follows the brackets as it is called
/// for one token after the other.
class slices {
 public:
    explicit slices(const reader& read, std::string_view text) : read_(read), text_(text) {}

    [[nodiscard]] bool ends_slice(std::size_t i) {
        const auto& at = read_.all()[i];
        const char c = text_[at.from];
        if (at.is == lexeme::symbol) {
            if (c == '[') {
                const auto before = read_.text_of(i - 1);
                open_.push_back(is_operand(i - 1) && in_lower_case(before) != "array" ? bracket::subscript
                                                                                      : bracket::other);
            } else if (c == '(') {
                open_.push_back(bracket::other);
            } else if ((c == ']' || c == ')') && !open_.empty()) {
                open_.pop_back();
            }
        }
        if (at.is != lexeme::placeholder || open_.empty() || open_.back() != bracket::subscript) return false;
        const auto name = text_.substr(at.from + 1, at.to - at.from - 1);
        if (!std::ranges::all_of(name, [](char d) { return d >= '0' && d <= '9'; })) return false;
        return is_operand(i - 1) || read_.text_of(i - 1) == "[";
    }

 private:
    enum class bracket : std::uint8_t { subscript, other };

    [[nodiscard]] bool is_operand(std::size_t i) const {
        if (i >= read_.all().size()) return false;
        if (read_.all()[i].is != lexeme::symbol) return true;
        const auto last = read_.text_of(i).back();
        return last == ']' || last == ')' || (last >= '0' && last <= '9');
    }

    const reader& read_;
    std::string_view text_;
    std::vector<bracket> open_;
};

}  // namespace

rewritten rewrite(std::string_view text, dialect of, std::span<const std::string_view> supplied) {
    const reader read(text, of);
    const auto& all = read.all();
    rewritten made;
    made.several_statements = read.several();
    made.empty = read.end() == 0 && !made.several_statements && !read.unterminated();

    slices brackets(read, text);
    std::unordered_map<std::string_view, std::size_t> numbers;
    std::size_t copied = 0;
    const auto copy_to = [&](std::size_t end) {
        made.text.append(text, copied, end - copied);
        copied = end;
    };
    made.text.reserve(text.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        const bool ends_slice = of == dialect::postgresql && brackets.ends_slice(i);
        if (i >= read.end() && !made.several_statements && !read.unterminated()) {  // a trailing semicolon
            copy_to(all[i].from);
            copied = all[i].to;
            // In `-;--` it keeps an operator apart from the comment.
            if (copied < text.size() && (text[copied] == '-' || text[copied] == '/')) made.text += ' ';
            continue;
        }
        if (all[i].is != lexeme::placeholder || read.is_routine()) continue;
        const auto name = text.substr(all[i].from + 1, all[i].to - all[i].from - 1);
        if (ends_slice) {
            made.depends_on_supplied = true;
            if (std::ranges::find(supplied, name) == supplied.end()) continue;
        }
        copy_to(all[i].from);
        copied = all[i].to;
        if (of == dialect::mysql) {
            made.names.emplace_back(name);
            made.text += '?';
        } else {
            const auto number = numbers.try_emplace(name, numbers.size() + 1).first->second;
            if (number > made.names.size()) made.names.emplace_back(name);
            // Right after an identifier, or a lone `$`, it would be read as part of that.
            const bool sticks =
                i > 0 && all[i - 1].to == all[i].from && (all[i - 1].is == lexeme::word || read.text_of(i - 1) == "$");
            made.text += sticks ? " $" : "$";
            made.text += std::to_string(number);
        }
    }
    copy_to(text.size());

    if (made.empty) {
        made.touches_session = false;
    } else {
        const auto [kind, touches, inserts, returning, plain_read, plain_write, asks_for_leftovers] = read.classify();
        made.kind = kind;
        made.touches_session = touches || made.several_statements;
        made.inserts = inserts;
        made.returning = returning;
        const bool sure = !read.unterminated() && !made.depends_on_supplied;
        made.plain_read = plain_read && sure;
        made.plain_write = plain_write && sure;
        made.asks_for_leftovers = asks_for_leftovers;
    }
    return made;
}

std::vector<std::string_view> split(std::string_view text, dialect of) { return reader(text, of).statements(); }

bool is_parameter_name(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
}

}  // namespace borealis::sql
