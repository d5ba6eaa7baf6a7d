#include "postgres/plain_insert.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <vector>

#include <fmt/format.h>

#include "sql/lexer.hpp"

namespace borealis::postgres {
namespace {

using sql::lexeme;

/// The tokens of a text, one after the other.
class words {
 public:
    explicit words(std::string_view of) : text_(of), tokens_(sql::cut(of, sql::dialect::postgresql)) {}

    [[nodiscard]] bool at_end() const { return at_ == tokens_.all.size(); }
    [[nodiscard]] bool is_whole() const { return !tokens_.unterminated; }
    [[nodiscard]] std::size_t begin() const { return tokens_.all[at_].from; }
    [[nodiscard]] std::size_t past() const { return tokens_.all[at_ - 1].to; }

    /// A bare word in any case, or a symbol.
    bool skip(std::string_view wanted) {
        if (at_end() || (now().is != lexeme::word && now().is != lexeme::symbol)) return false;
        const bool same = std::ranges::equal(
            word(), wanted, {}, [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
        at_ += same ? 1 : 0;
        return same;
    }
    /// An identifier as it is written; empty where there is none.
    std::string_view name() {
        if (at_end() || (now().is != lexeme::word && now().is != lexeme::quoted)) return {};
        const auto found = word();
        ++at_;
        return found;
    }
    /// The number of a `$n`; 0 where there is none.
    std::size_t parameter() {
        std::size_t number = 0;
        if (at_end() || now().is != lexeme::symbol || !word().starts_with('$')) return 0;
        const auto digits = word().substr(1);
        std::from_chars(digits.data(), digits.data() + digits.size(), number);
        ++at_;
        return number;
    }

 private:
    [[nodiscard]] const sql::token& now() const { return tokens_.all[at_]; }
    [[nodiscard]] std::string_view word() const { return text_.substr(now().from, now().to - now().from); }

    std::string_view text_;
    sql::tokens tokens_;
    std::size_t at_ = 0;
};

}  // namespace

std::optional<plain_insert> plain_insert_of(std::string_view text, std::size_t parameters) {
    words all(text);
    if (!all.is_whole() || !all.skip("insert") || !all.skip("into")) return std::nullopt;
    plain_insert made;
    made.table = all.name();
    if (made.table.empty()) return std::nullopt;
    if (all.skip(".")) {
        const auto second = all.name();
        if (second.empty()) return std::nullopt;
        made.table.append(".").append(second);
    }
    if (all.skip("(")) {
        do {
            if (all.name().empty()) return std::nullopt;
        } while (all.skip(","));
        if (!all.skip(")")) return std::nullopt;
    }
    if (all.at_end()) return std::nullopt;
    const auto values = all.begin();
    if (!all.skip("values") || !all.skip("(")) return std::nullopt;
    std::string selected;
    std::vector<bool> seen(parameters);
    do {
        const auto number = all.parameter();
        if (number == 0 || number > parameters) return std::nullopt;
        seen[number - 1] = true;
        fmt::format_to(std::back_inserter(selected), "{}p{}", selected.empty() ? "" : ", ", number);
    } while (all.skip(","));
    if (!all.skip(")")) return std::nullopt;
    const auto rest = all.past();
    all.skip(";");
    if (!all.at_end() || std::ranges::find(seen, false) != seen.end()) return std::nullopt;

    std::string arrays;
    std::string names;
    for (std::size_t i = 1; i <= parameters; ++i) {
        const auto* const comma = i == 1 ? "" : ", ";
        fmt::format_to(std::back_inserter(arrays), "{}pg_catalog.unnest(${})", comma, i);
        fmt::format_to(std::back_inserter(names), "{}p{}", comma, i);
    }
    made.merged = fmt::format("{}SELECT {} FROM ROWS FROM ({}) AS sets ({}){}", text.substr(0, values), selected,
                              arrays, names, text.substr(rest));
    return made;
}

// Numbers below 10000 are those that the server's sources give (transam.h, FirstGenbkiObjectId): its own base types
// and functions; domains and types of rows have others. Allowed though not immutable: now(), nextval(regclass),
// gen_random_uuid(), random(), clock_timestamp(), which are called once a row in either form, or yield the same
// throughout a transaction. Casts by way of text call functions that the expression does not name.
const char* const merges_query =
    "SELECT 1 / CASE WHEN c.relkind = 'r' AND NOT c.relispartition AND NOT c.relrowsecurity AND NOT c.relhasrules"
    " AND c.relam = 2"
    " AND pg_catalog.current_setting('transaction_isolation') = 'read committed'"
    " AND pg_catalog.current_setting('statement_timeout') = '0'"
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = c.oid AND tgtype & 4 <> 0)"
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND atttypid >= 10000)"
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_index WHERE indrelid = c.oid"
    " AND (indexprs IS NOT NULL OR indpred IS NOT NULL OR indisexclusion))"
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_cast WHERE castfunc >= 10000 AND castsource < 10000 AND casttarget <"
    " 10000)"
    " AND NOT EXISTS (SELECT FROM (SELECT adbin::text FROM pg_catalog.pg_attrdef WHERE adrelid = c.oid UNION ALL"
    " SELECT conbin::text FROM pg_catalog.pg_constraint WHERE conrelid = c.oid AND contype = 'c') AS e (nodes)"
    " WHERE nodes LIKE '%{COERCEVIAIO %' OR EXISTS (SELECT FROM"
    " pg_catalog.regexp_matches(nodes, ':(?:func|opfunc)id ([0-9]+)', 'g') AS called"
    " WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.oid = called[1]::pg_catalog.oid AND p.oid < 10000"
    " AND (p.provolatile = 'i' OR p.oid IN (1299, 1574, 3432, 1598, 2649)))))"
    " THEN 1 ELSE 0 END"
    " FROM pg_catalog.pg_class c WHERE c.oid = $1::pg_catalog.regclass";

}  // namespace borealis::postgres
