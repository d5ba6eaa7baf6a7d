/// Reads that share sessions: nobody's trouble becomes another's, and nobody waits long behind another. MySQL and
/// libpq, which do not share, answer the same.
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "harness.hpp"

namespace borealis::data_api {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

using answer_slot = std::shared_ptr<std::optional<response>>;

class shared_reads : public service_test {
 protected:
    void SetUp() override {
        names.cluster.limits.maximum = 6;
        // One session for all that share. Whatever the machine is doing, nothing is slow until a test says so.
        names.cluster.limits.shared = {
            .sessions = 1, .depth = 50, .proof = {.after = 3, .time = 60s, .slow = 60s, .bytes = 32 * 1024}};
        ASSERT_EQ(execute("CREATE TABLE t (v INT)").status, 200);
        ASSERT_EQ(execute("INSERT INTO t VALUES (7)").status, 200);
        for (const auto text : {one, from_t, divided, many}) prove(text);
    }
    void prove(std::string_view text) {
        for (int i = 0; i < 3; ++i) ASSERT_EQ(execute(text, number(1)).status, 200) << text;
    }
    static std::string number(int n) {
        return fmt::format(R"(,"parameters":[{{"name":"n","value":{{"longValue":{}}}}}])", n);
    }
    answer_slot start(std::string_view sql, std::string_view more, const core::listener* by = nullptr) {
        return api->start(operation::execute_statement, body(fmt::format(R"(,"sql":"{}"{})", sql, more)), by);
    }
    /// Until all are answered.
    void await(const std::vector<answer_slot>& all) {
        const auto limit = core::clock::now() + 30s;
        const auto missing = [&] {
            return std::ranges::any_of(all, [](const auto& each) { return !each->has_value(); });
        };
        while (missing() && core::clock::now() < limit) {
            api->run_for(5ms);
            api->api.tick(core::clock::now());
        }
        ASSERT_FALSE(missing());
    }
    [[nodiscard]] bool shares() const { return !by_library(); }
    [[nodiscard]] std::uint64_t joined() const { return api->api.now().since_start.joined; }
    [[nodiscard]] std::uint64_t moved_on() const { return api->api.now().since_start.moved_on; }
    /// A transaction that keeps readers of t waiting.
    std::string lock_t() {
        const auto id = begin();
        EXPECT_EQ(execute(pick("LOCK TABLE t IN ACCESS EXCLUSIVE MODE", "UPDATE t SET v = 8"), in(id)).status, 200);
        return id;
    }

