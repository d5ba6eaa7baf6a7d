#include "data_api/database_text.hpp"

#include <iterator>

#include <fmt/format.h>

namespace borealis::data_api {

std::string database_text(const sql::failure& of) {
    if (of.code != 0) {  // MySQL's
        auto text = fmt::format("{}; Error code: {}", of.message, of.code);
        if (!of.sqlstate.empty()) text += "; SQLState: " + of.sqlstate;
        return text;
    }
    std::string text = of.severity;
    if (!text.empty()) text += ": ";
    text += of.message;
    if (!of.hint.empty()) text += "; Hint: " + of.hint;
    if (of.position > 0) fmt::format_to(std::back_inserter(text), "; Position: {}", of.position);
    if (!of.sqlstate.empty()) text += "; SQLState: " + of.sqlstate;
    return text;
}

core::error error_of(const sql::failure& of) {
    using core::error_kind;
    switch (of.kind) {
        case sql::failure_kind::database:
        case sql::failure_kind::login:
        case sql::failure_kind::unsupported:
            return {error_kind::database_error, database_text(of)};
        case sql::failure_kind::timeout:
            return {error_kind::statement_timeout, database_text(of), of.backend_id};
        case sql::failure_kind::unreachable:
            return {error_kind::database_unavailable, of.message};
        case sql::failure_kind::lost:  // Not a 5xx: the client's SDK would repeat what may have been done.
            return {error_kind::database_error,
                    "The connection to the database was lost while the statement ran. Its outcome is unknown: check it "
                    "before you repeat the statement."};
        case sql::failure_kind::busy:
            return {error_kind::unavailable, of.message};
        case sql::failure_kind::internal:
            break;
    }
    return {error_kind::internal, of.message};
}

}  // namespace borealis::data_api
