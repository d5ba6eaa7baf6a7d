/// BeginTransaction, CommitTransaction and RollbackTransaction (section 9) over both engines, on one thread and on two.
#include <future>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/format.h>

#include "harness.hpp"
#include "json/document.hpp"

namespace borealis::data_api {
namespace {

using namespace std::chrono_literals;

class data_api_transactions : public service_test {
 protected:
    void SetUp() override { ASSERT_EQ(execute("CREATE TABLE t (v INT PRIMARY KEY)").status, 200); }

    std::string count() { return value_of("SELECT COUNT(*) FROM t"); }
    static std::string missing(std::string_view id, std::string_view cause = "") {
        return fmt::format(R"({{"message":"Transaction {} is not found{}"}})", id, cause);
    }
};

constexpr std::string_view ended = ". One previous call resulted in a termination of your transaction.";
constexpr std::string_view committed = R"({"transactionStatus":"Transaction Committed"})";
constexpr std::string_view rolled_back = R"({"transactionStatus":"Rollback Complete"})";

INSTANTIATE_TEST_SUITE_P(engines, data_api_transactions, testing::Values(engine::postgresql, engine::mysql),
                         [](const auto& each) { return each.param == engine::postgresql ? "postgresql" : "mysql"; });

TEST_P(data_api_transactions, given_a_transaction_when_committed_then_others_see_it) {  // R-9.1, R-9.3, R-9.4
    const auto id = begin();
    EXPECT_EQ(id.size(), 184U);
    EXPECT_EQ(execute("INSERT INTO t VALUES (1)", in(id)).status, 200);
    EXPECT_EQ(count(), "0");
    EXPECT_EQ(commit(id).body, committed);
    EXPECT_EQ(count(), "1");
    const auto again = commit(id);
    EXPECT_EQ(again.status, 404);
    EXPECT_EQ(again.error_type, "TransactionNotFoundException");
    EXPECT_EQ(again.body, missing(id, ended));
    EXPECT_EQ(execute("SELECT 1", in(id)).body, missing(id, ended));
}

TEST_P(data_api_transactions, given_a_transaction_when_rolled_back_then_nothing_stays) {
    const auto id = begin();
    execute("INSERT INTO t VALUES (1)", in(id));
    EXPECT_EQ(rollback(id).body, rolled_back);
    EXPECT_EQ(count(), "0");
    EXPECT_EQ(rollback(id).body, missing(id, ended));
}

TEST_P(data_api_transactions, given_ids_nobody_gave_when_used_then_they_are_not_found) {  // R-2.22
    const auto id = begin();
    auto forged = id;
    forged.back() = forged.back() == 'A' ? 'B' : 'A';
    for (const auto& each : {std::string("ABC1234567890xyz"), forged, std::string(184, 'A'), std::string("%")}) {
        EXPECT_EQ(execute("SELECT 1", in(each)).body, missing(each));
        EXPECT_EQ(commit(each).error_type, "TransactionNotFoundException");
    }
    EXPECT_EQ(commit("").status, 404);
    EXPECT_EQ(rollback(id).body, rolled_back);
}

TEST_P(data_api_transactions,
       given_another_secret_cluster_or_caller_when_used_then_it_is_not_found) {  // R-9.12, R-9.13
    names.logins.emplace("other secret", std::vector{secret_login{server_of(GetParam()).login(), {}}});
    const auto id = begin();
    const auto members = R"(,"sql":"SELECT 1","transactionId":")" + id + "\"}";
    const auto by_secret =
        api->call(operation::execute_statement,
                  fmt::format(R"({{"resourceArn":"{}","secretArn":"other secret"{})", test_arn, members));
    EXPECT_EQ(by_secret.body, missing(id));
    const auto by_caller = api->call(
        operation::execute_statement,
        fmt::format(R"({{"resourceArn":"{}","secretArn":"{}"{})", test_arn, test_secret, members), "somebody");
    EXPECT_EQ(by_caller.body, missing(id));
    const auto by_cluster =
        api->call(operation::commit_transaction,
                  fmt::format(R"({{"resourceArn":"{}-2","secretArn":"{}"{})", test_arn, test_secret, members));
    EXPECT_EQ(by_cluster.body, missing(id));
    EXPECT_EQ(commit(id).body, committed);
}

TEST_P(data_api_transactions, given_another_database_when_used_then_it_is_refused) {  // R-9.14
    const auto id = begin();
    const auto made = execute("SELECT 1", in(id) + R"(,"database":"other")");
    EXPECT_EQ(made.status, 400);
    EXPECT_EQ(made.error_type, "DatabaseErrorException");
    EXPECT_EQ(made.body, R"({"message":"Database name is not the same as when transaction was created"})");
    EXPECT_EQ(execute("SELECT 1", in(id) + R"(,"database":")" + database + "\"").status, 200);
    EXPECT_EQ(commit(id).body, committed);
}

