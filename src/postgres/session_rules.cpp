#include "postgres/session_rules.hpp"

#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace borealis::postgres {
namespace {

using sql::failure;
using sql::failure_kind;

template <class Number>
Number number(std::string_view text) {
    Number out = 0;
    std::from_chars(text.data(), text.data() + text.size(), out);
    return out;
}

}  // namespace

failure lost() { return {.kind = failure_kind::lost, .message = "The connection to the database broke."}; }

failure closed() { return {.kind = failure_kind::unreachable, .message = "The connection to the database is closed."}; }

failure too_late(std::int64_t backend_id) {
    return {.kind = failure_kind::timeout,
            .message = "The time for the statement was over before it was sent.",
            .backend_id = backend_id};
}

failure cancelled(std::int64_t backend_id) {
    return {.kind = failure_kind::timeout,
            .message = "canceling statement due to user request",
            .sqlstate = "57014",
            .severity = "ERROR",
            .backend_id = backend_id};
}

failure zero_byte() {
    return {.kind = failure_kind::database,
            .message = "invalid byte sequence for encoding \"UTF8\": 0x00",
            .sqlstate = "22021",
            .severity = "ERROR"};
}

bool has_zero_byte(std::string_view text) { return text.find('\0') != std::string_view::npos; }

std::int64_t affected_by(std::string_view tag) {
    for (const std::string_view verb : {"INSERT ", "UPDATE ", "DELETE ", "MERGE "}) {
        if (tag.starts_with(verb)) return number<std::int64_t>(tag.substr(tag.rfind(' ') + 1));
    }
    return 0;
}

bool clears_statements(std::string_view tag) { return tag == "DISCARD ALL" || tag == "DEALLOCATE ALL"; }

bool is_gone(const failure& what, std::string_view name) {
    return what.sqlstate == "26000" && what.where.empty() &&
           what.message.find(fmt::format("\"{}\"", name)) != std::string::npos;
}

std::string inference_key(std::string_view text, std::span<const oid> types) {
    return fmt::format("{}\n{}", text, fmt::join(types, ","));
}

std::size_t octets_of(const sql::column& of, std::string_view text) {
    const bool hexadecimal = of.type == sql::type_class::bytes && !of.is_array && text.starts_with("\\x");
    return hexadecimal ? text.size() / 2 - 1 : text.size();
}

std::vector<oid> unknown_types(std::span<const result_field> fields, const type_book& book) {
    std::vector<oid> out;
    for (const auto& field : fields) {
        if (!book.knows(field.type)) out.push_back(field.type);
    }
    return out;
}

std::string list_of(std::span<const oid> all) { return fmt::format("{{{}}}", fmt::join(all, ",")); }

void learn_types(type_book& book, const answer_rows& rows) {
    for (const auto& row : rows) {
        book.learn(number<oid>(row[0]), {.name = row[1],
                                         .kind = row[2].front(),
                                         .element = number<oid>(row[3]),
                                         .base = number<oid>(row[4]),
                                         .delimiter = row[5].front()});
    }
}

const char* const origins_query =
    "SELECT a.attrelid, a.attnum, c.relname, a.attnotnull OR (t.typtype = 'd' AND t.typnotnull),"
    " a.attidentity <> '' OR COALESCE(pg_catalog.pg_get_expr(d.adbin, d.adrelid) LIKE '%nextval(%', false)"
    " FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.int2[])) AS w(rel, num)"
    " JOIN pg_catalog.pg_attribute a ON a.attrelid = w.rel AND a.attnum = w.num"
    " JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"
    " JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
    " LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum";

std::vector<std::string> origins_to_ask(statement& which) {
    std::vector<oid> tables;
    std::vector<int> numbers;
    for (std::size_t k = 0; k < which.origins.size(); ++k) {
        const auto& origin = which.origins[k];
        if (origin.table == 0) {
            which.columns[k].nullable = 2;
            continue;
        }
        tables.push_back(origin.table);
        numbers.push_back(origin.number);
    }
    if (tables.empty()) return {};
    return {list_of(tables), fmt::format("{{{}}}", fmt::join(numbers, ","))};
}

void learn_origins(statement& which, const answer_rows& rows) {
    for (const auto& row : rows) {
        for (std::size_t k = 0; k < which.columns.size(); ++k) {
            auto& column = which.columns[k];
            if (which.origins[k].table != number<oid>(row[0]) || which.origins[k].number != number<int>(row[1])) {
                continue;
            }
            column.table = row[2];
            column.nullable = row[3] == "t" ? 0 : 1;
            column.is_auto_increment = row[4] == "t";
            if (!column.is_auto_increment) continue;
            // what the column was declared as, by pgjdbc's rule.
            if (column.type_name == "int2") column.type_name = "smallserial";
            if (column.type_name == "int4") column.type_name = "serial";
            if (column.type_name == "int8") column.type_name = "bigserial";
        }
    }
}

}  // namespace borealis::postgres
