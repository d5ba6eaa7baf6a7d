#include "failure.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>

#include <fmt/format.h>

#include "value.hpp"

namespace employees {
namespace {

struct numbered_class {
    unsigned number;
    std::string_view type;
};

// L-6.72: PyMySQL 0.10. Whatever is not listed is an OperationalError from 1000 on, an InternalError below.
constexpr numbered_class classes[] = {
    {1007, "ProgrammingError"},  {1048, "IntegrityError"},    {1062, "IntegrityError"},   {1064, "ProgrammingError"},
    {1102, "ProgrammingError"},  {1103, "ProgrammingError"},  {1110, "ProgrammingError"}, {1111, "ProgrammingError"},
    {1112, "ProgrammingError"},  {1113, "ProgrammingError"},  {1146, "ProgrammingError"}, {1149, "ProgrammingError"},
    {1166, "ProgrammingError"},  {1171, "DataError"},         {1179, "ProgrammingError"}, {1196, "NotSupportedError"},
    {1215, "IntegrityError"},    {1216, "IntegrityError"},    {1217, "IntegrityError"},   {1230, "DataError"},
    {1235, "NotSupportedError"}, {1263, "DataError"},         {1264, "DataError"},        {1265, "DataError"},
    {1286, "NotSupportedError"}, {1289, "NotSupportedError"}, {1366, "DataError"},        {1367, "DataError"},
    {1406, "DataError"},         {1441, "DataError"},         {1451, "IntegrityError"},   {1452, "IntegrityError"},
};

// Too many connections, shutdown, lock wait, deadlock, killed, and the client library's own: not reachable, gone, lost.
constexpr unsigned passing_troubles[] = {1040, 1053, 1205, 1213, 1927, 2002, 2003, 2006, 2013, 2055};

failure_kind kind_of(std::string_view type) {
    return type == "IntegrityError" || type == "DataError" ? failure_kind::data : failure_kind::other;
}

/// Cuts `; <label>: <word>` off the end of `text` and gives the word.
std::optional<std::string_view> take_last(std::string_view& text, std::string_view label) {
    const auto at = text.rfind(label);
    if (at == std::string_view::npos) return std::nullopt;
    const auto word = text.substr(at + label.size());
    const auto is_word = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); };
    if (word.empty() || !std::ranges::all_of(word, is_word)) return std::nullopt;
    text = text.substr(0, at);
    return word;
}

std::optional<unsigned> number_in(std::string_view digits) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return number;
}

}  // namespace

failure invalid_input(std::string message, std::string details) {
    return {.kind = failure_kind::invalid_input,
            .type = "Exception",
            .message = std::move(message),
            .details = std::move(details)};
}

failure mysql_failure(unsigned number, std::string_view text) {
    const auto* listed = std::ranges::lower_bound(classes, number, {}, &numbered_class::number);
    const bool found = listed != std::end(classes) && listed->number == number;
    const std::string_view type = found ? listed->type : number < 1000 ? "InternalError" : "OperationalError";
    auto kind = kind_of(type);
    if (number == 1062) kind = failure_kind::duplicate;
    if (std::ranges::find(passing_troubles, number) != std::end(passing_troubles)) kind = failure_kind::unavailable;
    return {.kind = kind, .type = std::string(type), .message = fmt::format("({}, {})", number, python_repr(text))};
}

failure postgresql_failure(std::string_view sql_state, std::string_view text) {
    const auto group = sql_state.substr(0, 2);
    std::string_view type = "OperationalError";
    if (group == "23") type = "IntegrityError";
    if (group == "22") type = "DataError";
    if (group == "42" && sql_state != "42501") type = "ProgrammingError";  // 42501: not allowed, MySQL's 1142
    if (group == "0A") type = "NotSupportedError";
    auto kind = kind_of(type);
    if (sql_state == "23505") kind = failure_kind::duplicate;
    // Connection troubles, rolled back by the server, out of resources, lock not available, operator intervention.
    if (group == "08" || group == "40" || group == "53" || group == "55" || group == "57")
        kind = failure_kind::unavailable;
    return {.kind = kind,
            .type = std::string(type),
            .message = fmt::format("({}, {})", python_repr(sql_state), python_repr(text))};
}

failure service_failure(std::string_view code, std::string_view message) {
    auto text = message;
    // The texts may hold semicolons and quoted numbers themselves, so the marks are taken from the end (R-2.50,
    //
    if (const auto state = take_last(text, "; SQLState: ")) {
        auto before = text;
        if (const auto digits = take_last(before, "; Error code: ")) {
            if (const auto number = number_in(*digits)) return mysql_failure(*number, before);
        }
        return postgresql_failure(*state, text);
    }
    constexpr std::string_view early = "Database error code: ", early_text = ". Message: ";
    if (text.starts_with(early)) {
        const auto split = text.find(early_text);
        if (split != std::string_view::npos) {
            if (const auto number = number_in(text.substr(early.size(), split - early.size()))) {
                return mysql_failure(*number, text.substr(split + early_text.size()));
            }
        }
    }
    if (code == "SecretsErrorException" || code == "InvalidSecretException" ||
        text.starts_with("Error fetching secret"))
        return credentials_failure();

    // A database error without number and state is the connection's: lost, or busy.
    static constexpr std::string_view passing[] = {
        "DatabaseErrorException",
        "DatabaseResumingException",
        "DatabaseUnavailableException",
        "DatabaseNotFoundException",
        "InvalidResourceStateException",
        "ServiceUnavailableError",
        "StatementTimeoutException",
        "ThrottlingException",
        "TooManyRequestsException",
        "ConnectionError",
        "CallTimeout",
    };
    const bool later =
        std::ranges::find(passing, code) != std::end(passing) || text.starts_with("Communications link failure");
    return {.kind = later ? failure_kind::unavailable : failure_kind::other,
            .type = "OperationalError",
            .message = text.empty() ? std::string(code) : std::string(text)};
}

failure credentials_failure() {
    return {.kind = failure_kind::other,
            .type = "OperationalError",
            .message = "Could not retrieve the database credentials from AWS Secrets Manager."};
}

std::string public_message(const failure& what) {
    if (what.kind == failure_kind::unavailable) return "The database is not available. Please try again later.";
    if (what.kind == failure_kind::other) return "Internal Server Error";
    return what.message;
}

int http_status(failure_kind kind) {
    switch (kind) {
        case failure_kind::invalid_input:
            return 400;
        case failure_kind::duplicate:
            return 409;
        case failure_kind::data:
            return 422;
        case failure_kind::unavailable:
            return 503;
        case failure_kind::other:
            return 500;
    }
    return 500;
}

}  // namespace employees
