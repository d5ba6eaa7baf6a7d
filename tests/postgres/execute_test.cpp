// Statements, parameters, errors, big results and batches at a real server.
#include <fstream>
#include <limits>

#include <fmt/format.h>
#include <unistd.h>

#include "fixture.hpp"

namespace borealis::postgres {
namespace {

using sql::failure_kind;
using sql::parameter_type;
using namespace std::string_literals;
using namespace std::string_view_literals;

class postgres_execute : public postgres_fixture {};

// ---- outcomes

TEST_P(postgres_execute, given_statements_of_each_kind_when_run_then_outcomes_say_what_they_did) {
    struct outcome_case {
        std::string_view text;
        bool has_rows;
        std::int64_t affected;
    };
    const outcome_case cases[] = {
        {"CREATE TABLE t (id int PRIMARY KEY, v text)", false, 0},
        {"INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')", false, 3},
        {"UPDATE t SET v = 'z' WHERE id > 1", false, 2},
        {"INSERT INTO t VALUES (4, 'd') RETURNING id", true, 0},
        {"SELECT * FROM t", true, 0},
        {"SELECT * FROM t WHERE false", true, 0},
        {"SELECT FROM t", true, 0},
        {"CREATE TABLE copy AS SELECT * FROM t", false, 0},
        {"MERGE INTO t USING copy c ON t.id = c.id WHEN MATCHED THEN UPDATE SET v = c.v", false, 4},
        {"DELETE FROM t WHERE id = 99", false, 0},
        {"DELETE FROM t", false, 4},
        {"SET work_mem = '5MB'", false, 0},
        {"SHOW work_mem", true, 0},
        {"EXPLAIN SELECT 1", true, 0},
        {"VALUES (1), (2)", true, 0},
        {"", false, 0},
        {"-- nothing", false, 0},
        {"DO $$ BEGIN RAISE NOTICE 'dropped'; END $$", false, 0},
    };
    for (const auto& one : cases) {
        SCOPED_TRACE(one.text);
        keeper into;
        const auto out = execute(one.text, {}, into);
        ASSERT_TRUE(out) << out.error().message;
        EXPECT_EQ(out->has_rows, one.has_rows);
        EXPECT_EQ(out->affected, one.affected);
        EXPECT_FALSE(out->stopped);
        EXPECT_EQ(into.announced, one.has_rows ? 1U : 0U);
        EXPECT_FALSE(session->in_transaction());
    }
}

TEST_P(postgres_execute, given_rows_when_read_then_cells_and_sizes_are_the_wires) {
    keeper into;
    ASSERT_TRUE(execute("SELECT * FROM (VALUES (1, 'abc', NULL), (22, '', 'x')) v", {}, into));
    ASSERT_EQ(into.rows.size(), 2U);
    EXPECT_EQ(into.rows[0], (std::vector<std::optional<std::string>>{"1", "abc", std::nullopt}));
    EXPECT_EQ(into.rows[1], (std::vector<std::optional<std::string>>{"22", "", "x"}));
    EXPECT_EQ(into.octets, (2 + 4 * 3 + 4) + (2 + 4 * 3 + 3));
}

TEST_P(postgres_execute, given_bytea_when_read_then_its_own_octets_count) {
    keeper into;
    ASSERT_TRUE(execute("SELECT decode(repeat('00', 1000), 'hex'), ''::bytea, '\\x00'", {}, into));
    EXPECT_EQ(into.octets, 2U + 4 * 3 + 1000 + 0 + 4);
}

//
TEST_P(postgres_execute, given_copy_when_run_then_it_is_unsupported_and_ends_the_session) {
    must("CREATE TABLE t (id int)");
    for (const auto& [text, message] :
         {std::pair{"COPY t TO STDOUT", "execute: unexpected message: CopyOutResponse"},
          std::pair{"COPY t FROM STDIN", "execute: unexpected message: CopyInResponse"}}) {
        auto other = open();
        const auto what = refused(text, {}, other.get());
        EXPECT_EQ(what.kind, failure_kind::unsupported);
        EXPECT_EQ(what.message, message);
        EXPECT_FALSE(other->usable());
    }
}

TEST_P(postgres_execute, given_several_statements_when_run_then_the_server_refuses_them) {
    EXPECT_EQ(refused("SELECT 1; SELECT 2").sqlstate, "42601");
    EXPECT_EQ(cell("SELECT 1;"), "1");
}

// ---- parameters (section 4.2)

TEST_P(postgres_execute, given_each_parameter_type_when_bound_then_the_server_sees_value_and_type) {
    struct parameter_case {
        sql::parameter given;
        std::string_view type, value;
    };
    const parameter_case cases[] = {
        {text("it's \"quoted\" \\ ü 漢 🙂"), "text", "it's \"quoted\" \\ ü 漢 🙂"},
        {text(""), "text", ""},
        {whole(std::numeric_limits<std::int64_t>::min()), "bigint", "-9223372036854775808"},
        {whole(std::numeric_limits<std::int64_t>::max()), "bigint", "9223372036854775807"},
        {real(0.1), "double precision", "0.1"},
        {real(-0.0), "double precision", "-0"},
        {real(std::numeric_limits<double>::infinity()), "double precision", "Infinity"},
        {real(std::numeric_limits<double>::quiet_NaN()), "double precision", "NaN"},
        {real(std::numeric_limits<double>::denorm_min()), "double precision", "5e-324"},
        {flag(true), "boolean", "t"},
        {flag(false), "boolean", "f"},
        {octets("a\0\xff"sv), "bytea", "\\x6100ff"},
        {octets(""), "bytea", "\\x"},
        {hinted(parameter_type::date, "2024-02-29"), "date", "2024-02-29"},
        {hinted(parameter_type::time, "12:34:56.789012"), "time without time zone", "12:34:56.789012"},
        {hinted(parameter_type::timestamp, "2024-02-29 12:34:56.789"), "timestamp without time zone",
         "2024-02-29 12:34:56.789"},
        {hinted(parameter_type::decimal, "-12345678901234567890.1234567890"), "numeric",
         "-12345678901234567890.1234567890"},
        {hinted(parameter_type::json, "{\"a\": \"ü\"}"), "jsonb", "{\"a\": \"ü\"}"},
        {hinted(parameter_type::uuid, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"), "uuid",
         "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
    };
    for (const auto& one : cases) {
        SCOPED_TRACE(one.value);
        keeper into;
        const auto out = execute("SELECT $1, pg_typeof($1)::text", {one.given}, into);
        ASSERT_TRUE(out) << out.error().message;
        EXPECT_EQ(into.cell(), one.value);
        EXPECT_EQ(into.rows[0][1], one.type);
    }
}

//
TEST_P(postgres_execute, given_an_undeclared_parameter_when_bound_then_the_server_infers_its_type) {
    EXPECT_EQ(cell("SELECT $1", {null()}), "NULL");
    EXPECT_EQ(cell("SELECT $1", {hinted(parameter_type::untyped, "x")}), "x");
    EXPECT_EQ(cell("SELECT 1 + $1", {hinted(parameter_type::untyped, "2")}), "3");
    EXPECT_EQ(cell("SELECT 1 + $1", {null()}), "NULL");
}

TEST_P(postgres_execute, given_null_when_inserted_then_any_column_takes_it) {
    must("CREATE TABLE t (a int, b numeric, c timestamp, d jsonb, e bytea, f int[], g uuid)");
    must("INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7)", {null(), null(), null(), null(), null(), null(), null()});
    EXPECT_EQ(cell("SELECT count(*) FROM t WHERE a IS NULL AND g IS NULL"), "1");
}

//
TEST_P(postgres_execute, given_declared_types_when_assigned_then_only_assignment_casts_help) {
    must("CREATE TABLE t (s smallint, n numeric, r real, v varchar(9), z timestamptz, j json)");
    must("INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6)",
         {whole(7), real(19.99), real(0.5), text("word"), hinted(parameter_type::timestamp, "2024-01-01 00:00:00"),
          hinted(parameter_type::json, "[1]")});
    EXPECT_EQ(cell("SELECT s || ' ' || n || ' ' || r || ' ' || v || ' ' || z || ' ' || j FROM t"),
              "7 19.99 0.5 word 2024-01-01 00:00:00+00 [1]");
}

TEST_P(postgres_execute, given_one_text_with_other_types_when_run_then_each_is_prepared) {
    EXPECT_EQ(cell("SELECT pg_typeof($1)::text", {whole(1)}), "bigint");
    EXPECT_EQ(cell("SELECT pg_typeof($1)::text", {text("1")}), "text");
    EXPECT_EQ(cell("SELECT pg_typeof($1)::text", {whole(1)}), "bigint");
    EXPECT_EQ(cell("SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT pg_typeof($1)::text'"), "2");
}

TEST_P(postgres_execute, given_a_zero_byte_when_bound_then_the_server_refuses_it) {
    for (const auto& one : {text("a\0b"sv), hinted(parameter_type::date, "2024-01-01\0"sv)}) {
        const auto what = refused("SELECT $1", {one});
        EXPECT_EQ(what.sqlstate, "22021");
        EXPECT_EQ(what.message, "invalid byte sequence for encoding \"UTF8\": 0x00");
    }
    EXPECT_EQ(refused("SELECT 1\0, 2"sv).sqlstate, "22021");
    EXPECT_EQ(refused("SELECT $1", {text("\xff\xfe")}).sqlstate, "22021");
    EXPECT_EQ(cell("SELECT 1"), "1");
}

TEST_P(postgres_execute, given_a_large_parameter_when_sent_then_it_arrives_whole) {
    const std::string large(3 * 1024 * 1024, 'x');
    EXPECT_EQ(cell("SELECT length($1)", {text(large)}), fmt::to_string(large.size()));
    keeper into;
    ASSERT_TRUE(execute("SELECT $1", {text(large)}, into));
    EXPECT_EQ(into.cell(), large);
}

// ---- errors

TEST_P(postgres_execute, given_mistakes_when_run_then_failures_carry_the_servers_fields) {
    must("CREATE TABLE users (id int PRIMARY KEY, email text UNIQUE, name text NOT NULL)");
    must("CREATE TABLE posts (id int, author int REFERENCES users)");
    must("INSERT INTO users VALUES (1, 'a@b.c', 'a')");
    must("INSERT INTO posts VALUES (1, 1)");
    struct error_case {
        std::string_view text;
        std::vector<sql::parameter> parameters;
        std::string_view sqlstate, message, hint, detail;
        int position;
    };
    const error_case cases[] = {
        {"SELECT * FROM no_such_table_xyz", {}, "42P01", "relation \"no_such_table_xyz\" does not exist", "", "", 15},
        {"SELEKT 1", {}, "42601", "syntax error at or near \"SELEKT\"", "", "", 1},
        {"SELECT 1 FROM (SELECT 1 AS x) t WHERE x = $1",
         {text("1")},
         "42883",
         "operator does not exist: integer = text",
         "No operator matches the given name and argument types. You might need to add explicit type casts.",
         "",
         41},
        {"INSERT INTO users VALUES (2, 'x', NULL)",
         {},
         "23502",
         "null value in column \"name\" of relation \"users\" violates not-null constraint",
         "",
         "Failing row contains (2, x, null).",
         0},
        {"DELETE FROM users",
         {},
         "23503",
         "update or delete on table \"users\" violates foreign key constraint \"posts_author_fkey\" on table \"posts\"",
         "",
         "Key (id)=(1) is still referenced from table \"posts\".",
         0},
        {"INSERT INTO users VALUES (2, 'a@b.c', 'b')",
         {},
         "23505",
         "duplicate key value violates unique constraint \"users_email_key\"",
         "",
         "Key (email)=(a@b.c) already exists.",
         0},
        {"SELECT 1 / 0", {}, "22012", "division by zero", "", "", 0},
    };
    for (const auto& one : cases) {
        SCOPED_TRACE(one.text);
        const auto what = refused(one.text, one.parameters);
        EXPECT_EQ(what.kind, failure_kind::database);
        EXPECT_EQ(what.severity, "ERROR");
        EXPECT_EQ(what.sqlstate, one.sqlstate);
        EXPECT_EQ(what.message, one.message);
        EXPECT_EQ(what.hint, one.hint);
        EXPECT_EQ(what.detail, one.detail);
        EXPECT_EQ(what.position, one.position);
        EXPECT_TRUE(session->usable());
    }
}

TEST_P(postgres_execute, given_an_exception_of_the_users_when_raised_then_its_state_and_context_arrive) {
    const auto what = refused("DO $$ BEGIN RAISE EXCEPTION 'no more' USING ERRCODE = '23514', HINT = 'try'; END $$");
    EXPECT_EQ(what.message, "no more");
    EXPECT_EQ(what.sqlstate, "23514");
    EXPECT_EQ(what.hint, "try");
    EXPECT_NE(what.where.view().find("PL/pgSQL function"), std::string::npos);
}

//
TEST_P(postgres_execute, given_fewer_parameters_than_placeholders_when_run_then_the_server_complains) {
    const auto what = refused("SELECT $1");
    EXPECT_EQ(what.kind, failure_kind::database);
    EXPECT_EQ(what.sqlstate, "08P01");
    EXPECT_EQ(what.message.find("bind message supplies 0 parameters, but prepared statement \"borealis_"), 0U)
        << what.message;
    EXPECT_TRUE(session->usable());
    EXPECT_EQ(cell("SELECT 1"), "1");
}

TEST_P(postgres_execute, given_a_deferred_constraint_when_it_fails_at_the_commit_then_the_statement_failed) {
    must("CREATE TABLE t (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    const auto what = refused("INSERT INTO t VALUES (1), (1)");
    EXPECT_EQ(what.sqlstate, "23505");
    EXPECT_TRUE(session->usable());
    EXPECT_EQ(cell("SELECT count(*) FROM t"), "0");
}

TEST_P(postgres_execute, given_an_error_after_rows_when_run_then_the_call_fails) {
    keeper into;
    const auto out = execute("SELECT 1 / (3 - g) FROM generate_series(1, 5) g", {}, into);
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().sqlstate, "22012");
    EXPECT_EQ(into.count, 2U);
    EXPECT_EQ(cell("SELECT 1"), "1");
}

// ---- prepared statements

TEST_P(postgres_execute, given_more_statements_than_the_cache_holds_when_run_then_the_server_keeps_no_more) {
    for (int i = 0; i < 300; ++i) EXPECT_EQ(cell(fmt::format("SELECT {}", i)), fmt::to_string(i));
    EXPECT_EQ(cell("SELECT 7"), "7");
    const int kept = std::stoi(cell("SELECT count(*) FROM pg_prepared_statements"));
    EXPECT_GE(kept, 200);
    EXPECT_LE(kept, 257);
}

TEST_P(postgres_execute, given_many_statements_in_a_transaction_when_run_then_the_server_keeps_a_bounded_number) {
    ASSERT_TRUE(run(io, session->begin(soon())));
    for (int i = 0; i < 400; ++i) EXPECT_EQ(cell(fmt::format("SELECT {}", i)), fmt::to_string(i));
    EXPECT_LE(std::stoi(cell("SELECT count(*) FROM pg_prepared_statements")), 256 + 65);
    ASSERT_TRUE(run(io, session->commit(soon())));
}

TEST_P(postgres_execute, given_a_table_that_changed_when_its_statement_is_run_again_then_the_new_columns_come) {
    must("CREATE TABLE t (id int)");
    must("INSERT INTO t VALUES (1)");
    EXPECT_EQ(cell("SELECT * FROM t"), "1");
    auto other = open();
    must("ALTER TABLE t ADD COLUMN more text DEFAULT 'm'", {}, other.get());
    keeper into;
    const auto out = execute("SELECT * FROM t", {}, into);
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_EQ(into.announced, 1U);
    ASSERT_EQ(into.seen.size(), 2U);
    EXPECT_EQ(into.rows[0][1], "m");
    // The same for a result the sink is asked about beforehand.
    must("CREATE TABLE s (i interval)", {}, other.get());
    must("INSERT INTO s VALUES ('1 day')", {}, other.get());
    EXPECT_EQ(cell("SELECT * FROM s"), "1 day");
    must("ALTER TABLE s ADD COLUMN j interval DEFAULT '2 days'", {}, other.get());
    keeper asked;
    const auto again = execute("SELECT * FROM s", {}, asked);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(asked.announced, 1U);
    EXPECT_EQ(asked.rows[0][1], "2 days");
}

TEST_P(postgres_execute,
       given_a_table_that_changed_when_used_in_a_transaction_then_the_error_stands_and_the_next_use_works) {
    must("CREATE TABLE t (id int)");
    must("INSERT INTO t VALUES (1)");
    EXPECT_EQ(cell("SELECT * FROM t"), "1");
    auto other = open();
    must("ALTER TABLE t ADD COLUMN more text", {}, other.get());
    ASSERT_TRUE(run(io, session->begin(soon())));
    EXPECT_EQ(refused("SELECT * FROM t").sqlstate, "0A000");
    ASSERT_TRUE(run(io, session->rollback(soon())));
    ASSERT_TRUE(run(io, session->begin(soon())));
    EXPECT_EQ(cell("SELECT * FROM t"), "1");
    ASSERT_TRUE(run(io, session->rollback(soon())));
}

TEST_P(postgres_execute, given_deallocated_statements_when_run_again_then_they_are_prepared_again) {
    for (const std::string_view clearing :
         {"DEALLOCATE ALL", "DISCARD ALL", "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$"}) {
        SCOPED_TRACE(clearing);
        EXPECT_EQ(cell("SELECT $1", {whole(5)}), "5");
        EXPECT_EQ(cell("SELECT '1 day'::interval"), "1 day");
        must(clearing);
        EXPECT_EQ(cell("SELECT $1", {whole(6)}), "6");
        EXPECT_EQ(cell("SELECT '1 day'::interval"), "1 day");
    }
    EXPECT_EQ(refused("EXECUTE nobody_prepared_this").sqlstate, "26000");
}

TEST_P(postgres_execute, given_the_users_own_prepared_statement_when_executed_then_its_rows_come) {
    must("PREPARE mine AS SELECT 'x' AS c");
    EXPECT_EQ(cell("EXECUTE mine"), "x");
    must("DEALLOCATE mine");
    must("PREPARE mine AS SELECT 1 AS a, 2 AS b");
    keeper into;
    const auto out = execute("EXECUTE mine", {}, into);
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_EQ(into.seen.size(), 2U);
}

// ---- big results

/// What the process holds in memory; 0 under the address sanitizer, which keeps freed memory for a while on purpose.
std::size_t resident_octets() {
#if __has_feature(address_sanitizer)
    return 0;
#else
    std::ifstream statm("/proc/self/statm");
    std::size_t total = 0, resident = 0;
    statm >> total >> resident;
    return resident * static_cast<std::size_t>(::getpagesize());
#endif
}

TEST_P(postgres_execute, given_two_million_rows_when_read_then_memory_stays_as_it_was) {
    keeper into;
    into.keep = false;
    ASSERT_TRUE(execute("SELECT g, 'some text of a row' FROM generate_series(1, 1000) g", {}, into));
    const auto before = resident_octets();
    keeper all;
    all.keep = false;
    const auto out = execute("SELECT generate_series(1, 2000000), 'some text of a row'", {}, all,
                             sql::description::types, core::deadline::after(50s));
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_EQ(all.count, 2000000U);
    EXPECT_LT(resident_octets(), before + 8 * 1024 * 1024);
}

TEST_P(postgres_execute, given_a_sink_that_stops_when_outside_a_transaction_then_the_rest_is_cancelled) {
    const auto before = resident_octets();
    const auto start = std::chrono::steady_clock::now();
    keeper into;
    into.keep = false;
    into.stop_after = 1024 * 1024;
    const auto out = execute("SELECT generate_series(1, 1000000000), repeat('x', 100)", {}, into);
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_TRUE(out->stopped);
    EXPECT_TRUE(out->has_rows);
    EXPECT_LT(into.octets, 1024U * 1024 + 4096);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
    EXPECT_LT(resident_octets(), before + 16 * 1024 * 1024);
    EXPECT_TRUE(session->usable());
    EXPECT_FALSE(session->in_transaction());
    EXPECT_EQ(cell("SELECT 'still here'"), "still here");
}

//
TEST_P(postgres_execute, given_a_sink_that_stops_when_inside_a_transaction_then_the_transaction_lives) {
    must("CREATE TABLE t (id int)");
    ASSERT_TRUE(run(io, session->begin(soon())));
    must("INSERT INTO t VALUES (1)");
    keeper into;
    into.keep = false;
    into.stop_after = 1024 * 1024;
    const auto out = execute("SELECT generate_series(1, 200000), repeat('x', 100)", {}, into);
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_TRUE(out->stopped);
    EXPECT_TRUE(session->in_transaction());
    EXPECT_EQ(cell("SELECT count(*) FROM t"), "1");
    ASSERT_TRUE(run(io, session->commit(soon())));
    EXPECT_EQ(cell("SELECT count(*) FROM t"), "1");
}

TEST_P(postgres_execute, given_a_stopped_result_in_a_transaction_when_the_deadline_passes_then_it_is_cancelled) {
    ASSERT_TRUE(run(io, session->begin(soon())));
    keeper into;
    into.keep = false;
    into.stop_after = 1024;
    const auto out = execute("SELECT generate_series(1, 1000000000), repeat('x', 100)", {}, into,
                             sql::description::types, core::deadline::after(300ms));
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, failure_kind::timeout);
    EXPECT_TRUE(session->usable());
    EXPECT_EQ(refused("SELECT 1").sqlstate, "25P02");
}

//
TEST_P(postgres_execute, given_a_guarded_result_when_the_sink_stops_then_nothing_happened) {
    must("CREATE TABLE t (id int, i interval)");
    keeper refusing;
    refusing.answer = sql::reception::guarded;
    refusing.stop_after = 0;
    const auto out = execute("INSERT INTO t VALUES (1, '1 day') RETURNING i", {}, refusing);
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_TRUE(out->stopped);
    EXPECT_EQ(refusing.announced, 1U);
    EXPECT_FALSE(session->in_transaction());
    EXPECT_TRUE(session->usable());
    EXPECT_EQ(cell("SELECT count(*) FROM t"), "0");

    keeper pleased;
    pleased.answer = sql::reception::guarded;
    ASSERT_TRUE(execute("INSERT INTO t VALUES (1, '1 day') RETURNING i", {}, pleased));
    EXPECT_EQ(pleased.cell(), "1 day");
    EXPECT_FALSE(session->in_transaction());
    EXPECT_EQ(cell("SELECT count(*) FROM t"), "1");

    keeper twice;
    twice.answer = sql::reception::guarded;
    twice.stop_after = 0;
    ASSERT_TRUE(execute("INSERT INTO t VALUES (2, NULL) RETURNING id, id", {}, twice));
    keeper list;
    list.answer = sql::reception::guarded;
    list.stop_after = 0;
    ASSERT_TRUE(execute("INSERT INTO t VALUES (2, NULL) RETURNING ARRAY[[id]]", {}, list));
    EXPECT_EQ(cell("SELECT count(*) FROM t"), "1");
}

TEST_P(postgres_execute, given_a_guarded_statement_when_it_fails_then_no_transaction_stays_open) {
    keeper into;
    into.answer = sql::reception::guarded;
    const auto out = execute("SELECT '1 day'::interval / (3 - g) FROM generate_series(1, 5) g", {}, into);
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().sqlstate, "22012");
    EXPECT_FALSE(session->in_transaction());
    EXPECT_EQ(cell("SELECT 1"), "1");
}

TEST_P(postgres_execute, given_a_guarded_result_inside_a_transaction_when_the_sink_stops_then_the_caller_decides) {
    must("CREATE TABLE t (i interval)");
    ASSERT_TRUE(run(io, session->begin(soon())));
    keeper into;
    into.answer = sql::reception::guarded;
    into.stop_after = 0;
    ASSERT_TRUE(execute("INSERT INTO t VALUES ('1 day') RETURNING i", {}, into));
    EXPECT_TRUE(session->in_transaction());
    ASSERT_TRUE(run(io, session->commit(soon())));
    EXPECT_EQ(cell("SELECT count(*) FROM t"), "1");
}

// ---- batches (section 8)

using sets = std::vector<std::vector<sql::parameter>>;

TEST_P(postgres_execute, given_a_batch_when_run_then_each_set_has_its_outcome) {
    must("CREATE TABLE t (id bigint, v text)");
    sets many;
    for (std::int64_t i = 0; i < 1000; ++i) many.push_back({whole(i), i % 3 == 0 ? null() : text("word")});
    ASSERT_TRUE(run(io, session->begin(soon())));
    const auto out = run(io, session->execute_batch("INSERT INTO t VALUES ($1, $2)", many, soon()));
    ASSERT_TRUE(out) << out.error().message;
    ASSERT_EQ(out->size(), 1000U);
    for (const auto& one : *out) EXPECT_EQ(one.affected, 1);
    ASSERT_TRUE(run(io, session->commit(soon())));
    EXPECT_EQ(cell("SELECT count(*) || ' ' || sum(id) || ' ' || count(v) FROM t"), "1000 499500 666");
    // What a batch has prepared, execute() can use.
    EXPECT_EQ(must("INSERT INTO t VALUES ($1, $2)", {whole(1), text("x")}).affected, 1);
}

TEST_P(postgres_execute, given_a_failing_set_in_the_middle_when_the_batch_is_run_then_its_failure_is_the_calls) {
    must("CREATE TABLE t (id bigint PRIMARY KEY)");
    must("INSERT INTO t VALUES (-5)");
    for (const std::size_t at : {0U, 70U, 149U}) {
        SCOPED_TRACE(at);
        sets many;
        for (std::int64_t i = 0; i < 150; ++i) many.push_back({whole(i)});
        many[at] = {whole(-5)};
        ASSERT_TRUE(run(io, session->begin(soon())));
        const auto out = run(io, session->execute_batch("INSERT INTO t VALUES ($1)", many, soon()));
        ASSERT_FALSE(out);
        EXPECT_EQ(out.error().sqlstate, "23505");
        EXPECT_TRUE(session->usable());
        EXPECT_TRUE(session->in_transaction());
        ASSERT_TRUE(run(io, session->rollback(soon())));
        EXPECT_EQ(cell("SELECT count(*) FROM t"), "1");
    }
}

TEST_P(postgres_execute, given_a_batch_that_cannot_be_prepared_when_run_then_it_fails_and_the_session_lives) {
    ASSERT_TRUE(run(io, session->begin(soon())));
    const auto out =
        run(io, session->execute_batch("INSERT INTO nowhere VALUES ($1)", sets{{whole(1)}, {text("a")}}, soon()));
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().sqlstate, "42P01");
    ASSERT_TRUE(run(io, session->rollback(soon())));
    must("CREATE TABLE nowhere (id bigint)");
    EXPECT_EQ(must("INSERT INTO nowhere VALUES ($1)", {whole(1)}).affected, 1);
    const auto bad = run(io, session->execute_batch("SELECT $1", sets{{hinted(parameter_type::date, "\0"sv)}}, soon()));
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().sqlstate, "22021");
    EXPECT_EQ(cell("SELECT 1"), "1");
}

