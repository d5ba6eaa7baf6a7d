/// Statements that take too long (R-3.9 to R-3.17) over both engines.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "harness.hpp"

namespace borealis::data_api {
namespace {

using namespace std::chrono_literals;

class timeouts : public service_test {
 protected:
    void SetUp() override {
        ASSERT_EQ(execute("CREATE TABLE t (v INT)").status, 200);
        names.behaves.statement_timeout = 300ms;
    }

    /// An INSERT that sleeps, then stores 0.
    [[nodiscard]] std::string slow_insert(std::string_view seconds) const {
        return pick("INSERT INTO t SELECT 0 FROM pg_sleep(", "INSERT INTO t SELECT SLEEP(") + std::string(seconds) +
               ")";
    }
    std::string count() { return value_of("SELECT COUNT(*) FROM t"); }
};

constexpr std::string_view run_on = R"(,"continueAfterTimeout":true)";

INSTANTIATE_TEST_SUITE_P(engines, timeouts, testing::Values(engine::postgresql, engine::mysql),
                         [](const auto& each) { return each.param == engine::postgresql ? "postgresql" : "mysql"; });

#define EXPECT_TIMED_OUT(made, text)                                                                          \
    do {                                                                                                      \
        const response late_ = (made);                                                                        \
        EXPECT_EQ(late_.status, 400);                                                                         \
        EXPECT_EQ(late_.error_type, "StatementTimeoutException");                                             \
        EXPECT_THAT(late_.body, testing::MatchesRegex(R"(\{"dbConnectionId":[1-9][0-9]*,"message":".*"\})")); \
        EXPECT_THAT(late_.body, testing::HasSubstr(text));                                                    \
    } while (false)

constexpr std::string_view postgresql_text = "ERROR: canceling statement due to user request; SQLState: 57014";
constexpr std::string_view mysql_text = "Query execution was interrupted; Error code: 1317; SQLState: 70100";

TEST_P(timeouts, given_a_slow_statement_when_its_time_is_over_then_it_is_cancelled_at_the_database) {  // R-3.13, R-3.15
    EXPECT_TIMED_OUT(execute(slow_insert("20")), std::string(pick(postgresql_text, mysql_text)));
    api->run_for(300ms);
    EXPECT_EQ(count(), "0");
    EXPECT_EQ(value_of(pick("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'INSERT INTO t SELECT%' AND state "
                            "= 'active' AND datname = "
                            "current_database()",
                            "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'INSERT INTO t "
                            "SELECT%' AND db = DATABASE()")),
              "0");
}

TEST_P(timeouts, given_a_transaction_when_a_statement_times_out_then_its_id_stays_known) {  // R-3.13
    const auto id = begin();
    execute("INSERT INTO t VALUES (1)", in(id));
    EXPECT_TIMED_OUT(execute(slow_insert("20"), in(id)), std::string(pick(postgresql_text, mysql_text)));
    const auto next = execute("SELECT 1", in(id));
    if (is_postgresql()) {
        EXPECT_THAT(next.body, testing::HasSubstr("SQLState: 25P02"));
        EXPECT_EQ(rollback(id).status, 200);
    } else {
        EXPECT_EQ(next.status, 200) << next.body;
        EXPECT_EQ(commit(id).body, R"({"transactionStatus":"Transaction Committed"})");
        EXPECT_EQ(count(), "1");
    }
}

TEST_P(timeouts, given_continue_after_timeout_when_time_is_over_then_the_statement_runs_on) {  // R-3.14
    EXPECT_TIMED_OUT(execute(slow_insert("0.8"), run_on), "runs on (continueAfterTimeout)");
    EXPECT_EQ(api->api.uses_of(test_arn), 1U);
    EXPECT_EQ(count(), "0");
    for (int i = 0; i < 50 && api->api.uses_of(test_arn) != 0; ++i) api->run_for(100ms);
    EXPECT_EQ(api->api.uses_of(test_arn), 0U);
    EXPECT_EQ(count(), "1");
}

TEST_P(timeouts, given_continue_after_timeout_when_quick_then_the_answer_is_as_ever) {
    EXPECT_EQ(execute("SELECT :v AS v",
                      R"(,"continueAfterTimeout":true,"parameters":[{"name":"v","value":{"stringValue":"x"}}])")
                  .body,
              R"({"numberOfRecordsUpdated":0,"records":[[{"stringValue":"x"}]]})");
    EXPECT_EQ(execute("SELECT * FROM no_such_table", run_on).error_type, "DatabaseErrorException");
    EXPECT_EQ(execute("SELECT 1").status, 200);
    EXPECT_EQ(api->api.uses_of(test_arn), 0U);
}

TEST_P(timeouts,
       given_continue_after_timeout_in_a_transaction_when_it_runs_on_then_the_id_is_busy_until_it_ends) {  // R-3.14,
                                                                                                           // R-2.20
    const auto id = begin();
    EXPECT_TIMED_OUT(execute(slow_insert("0.8"), in(id) + std::string(run_on)), "runs on");
    EXPECT_EQ(execute("SELECT 1", in(id)).body, R"({"message":"Transaction is still running a query"})");
    for (int i = 0; i < 50 && api->api.uses_of(test_arn) > 1; ++i) api->run_for(100ms);
    EXPECT_EQ(execute("SELECT COUNT(*) FROM t", in(id)).body,
              R"({"numberOfRecordsUpdated":0,"records":[[{"longValue":1}]]})");
    EXPECT_EQ(commit(id).body, R"({"transactionStatus":"Transaction Committed"})");
    EXPECT_EQ(count(), "1");
}

TEST_P(timeouts, given_a_large_result_that_runs_on_when_nobody_waits_then_its_rows_are_dropped) {  // R-3.14
    names.behaves.result_bytes = 100;
    EXPECT_TIMED_OUT(execute(pick("SELECT repeat('x', 1000) FROM generate_series(1, 1000), pg_sleep(0.6)",
                                  "SELECT REPEAT('x', 1000) FROM seq_1_to_1000, (SELECT SLEEP(0.6)) AS s"),
                             run_on),
                     "runs on");
    for (int i = 0; i < 50 && api->api.uses_of(test_arn) != 0; ++i) api->run_for(100ms);
    EXPECT_EQ(api->api.uses_of(test_arn), 0U);
}

TEST_P(timeouts, given_a_statement_that_runs_on_when_the_service_ends_then_nothing_is_left) {
    EXPECT_TIMED_OUT(execute(slow_insert("5"), run_on), "runs on");
    const auto id = begin();
    api.reset();  // the event loop destroys what still runs
}

TEST_P(timeouts, given_a_batch_when_its_time_is_over_then_none_stays) {
    EXPECT_TIMED_OUT(batch(slow_insert("0.2"), "[[],[],[],[],[],[],[],[],[],[],[],[]]"), "");
    EXPECT_EQ(count(), "0");
}

TEST_P(timeouts, given_open_transactions_when_shut_down_then_they_are_rolled_back) {
    const auto id = begin();
    execute("INSERT INTO t VALUES (1)", in(id));
    core::asio::co_spawn(api->loop, api->api.shut_down(core::deadline::after(5s)), core::asio::detached);
    api->run_for(500ms);
    EXPECT_EQ(api->api.uses_of(test_arn), 0U);
    EXPECT_EQ(count(), "0");
}

}  // namespace
}  // namespace borealis::data_api