TEST_P(data_api_transactions, given_a_failed_statement_when_committed_then_engines_differ) {  // R-9.5 to R-9.7
    const auto id = begin();
    execute("INSERT INTO t VALUES (1)", in(id));
    EXPECT_EQ(execute("INSERT INTO t VALUES (1)", in(id)).error_type, "DatabaseErrorException");
    const auto next = execute("INSERT INTO t VALUES (2)", in(id));
    if (is_postgresql()) {
        EXPECT_EQ(
            next.body,
            R"({"message":"ERROR: current transaction is aborted, commands ignored until end of transaction block; SQLState: 25P02"})");
        EXPECT_EQ(commit(id).body, rolled_back);
        EXPECT_EQ(count(), "0");
    } else {
        EXPECT_EQ(next.status, 200);
        EXPECT_EQ(commit(id).body, committed);
        EXPECT_EQ(count(), "2");
    }
}

TEST_P(data_api_transactions, given_session_state_when_the_transaction_ends_then_it_is_gone) {  // R-9.15, R-9.17
    names.cluster.limits.maximum = 1;
    const auto id = begin();
    EXPECT_EQ(execute("CREATE TEMPORARY TABLE own (v INT)", in(id)).status, 200);
    EXPECT_EQ(execute("SAVEPOINT s", in(id)).status, 200);
    EXPECT_EQ(execute("INSERT INTO t VALUES (1)", in(id)).status, 200);
    EXPECT_EQ(execute("ROLLBACK TO SAVEPOINT s", in(id)).status, 200);
    EXPECT_EQ(execute("SELECT v FROM own", in(id)).status, 200);
    EXPECT_EQ(commit(id).body, committed);
    EXPECT_EQ(execute("SELECT v FROM own").error_type, "DatabaseErrorException");
    EXPECT_EQ(count(), "0");
}

TEST_P(data_api_transactions, given_commit_as_sql_when_committed_then_it_is_a_success) {  // R-9.11
    const auto id = begin();
    execute("INSERT INTO t VALUES (1)", in(id));
    EXPECT_EQ(execute("COMMIT", in(id)).status, 200);
    EXPECT_EQ(count(), "1");
    EXPECT_EQ(commit(id).body, committed);
}

TEST_P(data_api_transactions, given_a_constraint_checked_at_commit_when_it_fails_then_the_transaction_is_over) {
    if (!is_postgresql()) GTEST_SKIP() << "deferred constraints are PostgreSQL's";
    execute("CREATE TABLE d (v INT UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    const auto id = begin();
    EXPECT_EQ(execute("INSERT INTO d VALUES (1), (1)", in(id)).status, 200);
    const auto made = commit(id);
    EXPECT_EQ(made.error_type, "DatabaseErrorException");
    EXPECT_NE(made.body.find("SQLState: 23505"), std::string::npos) << made.body;
    EXPECT_EQ(commit(id).body, missing(id, ended));
}

TEST_P(data_api_transactions,
       given_a_running_statement_when_a_second_comes_then_it_is_refused_at_once) {  // R-2.20, R-3.17
    const auto id = begin();
    const auto first =
        api->start(operation::execute_statement,
                   body(R"(,"sql":")" + pick("SELECT 7 FROM pg_sleep(0.7)", "SELECT 7 + SLEEP(0.7)") + "\"" + in(id)));
    api->run_for(100ms);
    for (const auto& second :
         {execute("SELECT 1", in(id)), commit(id), rollback(id), batch("SELECT 1", "[[]]", in(id))}) {
        EXPECT_EQ(second.status, 400);
        EXPECT_EQ(second.error_type, "DatabaseErrorException");
        EXPECT_EQ(second.body, R"({"message":"Transaction is still running a query"})");
    }
    for (int i = 0; i < 50 && !*first; ++i) api->run_for(100ms);
    ASSERT_TRUE(*first);
    EXPECT_EQ((*first)->body, R"({"numberOfRecordsUpdated":0,"records":[[{"longValue":7}]]})");
    EXPECT_EQ(commit(id).body, committed);
}

TEST_P(data_api_transactions, given_the_most_open_when_another_begins_then_the_service_is_unavailable) {
    api.reset();
    api = std::make_unique<served>(names, budgets, std::uint8_t{0}, settings{.transactions = {.maximum = 1}});
    const auto id = begin();
    const auto made = api->call(operation::begin_transaction, body(""));
    EXPECT_EQ(made.status, 503);
    EXPECT_EQ(made.error_type, "ServiceUnavailableError");
    EXPECT_EQ(commit(id).body, committed);
    EXPECT_EQ(commit(begin()).body, committed);
}

TEST_P(data_api_transactions, given_an_idle_transaction_when_its_time_is_over_then_it_is_rolled_back) {  // R-3.10
    const auto id = begin();
    execute("INSERT INTO t VALUES (1)", in(id));
    EXPECT_EQ(api->api.uses_of(test_arn), 1U);
    api->api.tick(core::clock::now() + 181s);
    api->run_for(200ms);
    EXPECT_EQ(api->api.uses_of(test_arn), 0U);
    EXPECT_EQ(execute("SELECT 1", in(id)).body, missing(id, ". Transaction may be expired."));
    EXPECT_EQ(count(), "0");
}