//
TEST_P(postgres_execute, given_batches_of_other_kinds_when_run_then_rows_are_dropped) {
    const auto none = run(io, session->execute_batch("SELECT 1", sets{}, soon()));
    ASSERT_TRUE(none);
    EXPECT_TRUE(none->empty());
    const auto once = run(io, session->execute_batch("CREATE TABLE t (id bigint)", sets{{}}, soon()));
    ASSERT_TRUE(once) << once.error().message;
    EXPECT_EQ(once->size(), 1U);
    ASSERT_TRUE(run(io, session->begin(soon())));
    const auto before = resident_octets();
    const auto rows =
        run(io, session->execute_batch("SELECT generate_series(1, $1)", sets{{whole(300000)}, {whole(3)}}, soon()));
    ASSERT_TRUE(rows) << rows.error().message;
    EXPECT_EQ(rows->size(), 2U);
    EXPECT_TRUE((*rows)[0].has_rows);
    EXPECT_LT(resident_octets(), before + 8 * 1024 * 1024);
    const auto returning =
        run(io, session->execute_batch("INSERT INTO t VALUES ($1) RETURNING id", sets{{whole(1)}, {whole(2)}}, soon()));
    ASSERT_TRUE(returning) << returning.error().message;
    ASSERT_TRUE(run(io, session->commit(soon())));
    EXPECT_EQ(cell("SELECT count(*) FROM t"), "2");
}

