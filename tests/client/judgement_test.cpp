#include "client/judgement.hpp"

#include <optional>
#include <ostream>
#include <string_view>

#include <gtest/gtest.h>

namespace borealis::client {
namespace {

using namespace std::chrono_literals;

struct judge_case {
    std::string_view name;
    fault what;
    cause why;
    bool in_doubt;
};

std::ostream& operator<<(std::ostream& out, const judge_case& of) { return out << of.name; }

const judge_case judge_cases[] = {
    {"no connection", {}, cause::transient, false},
    {"connection broke", {.sent = true}, cause::transient, true},
    {"time-out before sending", {.timed_out = true}, cause::transient, false},
    {"time-out after sending", {.sent = true, .timed_out = true}, cause::transient, true},
    {"wrong certificate", {.certificate = true}, cause::permanent, false},
    {"500", {.answered = true, .status = 500, .code = "InternalServerErrorException"}, cause::transient, true},
    {"500 without a name", {.answered = true, .status = 500, .code = "500"}, cause::transient, true},
    {"502 of a proxy", {.answered = true, .status = 502, .code = "502"}, cause::transient, true},
    {"503 of the service",
     {.answered = true, .status = 503, .code = "ServiceUnavailableError"},
     cause::transient,
     false},
    {"503 of a proxy", {.answered = true, .status = 503, .code = "503"}, cause::transient, true},
    {"504 of the service",
     {.answered = true, .status = 504, .code = "DatabaseUnavailableException"},
     cause::transient,
     true},
    {"501", {.answered = true, .status = 501, .code = "501"}, cause::permanent, true},
    {"throttled with 400", {.answered = true, .status = 400, .code = "ThrottlingException"}, cause::throttled, false},
    {"throttled with 429",
     {.answered = true, .status = 429, .code = "TooManyRequestsException"},
     cause::throttled,
     false},
    {"throttled with 503", {.answered = true, .status = 503, .code = "SlowDown"}, cause::throttled, false},
    {"request not read in time", {.answered = true, .status = 400, .code = "RequestTimeout"}, cause::transient, false},
    {"v2 resuming", {.answered = true, .status = 400, .code = "DatabaseResumingException"}, cause::resuming, false},
    {"v1 resuming",
     {.answered = true,
      .status = 400,
      .code = "BadRequestException",
      .message = "Communications link failure\n\nThe last packet sent successfully to the server was 0 milliseconds "
                 "ago. The driver has "
                 "not received any packets from the server."},
     cause::resuming,
     false},
    {"v1 link broken during the statement",
     {.answered = true,
      .status = 400,
      .code = "BadRequestException",
      .message = "Communications link failure\n\nThe last packet successfully received from the server was 5,000 "
                 "milliseconds ago."},
     cause::permanent,
     true},
    {"SQL error", {.answered = true, .status = 400, .code = "DatabaseErrorException"}, cause::permanent, false},
    {"statement timed out",
     {.answered = true, .status = 400, .code = "StatementTimeoutException"},
     cause::permanent,
     false},
    {"not allowed", {.answered = true, .status = 403, .code = "AccessDeniedException"}, cause::permanent, false},
    {"not found", {.answered = true, .status = 404, .code = "TransactionNotFoundException"}, cause::permanent, false},
    {"redirect", {.answered = true, .status = 302, .code = "302"}, cause::permanent, false},
};

class l_5_61 : public testing::TestWithParam<judge_case> {};

TEST_P(l_5_61, given_a_fault_when_judged_then_only_what_did_nothing_is_without_doubt) {
    const auto verdict = judge(GetParam().what);
    EXPECT_EQ(verdict.why, GetParam().why);
    EXPECT_EQ(verdict.in_doubt, GetParam().in_doubt);
}

INSTANTIATE_TEST_SUITE_P(faults, l_5_61, testing::ValuesIn(judge_cases));

TEST(l_5_60, given_retries_when_delayed_then_the_bound_doubles_up_to_twenty_seconds) {
    EXPECT_EQ(retry_delay(0, 1.0, {}), 1s);
    EXPECT_EQ(retry_delay(1, 1.0, {}), 2s);
    EXPECT_EQ(retry_delay(4, 1.0, {}), 16s);
    EXPECT_EQ(retry_delay(5, 1.0, {}), 20s);
    EXPECT_EQ(retry_delay(1000, 1.0, {}), 20s);
    EXPECT_EQ(retry_delay(3, 0.25, {}), 2s);
    EXPECT_EQ(retry_delay(3, 0.0, {}), 0s);
}

TEST(l_5_63, given_a_hint_when_delayed_then_it_is_clamped_to_five_seconds_above_the_own_delay) {
    EXPECT_EQ(retry_delay(1, 0.5, 10ms), 1s);
    EXPECT_EQ(retry_delay(1, 0.5, 3s), 3s);
    EXPECT_EQ(retry_delay(1, 0.5, 60s), 6s);
}

TEST(l_5_64, given_looks_at_a_resuming_database_when_delayed_then_1_2_3_5_5) {
    EXPECT_EQ(resume_delay(0), 1s);
    EXPECT_EQ(resume_delay(1), 2s);
    EXPECT_EQ(resume_delay(2), 3s);
    EXPECT_EQ(resume_delay(3), 5s);
    EXPECT_EQ(resume_delay(99), 5s);
}

TEST(l_5_60, given_the_bucket_when_retries_empty_it_then_there_are_no_more_until_something_succeeds) {
    token_bucket bucket;
    for (int i = 0; i < 100; ++i) EXPECT_EQ(bucket.take(false), 5);
    EXPECT_EQ(bucket.take(false), std::nullopt);
    bucket.give_back(5);
    EXPECT_EQ(bucket.take(true), std::nullopt);
    EXPECT_EQ(bucket.take(false), 5);
    for (int i = 0; i < 1000; ++i) bucket.give_back(0);
    EXPECT_EQ(bucket.left(), 500);
    EXPECT_EQ(bucket.take(true), 10);
}

struct read_case {
    std::string_view sql;
    bool plain;
};

std::ostream& operator<<(std::ostream& out, const read_case& of) { return out << of.sql; }

constexpr read_case read_cases[] = {
    {"SELECT 1", true},
    {"select * from employee where id = :id", true},
    {"  /* why */ -- not\n SELECT name FROM t;  ", true},
    {"SELECT count(*), max ( id ) FROM t WHERE a IN (:a, :b) AND b = 'it''s; INSERT'", true},
    {"SELECT \"insert\" FROM `update`", true},
    {"SELECT x::int, :into FROM t LIMIT :n", true},
    {"(SELECT 1) UNION (SELECT 2)", true},
    {"WITH a AS (SELECT 1) SELECT * FROM a", true},
    {"VALUES (1), (2)", true},
    {"SHOW TABLES", true},
    {"EXPLAIN SELECT 1", true},
    {"", false},
    {"  -- nothing\n", false},
    {"INSERT INTO t VALUES (1)", false},
    {"UPDATE t SET a = 1", false},
    {"CALL p()", false},
    {"BEGIN", false},
    {"SELECT * INTO x FROM t", false},
    {"SELECT a FROM t INTO OUTFILE '/tmp/x'", false},
    {"SELECT * FROM t FOR UPDATE", false},
    {"SELECT * FROM t LOCK IN SHARE MODE", false},
    {"SELECT nextval('s')", false},
    {"SELECT pg_advisory_lock (1)", false},
    {"SELECT app.count(1)", false},
    {"SELECT app . count(1)", false},
    {"SELECT \"count\"(1)", false},
    {"SELECT 1; DELETE FROM t", false},
    {"SELECT 1; SELECT 2", false},
    {"WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d", false},
    {"EXPLAIN ANALYZE DELETE FROM t", false},
    {"EXPLAIN (ANALYZE) SELECT 1", false},
    {"SELECT /*! SLEEP(1), */ 1", false},
    {"SELECT /*M! 1, */ 1", false},
    {"SELECT /* /* */ 1", false},
    {"SELECT @a := 1", false},
    {"SELECT 'a\\' , nextval(''s'')", false},
    {"SELECT $$a$$", false},
    {"SELECT 1 # comment\n, nextval('s')", false},
    {"SELECT 1 --nextval\n", false},
    {"SELECT 'open", false},
    {"= 1", false},
};

class plain_read : public testing::TestWithParam<read_case> {};

TEST_P(plain_read, given_a_statement_when_looked_at_then_only_certain_reads_may_run_twice) {
    EXPECT_EQ(is_plain_read(GetParam().sql), GetParam().plain);
}

INSTANTIATE_TEST_SUITE_P(l_5_65, plain_read, testing::ValuesIn(read_cases));

}  // namespace
}  // namespace borealis::client
