#include "postgres/errors.hpp"

#include <algorithm>
#include <charconv>

#include "postgres/libpq.hpp"

namespace borealis::postgres {
namespace {

std::string field(const pg_result* result, int which) {
    const char* text = PQresultErrorField(result, which);
    return text == nullptr ? std::string() : std::string(text);
}

int number(std::string_view text) {
    int value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

bool is_sqlstate(std::string_view text) {
    return text.size() == 5 &&
           std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

/// The next line's value when it starts with `label`, up to the next label of libpq's.
std::string labelled(std::string_view text, std::string_view label) {
    const auto at = text.find(label);
    if (at == std::string_view::npos) return {};
    text.remove_prefix(at + label.size());
    for (const std::string_view other : {"\nDETAIL:  ", "\nHINT:  ", "\nCONTEXT:  ", "\nLOCATION:  "}) {
        text = text.substr(0, text.find(other));
    }
    while (text.ends_with('\n')) text.remove_suffix(1);
    return std::string(text);
}

}  // namespace

sql::failure failure_of(const pg_result* result) {
    sql::failure out{.kind = sql::failure_kind::database, .message = field(result, PG_DIAG_MESSAGE_PRIMARY)};
    out.sqlstate = field(result, PG_DIAG_SQLSTATE);
    if (out.sqlstate.empty()) {
        return {.kind = sql::failure_kind::lost, .message = "The connection to the database broke."};
    }
    out.severity = field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    out.detail = field(result, PG_DIAG_MESSAGE_DETAIL);
    out.hint = field(result, PG_DIAG_MESSAGE_HINT);
    out.where = field(result, PG_DIAG_CONTEXT);
    out.position = number(field(result, PG_DIAG_STATEMENT_POSITION));
    return out;
}

bool is_stale_plan(const pg_result* result) {
    // The function is PostgreSQL's in every language; others that speak its protocol have only the message.
    return field(result, PG_DIAG_SQLSTATE) == "0A000" && field(result, PG_DIAG_CONTEXT).empty() &&
           (field(result, PG_DIAG_SOURCE_FUNCTION) == "RevalidateCachedQuery" ||
            field(result, PG_DIAG_MESSAGE_PRIMARY) == "cached plan must not change result type");
}

bool ends_session(const sql::failure& what) { return what.severity == "FATAL" || what.severity == "PANIC"; }

sql::failure connect_failure_of(std::string_view text) {
    // `SEVERITY:  SQLSTATE: message`: the severity may be translated, the two spaces and the code are not. The first
    // one counts: with sslmode=prefer libpq asks a second time without TLS, and the first answer says more.
    for (auto at = text.find(":  "); at != std::string_view::npos; at = text.find(":  ", at + 1)) {
        const auto state = text.substr(at + 3, 5);
        if (!is_sqlstate(state) || text.substr(at + 8, 2) != ": ") continue;
        auto rest = text.substr(at + 10);
        // The other attempt's text follows on a line of its own.
        rest = rest.substr(0, rest.find("\nconnection to server "));
        sql::failure out{.kind = sql::failure_kind::login, .message = labelled(rest, "")};
        out.sqlstate = state;
        out.severity = "FATAL";
        out.detail = labelled(rest, "\nDETAIL:  ");
        out.hint = labelled(rest, "\nHINT:  ");
        if (state.starts_with("57P")) {
            out.kind = sql::failure_kind::unreachable;  // starting up, shutting down, recovering: try again later
        }
        return out;
    }
    if (text.find("SSL") != std::string_view::npos || text.find("certificate") != std::string_view::npos) {
        return {.kind = sql::failure_kind::unreachable,
                .message = "No TLS connection to the database could be made that satisfies its TLS settings."};
    }
    return {.kind = sql::failure_kind::unreachable, .message = "The database cannot be reached."};
}

}  // namespace borealis::postgres