TEST_P(postgres_execute, given_large_sets_and_large_rows_when_run_as_a_batch_then_neither_side_blocks) {
    must("CREATE TABLE t (v text)");
    const std::string large(300 * 1024, 'x');
    sets many;
    for (int i = 0; i < 40; ++i) many.push_back({text(large)});
    ASSERT_TRUE(run(io, session->begin(soon())));
    const auto out = run(io, session->execute_batch("INSERT INTO t VALUES ($1) RETURNING v", many, soon()));
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_EQ(cell("SELECT count(*) || ' ' || sum(length(v)) FROM t"), fmt::format("40 {}", 40 * large.size()));
    ASSERT_TRUE(run(io, session->rollback(soon())));
}

TEST_P(postgres_execute, given_a_slow_batch_when_the_deadline_passes_then_it_is_cancelled) {
    ASSERT_TRUE(run(io, session->begin(soon())));
    sets many(50, {real(0.1)});
    const auto start = std::chrono::steady_clock::now();
    const auto out = run(io, session->execute_batch("SELECT pg_sleep($1)", many, core::deadline::after(350ms)));
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, failure_kind::timeout);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 3s);
    EXPECT_TRUE(session->usable());
    ASSERT_TRUE(run(io, session->rollback(soon())));
    EXPECT_EQ(cell("SELECT 1"), "1");
}

INSTANTIATE_TEST_SUITE_P(over, postgres_execute, both_protocols, name_of_protocol);

}  // namespace
}  // namespace borealis::postgres