TEST_P(data_api_transactions, given_the_schema_or_a_wrong_secret_when_begun_then_it_is_refused) {
    EXPECT_EQ(api->call(operation::begin_transaction, body(R"(,"schema":"s")")).error_type, "ValidationException");
    EXPECT_EQ(api->call(operation::begin_transaction,
                        fmt::format(R"({{"resourceArn":"{}","secretArn":"no such secret"}})", test_arn))
                  .error_type,
              "SecretsErrorException");
}

// ---- two threads

core::awaitable<response> handle_there(service& by, operation what, std::string body) {
    const auto size = body.size();
    body.append(json::padding, ' ');
    const auto who = auth::caller::developer("tester", "123456789012");
    co_return co_await by.handle(what, std::string_view(body).substr(0, size), who);
}

class two_threads : public data_api_transactions {
 protected:
    struct thread_of_service {
        thread_of_service(test_directory& names, pool::shared_budgets& budgets, std::uint8_t index)
            : inside(names, budgets, index), work(inside.loop.get_executor()) {}
        void begin() {
            runs = std::thread([this] { inside.loop.run(); });
        }
        void end() {
            work.reset();
            inside.loop.stop();
            runs.join();
        }
        served inside;
        core::asio::executor_work_guard<core::executor> work;
        std::thread runs;
    };

    two_threads() {
        for (std::uint8_t i = 0; i < 2; ++i) threads.push_back(std::make_unique<thread_of_service>(names, budgets, i));
        for (const auto& each : threads) peers.push_back(&each->inside.api);
        for (const auto& each : threads) each->inside.api.meet(peers);
        for (const auto& each : threads) each->begin();
    }
    ~two_threads() override {
        for (const auto& each : threads) each->end();
        threads.clear();
    }

    std::future<response> send(std::size_t to, operation what, std::string_view members) {
        auto& there = threads[to]->inside;
        return core::asio::co_spawn(there.loop, handle_there(there.api, what, body(members)), core::asio::use_future);
    }
    response ask(std::size_t to, operation what, std::string_view members) { return send(to, what, members).get(); }

    std::vector<std::unique_ptr<thread_of_service>> threads;
    std::vector<service*> peers;
};

INSTANTIATE_TEST_SUITE_P(engines, two_threads, testing::Values(engine::postgresql, engine::mysql),
                         [](const auto& each) { return each.param == engine::postgresql ? "postgresql" : "mysql"; });

std::string id_in(const response& begun) { return begun.body.substr(18, 184); }

TEST_P(two_threads, given_a_transaction_of_the_other_thread_when_used_then_the_call_hops_there) {
    for (std::size_t home = 0; home < 2; ++home) {
        const auto begun = ask(home, operation::begin_transaction, "");
        ASSERT_EQ(begun.status, 200) << begun.body;
        const auto id = id_in(begun);
        const auto value = std::to_string(home + 1);
        EXPECT_EQ(ask(1 - home, operation::execute_statement,
                      R"_(,"sql":"INSERT INTO t VALUES (:v)","parameters":[{"name":"v","value":{"longValue":)_" +
                          value + "}}]" + in(id))
                      .status,
                  200);
        EXPECT_EQ(
            ask(home, operation::execute_statement, R"(,"sql":"SELECT v FROM t WHERE v = )" + value + "\"" + in(id))
                .body,
            R"({"numberOfRecordsUpdated":0,"records":[[{"longValue":)" + value + "}]]}");
        EXPECT_EQ(
            ask(1 - home, operation::batch_execute_statement, R"(,"sql":"SELECT 1","parameterSets":[[]])" + in(id))
                .status,
            200);
        EXPECT_EQ(
            ask(1 - home, operation::execute_statement, R"(,"sql":"SELECT 1","continueAfterTimeout":true)" + in(id))
                .status,
            200);
        EXPECT_EQ(ask(1 - home, operation::commit_transaction, in(id)).body, committed);
        EXPECT_EQ(ask(home, operation::commit_transaction, in(id)).body, missing(id, ended));
    }
    EXPECT_EQ(count(), "2");
}

TEST_P(two_threads,
       given_many_calls_for_one_transaction_when_sent_to_both_threads_then_each_runs_or_is_refused) {  // R-2.20
    const auto id = id_in(ask(0, operation::begin_transaction, ""));
    std::vector<std::future<response>> sent;
    for (std::size_t i = 0; i < 100; ++i)
        sent.push_back(send(i % 2, operation::execute_statement,
                            fmt::format(R"_(,"sql":"INSERT INTO t VALUES ({})"{})_", i, in(id))));
    int done = 0;
    for (auto& each : sent) {
        const auto got = each.get();
        done += got.status == 200;
        if (got.status != 200) EXPECT_EQ(got.body, R"({"message":"Transaction is still running a query"})");
    }
    EXPECT_GT(done, 0);
    EXPECT_EQ(ask(1, operation::commit_transaction, in(id)).body, committed);
    EXPECT_EQ(count(), std::to_string(done));
}

}  // namespace
}  // namespace borealis::data_api
