#include "data_api/database_text.hpp"

#include <iterator>

#include <fmt/format.h>

namespace borealis::data_api {
namespace {

std::string mysql_text(const sql::failure& of, database_wording how) {
    if (how == database_wording::early_jdbc)
        return fmt::format("Database error code: {}. Message: {}", of.code, of.message);
    auto text = fmt::format("{}; Error code: {}", of.message, of.code);
    if (!of.sqlstate.empty()) text += "; SQLState: " + of.sqlstate;
    return text;
}

/// Our own words: no profile has others, and all their callers can tell by the SQLSTATE.
std::string in_doubt(std::string_view text) { return fmt::format("{}; SQLState: {}", text, outcome_unknown); }

}  // namespace

std::string database_text(const sql::failure& of, database_wording how) {
    if (of.code != 0) return mysql_text(of, how);
    const bool lines = how != database_wording::one_line;
    std::string text(of.severity.view());
    if (!text.empty()) text += ": ";
    text += of.message;
    const auto add = [&](std::string_view name, std::string_view value) {
        if (!value.empty()) fmt::format_to(std::back_inserter(text), "{}{}: {}", lines ? "\n  " : "; ", name, value);
    };
    if (lines) add("Detail", of.detail.view());  // never in one line
    add("Hint", of.hint.view());
    if (of.position > 0) add("Position", std::to_string(of.position));
    if (lines) add("Where", of.where.view());
    if (how != database_wording::early_jdbc && !of.sqlstate.empty()) text += "; SQLState: " + of.sqlstate;
    return text;
}

void doubt(sql::failure& of, const sql::connection& session) {
    if (of.kind != sql::failure_kind::timeout || session.usable()) return;
    of = {.kind = of.kind,
          .message =
              "The statement took longer than allowed, and the database did not confirm that it was cancelled. "
              "Its outcome is unknown: check it before you repeat the statement",
          .sqlstate = std::string(outcome_unknown),
          .backend_id = of.backend_id};
}

core::error error_of(const sql::failure& of, const profile& as, sql::dialect from) {
    using core::error_kind;
    const auto text = [&] { return database_text(of, as.database_errors); };
    switch (of.kind) {
        case sql::failure_kind::database:
        case sql::failure_kind::login:
        case sql::failure_kind::unsupported:
            return {error_kind::database_error, text()};
        case sql::failure_kind::timeout:
            return {error_kind::statement_timeout, of.sqlstate == outcome_unknown ? in_doubt(of.message) : text(),
                    of.backend_id};
        case sql::failure_kind::unreachable: {
            const auto own = from == sql::dialect::mysql ? as.texts.unreachable_mysql : as.texts.unreachable_postgresql;
            return {error_kind::database_unavailable, own.empty() ? of.message : std::string(own)};
        }
        case sql::failure_kind::lost:  // Not a 5xx: the client's SDK would repeat what may have been done.
            return {error_kind::database_error,
                    in_doubt("The connection to the database was lost while the statement ran. Its outcome is unknown: "
                             "check it before you repeat the statement")};
        case sql::failure_kind::busy:
            return {error_kind::unavailable, of.message};
        case sql::failure_kind::internal:
            break;
    }
    return {error_kind::internal, of.message};
}

}  // namespace borealis::data_api