    static constexpr std::string_view one = "SELECT :n AS n";
    static constexpr std::string_view from_t = "SELECT v, :n AS n FROM t";
    static constexpr std::string_view divided = "SELECT 10 / CAST(:n AS DECIMAL) AS q";
    static constexpr std::string_view many = "SELECT a.v FROM t a WHERE :n > 0";
};

INSTANTIATE_TEST_SUITE_P(engines, shared_reads, testing::Values(engine::postgresql, engine::mysql),
                         [](const auto& each) { return each.param == engine::postgresql ? "postgresql" : "mysql"; });

TEST_P(shared_reads, given_many_reads_at_once_when_answered_then_each_has_its_own_answer) {
    const auto before = joined();
    std::vector<answer_slot> all;
    for (int i = 0; i < 40; ++i) all.push_back(start(one, number(i)));
    await(all);
    for (int i = 0; i < 40; ++i)
        EXPECT_EQ((*all[static_cast<std::size_t>(i)])->body,
                  fmt::format(R"({{"numberOfRecordsUpdated":0,"records":[[{{"longValue":{}}}]]}})", i));
    EXPECT_EQ(joined() - before, shares() ? 39U : 0U);
    EXPECT_EQ(api->api.now().sessions.leased, 0U);
}

TEST_P(shared_reads, given_one_of_many_fails_when_answered_then_it_fails_alone) {
    std::vector<answer_slot> all;
    for (int i = 0; i < 20; ++i) all.push_back(start(divided, number(i - 10)));
    await(all);
    for (int i = 0; i < 20; ++i) {
        const auto& made = **all[static_cast<std::size_t>(i)];
        if (i == 10 && is_postgresql()) {
            EXPECT_EQ(made.status, 400);
            EXPECT_THAT(made.body, HasSubstr("division by zero"));
        } else {
            EXPECT_EQ(made.status, 200) << made.body;
        }
    }
}

TEST_P(shared_reads, given_calls_with_metadata_and_formatted_records_when_shared_then_they_answer_as_alone) {
    for (const std::string_view how : {R"(,"includeResultMetadata":true)", R"(,"formatRecordsAs":"JSON")"}) {
        const auto alone = execute(from_t, number(1) + std::string(how));
        std::vector<answer_slot> all;
        for (int i = 0; i < 10; ++i) all.push_back(start(from_t, number(1) + std::string(how)));
        await(all);
        for (const auto& each : all) EXPECT_EQ((*each)->body, alone.body);
    }
}

TEST_P(shared_reads, given_a_result_that_is_too_large_when_shared_then_only_that_call_is_refused) {
    names.behaves.result_bytes = 200;
    const auto series = pick("SELECT g FROM generate_series(1, :n) g", "SELECT seq FROM seq_1_to_1000 WHERE seq <= :n");
    prove(series);
    std::vector<answer_slot> all;
    for (int i = 0; i < 12; ++i) all.push_back(start(series, number(i % 3 == 1 ? 1000 : 2)));
    await(all);
    for (int i = 0; i < 12; ++i) {
        const auto& made = **all[static_cast<std::size_t>(i)];
        EXPECT_EQ(made.status, i % 3 == 1 ? 400 : 200) << made.body;
    }
}

TEST_P(shared_reads, given_a_column_that_cannot_be_carried_when_shared_then_the_answer_is_as_alone) {  // R-5.30
    if (!is_postgresql()) GTEST_SKIP() << "MariaDB has no such type";
    const std::string_view text = "SELECT point(:n, 1) AS p WHERE :n > 0";
    std::vector<std::string> answers;
    for (int i = 0; i < 12; ++i) answers.push_back(execute(text, number(1)).body);
    std::vector<answer_slot> all;
    for (int i = 0; i < 5; ++i) all.push_back(start(text, number(1)));
    await(all);
    for (const auto& each : all) EXPECT_EQ((*each)->body, answers.front());
    EXPECT_THAT(answers, testing::Each(answers.front()));
}

// ---- a slow one in front

TEST_P(shared_reads, given_a_read_that_is_kept_waiting_when_others_are_behind_it_then_they_go_on_and_it_is_run_alone) {
    const auto locked = lock_t();
    names.cluster.limits.shared.proof.slow = 2s;  // time enough for the others to come
    const auto before = moved_on();
    const auto slow = start(from_t, number(1));
    std::vector<answer_slot> behind;
    for (int i = 0; i < 10; ++i) behind.push_back(start(one, number(i)));
    await(behind);
    for (const auto& each : behind) EXPECT_EQ((*each)->status, 200);
    if (is_postgresql()) {
        EXPECT_FALSE(slow->has_value()) << "the table is still locked";
        EXPECT_EQ(moved_on() - before, shares() ? 1U : 0U);
    }
    EXPECT_EQ(commit(locked).status, 200);
    await({slow});
    EXPECT_EQ((*slow)->status, 200) << (*slow)->body;
    EXPECT_EQ(api->api.now().sessions.leased, 0U);
}

TEST_P(shared_reads, given_a_read_that_is_kept_waiting_when_its_time_is_over_then_those_behind_it_are_answered) {
    if (!is_postgresql()) GTEST_SKIP() << "readers do not wait there";
    names.behaves.statement_timeout = 300ms;
    const auto locked = lock_t();
    const auto slow = start(from_t, number(1));
    api->run_for(20ms);
    names.behaves.statement_timeout = 45s;
    std::vector<answer_slot> behind;
    for (int i = 0; i < 10; ++i) behind.push_back(start(one, number(i)));
    await(behind);
    for (const auto& each : behind) EXPECT_EQ((*each)->status, 200) << (*each)->body;
    await({slow});
    EXPECT_EQ((*slow)->error_type, "StatementTimeoutException");  // R-3.13
    EXPECT_EQ(commit(locked).status, 200);
    EXPECT_EQ(moved_on(), 0U);
}

TEST_P(shared_reads, given_a_read_that_is_kept_waiting_when_its_session_is_ended_then_those_behind_it_are_answered) {
    if (!is_postgresql()) GTEST_SKIP() << "readers do not wait there";
    const auto locked = lock_t();
    const auto slow = start(from_t, number(1));
    std::vector<answer_slot> behind;
    for (int i = 0; i < 10; ++i) behind.push_back(start(one, number(i)));
    api->run_for(100ms);
    beside(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = "
        "current_database()");
    await(behind);
    for (const auto& each : behind) EXPECT_EQ((*each)->status, 200) << (*each)->body;
    await({slow});
    EXPECT_NE((*slow)->status, 200) << "it may have done something";
    EXPECT_EQ(commit(locked).status, 200);
    EXPECT_EQ(execute(from_t, number(1)).status, 200);
}

TEST_P(shared_reads, given_a_slow_read_when_it_has_been_moved_then_its_statement_must_prove_itself_anew) {
    if (!is_postgresql()) GTEST_SKIP() << "readers do not wait there";
    const auto locked = lock_t();
    names.cluster.limits.shared.proof.slow = 500ms;
    const auto slow = start(from_t, number(1));
    const auto behind = start(one, number(1));
    await({behind});
    EXPECT_EQ(commit(locked).status, 200);
    await({slow});
    const auto before = joined();
    std::vector<answer_slot> all;
    for (int i = 0; i < 3; ++i) all.push_back(start(from_t, number(i)));
    await(all);
    EXPECT_EQ(joined(), before);
}

TEST_P(shared_reads, given_callers_hang_up_when_swept_then_their_calls_end_and_no_others) {
    if (!is_postgresql()) GTEST_SKIP() << "readers do not wait there";
    const auto locked = lock_t();
    core::listener first, second;
    const auto slow = start(from_t, number(1), &first);
    const auto next = start(from_t, number(2), &second);
    std::vector<answer_slot> behind;
    for (int i = 0; i < 5; ++i) behind.push_back(start(one, number(i)));
    api->run_for(50ms);
    second.leave();  // waits behind the other: ends, and nothing at the database does
    await({next});
    EXPECT_EQ((*next)->error_type, "StatementTimeoutException");
    EXPECT_FALSE(slow->has_value());
    first.leave();
    await({slow});
    EXPECT_EQ((*slow)->error_type, "StatementTimeoutException");
    EXPECT_EQ(commit(locked).status, 200);
    await(behind);
    for (const auto& each : behind) EXPECT_EQ((*each)->status, 200) << (*each)->body;
    EXPECT_EQ(api->api.numbers().hung_up, 2U);
    EXPECT_EQ(execute(from_t, number(1)).status, 200);
}

// ---- what does not share

TEST_P(shared_reads, given_calls_that_may_not_share_when_many_run_at_once_then_none_does) {
    const auto before = joined();
    const auto id = begin();
    std::vector<answer_slot> all;
    all.push_back(start(one, number(1)));  // somebody to join
    all.push_back(start(one, number(1) + in(id)));
    all.push_back(start(one, number(1) + R"(,"continueAfterTimeout":true)"));
    all.push_back(start(pick("SELECT nextval('s'), :n", "SELECT SLEEP(0), :n"), number(1)));
    all.push_back(start("INSERT INTO t VALUES (:n)", number(1)));
    await(all);
    EXPECT_EQ(joined(), before);
    EXPECT_EQ(commit(id).status, 200);
}

TEST_P(shared_reads, given_sharing_is_switched_off_when_many_run_at_once_then_none_does) {
    names.cluster.limits.shared.sessions = 0;
    const auto before = joined();
    std::vector<answer_slot> all;
    for (int i = 0; i < 10; ++i) all.push_back(start(one, number(i)));
    await(all);
    for (const auto& each : all) EXPECT_EQ((*each)->status, 200);
    EXPECT_EQ(joined(), before);
}

}  // namespace
}  // namespace borealis::data_api
