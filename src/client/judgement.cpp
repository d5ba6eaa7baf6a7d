#include "client/judgement.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace borealis::client {
namespace {

template <std::size_t N>
bool is_one_of(std::string_view what, const std::string_view (&list)[N]) {
    return std::ranges::find(list, what) != std::end(list);
}

bool is_resuming(const fault& what) {
    if (what.code == "DatabaseResumingException") return true;
    // v1. The same words after packets were received are a connection that broke during the statement.
    return what.message.find("Communications link failure") != std::string::npos &&
           what.message.find("successfully received from the server") == std::string::npos;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_word(char c) {
    const char l = lower(c);
    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

/// Words of which one makes a statement more than a read.
constexpr std::string_view changing[] = {"into",    "for",    "lock",    "insert",   "update",    "delete",  "merge",
                                         "replace", "call",   "analyze", "analyse",  "procedure", "outfile", "dumpfile",
                                         "create",  "drop",   "alter",   "truncate", "set",       "do",      "execute",
                                         "grant",   "revoke", "copy",    "handler",  "load",      "perform"};

/// Words that may stand before a bracket: keywords, and functions that read their arguments only.
constexpr std::string_view harmless[] = {
    "in",
    "exists",
    "and",
    "or",
    "not",
    "any",
    "all",
    "some",
    "over",
    "as",
    "from",
    "on",
    "where",
    "values",
    "using",
    "cast",
    "select",
    "union",
    "except",
    "intersect",
    "distinct",
    "by",
    "between",
    "like",
    "when",
    "then",
    "else",
    "join",
    "row",
    "array",
    "having",
    "limit",
    "offset",
    "is",
    "case",
    "interval",
    "with",
    "lateral",
    "partition",
    "filter",
    "varchar",
    "char",
    "decimal",
    "numeric",
    "time",
    "timestamp",
    "binary",
    "count",
    "sum",
    "min",
    "max",
    "avg",
    "coalesce",
    "nullif",
    "greatest",
    "least",
    "abs",
    "round",
    "floor",
    "ceil",
    "ceiling",
    "mod",
    "power",
    "sqrt",
    "lower",
    "upper",
    "length",
    "char_length",
    "trim",
    "ltrim",
    "rtrim",
    "substring",
    "substr",
    "left",
    "right",
    "concat",
    "concat_ws",
    "position",
    "locate",
    "date",
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "second",
    "extract",
    "date_trunc",
    "now",
    "to_char",
    "date_format",
    "if",
    "ifnull",
    "row_number",
    "rank",
    "dense_rank",
    "lag",
    "lead",
    "first_value",
    "last_value",
    "string_agg",
    "array_agg",
    "group_concat",
    "json_agg",
    "jsonb_agg",
    "unnest",
    "generate_series",
    "version",
};

}  // namespace

bool is_throttling(std::string_view code) {
    static constexpr std::string_view codes[] = {"Throttling",
                                                 "ThrottlingException",
                                                 "ThrottledException",
                                                 "RequestThrottledException",
                                                 "TooManyRequestsException",
                                                 "ProvisionedThroughputExceededException",
                                                 "TransactionInProgressException",
                                                 "RequestLimitExceeded",
                                                 "BandwidthLimitExceeded",
                                                 "LimitExceededException",
                                                 "RequestThrottled",
                                                 "SlowDown",
                                                 "EC2ThrottledException"};
    return is_one_of(code, codes);
}

bool may_be_clock_skew(std::string_view code) {
    static constexpr std::string_view codes[] = {
        "InvalidSignatureException", "RequestTimeTooSkewed", "RequestExpired",
        "RequestInTheFuture",        "AuthFailure",          "SignatureDoesNotMatch"};
    return is_one_of(code, codes);
}

judgement judge(const fault& what) {
    if (!what.answered) return {what.certificate ? cause::permanent : cause::transient, what.sent};
    static constexpr std::string_view not_done[] = {"RequestTimeout", "RequestTimeoutException",
                                                    "PriorRequestNotComplete", "ServiceUnavailableError",
                                                    "ServiceUnavailableException"};
    if (is_throttling(what.code)) return {cause::throttled, false};
    if (is_one_of(what.code, not_done)) return {cause::transient, false};
    if (is_resuming(what)) return {cause::resuming, false};
    if (what.message.ends_with("SQLState: 08007")) return {cause::permanent, true};  // transaction_resolution_unknown
    if (what.status == 500 || what.status == 502 || what.status == 503 || what.status == 504)
        return {cause::transient, true};
    return {cause::permanent, what.status >= 500 || what.status < 300 ||
                                  what.message.find("Communications link failure") != std::string::npos};
}

std::chrono::milliseconds retry_delay(int retry, double random, std::optional<std::chrono::milliseconds> hint) {
    const double seconds = random * std::min(std::ldexp(1.0, std::min(retry, 10)), 20.0);
    const std::chrono::milliseconds own(static_cast<std::int64_t>(seconds * 1000));
    return hint ? std::clamp(*hint, own, own + std::chrono::seconds(5)) : own;
}

std::chrono::milliseconds resume_delay(int look) {
    static constexpr int seconds[] = {1, 2, 3, 5};
    return std::chrono::seconds(seconds[std::min(look, 3)]);
}

std::optional<int> token_bucket::take(bool after_timeout) {
    const int cost = after_timeout ? 10 : 5;
    const std::scoped_lock lock(mutex_);
    if (tokens_ < cost) return std::nullopt;
    tokens_ -= cost;
    return cost;
}

void token_bucket::give_back(int cost) {
    const std::scoped_lock lock(mutex_);
    tokens_ = std::min(capacity, tokens_ + std::max(cost, 1));
}

int token_bucket::left() const {
    const std::scoped_lock lock(mutex_);
    return tokens_;
}

bool is_plain_read(std::string_view sql) {
    bool first = true, explained = false, ended = false, qualified = false;
    std::string word;
    for (std::size_t i = 0; i < sql.size();) {
        const char c = sql[i];
        const auto rest = sql.substr(i);
        if (is_blank(c)) {
            ++i;
        } else if (rest.starts_with("--")) {
            if (rest.size() > 2 && !is_blank(rest[2]))
                return false;  // a comment to PostgreSQL, two minus signs to MySQL
            i = std::min(sql.find('\n', i), sql.size());
        } else if (rest.starts_with("/*")) {
            // PostgreSQL nests comments, MySQL runs what stands in /*! */: a comment must be one to both.
            const auto end = sql.find("*/", i + 2);
            if (rest.starts_with("/*!") || rest.starts_with("/*M!") || end == sql.npos ||
                sql.substr(i + 2, end - i - 2).contains("/*")) {
                return false;
            }
            i = end + 2;
        } else if (ended) {
            return false;  // a second statement
        } else if (c == '\'' || c == '"' || c == '`') {
            const auto end = sql.find(c, i + 1);
            if (end == sql.npos || sql.substr(i, end - i).contains('\\')) return false;
            word.clear();
            i = end + 1;                 // a doubled quote opens the next piece of the same text
            if (c != '\'') word = "\"";  // a quoted name: no known function
            first = false;
        } else if (is_word(c)) {
            const auto begin = i;
            while (i < sql.size() && is_word(sql[i])) ++i;
            word.assign(sql.substr(begin, i - begin));
            std::ranges::transform(word, word.begin(), lower);
            const bool placeholder = begin > 0 && sql[begin - 1] == ':' && (begin < 2 || sql[begin - 2] != ':');
            if (placeholder) {
                word.clear();
                continue;
            }
            if (first) {
                static constexpr std::string_view reading[] = {"select",   "show", "values",  "table",
                                                               "describe", "desc", "explain", "with"};
                if (!is_one_of(word, reading)) return false;
                explained = word == "explain" || word == "describe" || word == "desc";
                first = false;
            }
            if (is_one_of(word, changing)) return false;
            if (qualified) word = "\"";
            qualified = false;
        } else if (c == '(') {
            if (explained && word == "explain") return false;  // EXPLAIN (ANALYZE) and its options
            if (!word.empty() && !is_one_of(word, harmless)) return false;
            word.clear();
            ++i;
        } else if (c == ';') {
            ended = true;
            ++i;
        } else if (c == '#' || c == '$' || c == '\\' || c == '@' || rest.starts_with(":=")) {
            return false;
        } else {
            if (first && c != '(') return false;
            word.clear();
            qualified = c == '.';  // schema.function( is none we know
            ++i;
        }
    }
    return !first;
}

}  // namespace borealis::client
