// Batches whose rows are inserted many at once: that they come to the same as one set after the other (R-8.6 to R-8.8).
#include <fmt/format.h>

#include "fixture.hpp"
#include "postgres/plain_insert.hpp"

namespace borealis::postgres {
namespace {

using sql::parameter_type;
using namespace std::string_view_literals;
using sets_of = std::vector<std::vector<sql::parameter>>;

// ---- what may be merged

struct insert_case {
    std::string_view name, text;
    std::size_t parameters;
    std::string_view table;  // empty: may not
    std::string_view merged = {};
};

constexpr insert_case inserts[] = {
    {"plain", "INSERT INTO t (a, b) VALUES ($1, $2)", 2, "t",
     "INSERT INTO t (a, b) SELECT p1, p2 FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS sets (p1, "
     "p2)"},
    {"any_order", "insert into \"S\".T values($2,$1,$2) ;", 2, "\"S\".T",
     "insert into \"S\".T SELECT p2, p1, p2 FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS sets (p1, "
     "p2) ;"},
    {"comments", "/* a */ INSERT INTO t -- b\n VALUES ($1) /* c */", 1, "t",
     "/* a */ INSERT INTO t -- b\n SELECT p1 FROM ROWS FROM (pg_catalog.unnest($1)) AS sets (p1) /* c */"},
    {"a_value_unused", "INSERT INTO t VALUES ($1)", 2, ""},
    {"a_value_too_many", "INSERT INTO t VALUES ($1, $2)", 1, ""},
    {"expression", "INSERT INTO t VALUES ($1 + 1)", 1, ""},
    {"cast", "INSERT INTO t VALUES ($1::int)", 1, ""},
    {"literal", "INSERT INTO t VALUES ($1, 2)", 1, ""},
    {"default_value", "INSERT INTO t VALUES ($1, DEFAULT)", 1, ""},
    {"two_rows", "INSERT INTO t VALUES ($1), ($2)", 2, ""},
    {"returning", "INSERT INTO t VALUES ($1) RETURNING a", 1, ""},
    {"on_conflict", "INSERT INTO t VALUES ($1) ON CONFLICT DO NOTHING", 1, ""},
    {"overriding", "INSERT INTO t OVERRIDING SYSTEM VALUE VALUES ($1)", 1, ""},
    {"alias", "INSERT INTO t AS x VALUES ($1)", 1, ""},
    {"part_of_a_column", "INSERT INTO t (a[1]) VALUES ($1)", 1, ""},
    {"of_a_query", "INSERT INTO t SELECT $1", 1, ""},
    {"with", "WITH x AS (SELECT 1) INSERT INTO t VALUES ($1)", 1, ""},
    {"two_statements", "INSERT INTO t VALUES ($1); SELECT 1", 1, ""},
    {"open_comment", "INSERT INTO t VALUES ($1) /*", 1, ""},
    {"update", "UPDATE t SET a = $1", 1, ""},
    {"nothing", "", 0, ""},
};

class plain_inserts : public testing::TestWithParam<insert_case> {};

TEST_P(plain_inserts, given_a_text_when_read_then_only_what_is_surely_plain_is) {
    const auto& expected = GetParam();
    const auto found = plain_insert_of(expected.text, expected.parameters);
    ASSERT_EQ(found.has_value(), !expected.table.empty());
    if (!found) return;
    EXPECT_EQ(found->table, expected.table);
    EXPECT_EQ(found->merged, expected.merged);
}

INSTANTIATE_TEST_SUITE_P(all, plain_inserts, testing::ValuesIn(inserts),
                         [](const auto& one) { return std::string(one.param.name); });

// ---- at a server

constexpr std::string_view plain = "INSERT INTO t (a, b) VALUES ($1, $2)";

sets_of numbered(int count) {
    sets_of sets;
    for (int i = 1; i <= count; ++i) sets.push_back({whole(i), text("a name")});
    return sets;
}

class postgres_merged_batches : public postgres_fixture {
 protected:
    struct seen {
        std::string answer;  ///< Outcomes, or the error.
        std::string rows;
        std::string statements;  ///< That wrote rows which are there.
        friend bool operator==(const seen& a, const seen& b) { return a.answer == b.answer && a.rows == b.rows; }
        friend void PrintTo(const seen& what, std::ostream* to) { *to << what.answer << "\n" << what.rows; }
    };

    std::unique_ptr<sql::connection> one_by_one() {
        sql::session_settings settings;
        settings.batches_at_once = false;
        slow_ = make_driver(GetParam(), settings);
        const auto& server = tests::postgresql();
        auto made = run(io, slow_->connect(server.endpoint, server.login(), database, soon()));
        EXPECT_TRUE(made);
        return std::move(*made);
    }

    /// A function for triggers that leaves a row in `fired`.
    void make_note(sql::connection& by) {
        must("CREATE TABLE fired (at int)", {}, &by);
        must(
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO fired VALUES (1); RETURN "
            "NULL; END'",
            {}, &by);
    }

    std::string answer(sql::connection& at, std::string_view insert, const sets_of& sets) {
        const auto out = run(io, at.execute_batch(insert, sets, soon()));
        if (!out)
            return fmt::format("{} {} {} {}", out.error().sqlstate, out.error().message, out.error().detail.view(),
                               out.error().position);
        std::string all;
        for (const auto& one : *out) all += fmt::format("{}{} ", one.affected, one.has_rows ? "r" : "");
        return all;
    }

    /// A batch in a transaction, kept if it can be.
    seen look(sql::connection& at, std::string_view insert, const sets_of& sets,
              std::string_view read = "SELECT string_agg(t::text, ' ' ORDER BY ctid) FROM t") {
        EXPECT_TRUE(run(io, at.begin(soon())));
        seen made;
        made.answer = answer(at, insert, sets);
        EXPECT_TRUE(at.in_transaction());
        const auto end = run(io, at.commit(soon()));
        EXPECT_TRUE(end);
        if (!end) return made;
        made.answer += *end == sql::commit_status::committed ? "committed" : "rolled back";
        made.rows = cell(read, {}, &at);
        made.statements = cell("SELECT count(DISTINCT cmin::text) FROM t", {}, &at);
        return made;
    }

    void make(std::string_view statements) {
        must("DROP TABLE IF EXISTS t CASCADE");
        for (std::size_t at = 0; at < statements.size();) {
            const auto end = std::min(statements.find('~', at), statements.size());
            must(statements.substr(at, end - at));
            at = end + 1;
        }
    }

    /// @return The number of statements that wrote the rows.
    std::string expect_the_same(std::string_view made_by, std::string_view insert, const sets_of& sets) {
        make(made_by);
        const auto merged = look(*session, insert, sets);
        make(made_by);
        auto slow = one_by_one();
        const auto plainly = look(*slow, insert, sets);
        EXPECT_EQ(merged, plainly);
        return merged.statements;
    }

    static constexpr auto count = 150;

 private:
    std::unique_ptr<sql::driver> slow_;
};

TEST_P(postgres_merged_batches, given_a_plain_table_when_run_then_its_rows_are_those_of_single_statements) {
    const auto statements = expect_the_same(
        "CREATE TABLE t (id bigserial PRIMARY KEY, a int UNIQUE CHECK (a > 0), b varchar(20) DEFAULT 'x', at "
        "timestamptz "
        "DEFAULT '2024-01-01', made boolean DEFAULT (now() IS NOT NULL), twice int GENERATED ALWAYS AS (a * 2) STORED)",
        plain, numbered(2148));
    EXPECT_EQ(statements, GetParam() == protocol::native ? "3" : "2148");
}

TEST_P(postgres_merged_batches, given_values_of_every_type_when_run_then_they_are_as_bound_one_by_one) {
    const sets_of kinds = {
        {whole(1), text("a'\"\\{},NULL"), real(1.5), flag(true), octets("\0\xff'"sv),
         hinted(parameter_type::date, "2024-02-29"), hinted(parameter_type::time, "23:59:58.5"),
         hinted(parameter_type::timestamp, "2024-02-29 12:34:56.789"), hinted(parameter_type::decimal, "12345.67"),
         hinted(parameter_type::json, R"({"a": "\"x\\"})"), hinted(parameter_type::plain_json, R"([ 1,"}"])"),
         hinted(parameter_type::uuid, "00000000-0000-0000-0000-00000000000a"), hinted(parameter_type::varchar, "")},
        {whole(-2), text(""), real(-0.25), flag(false), octets(""), null(), null(), null(), null(), null(), null(),
         null(), null()},
        {null(), text("NULL"), null(), null(), null(), hinted(parameter_type::date, "infinity"), null(), null(),
         hinted(parameter_type::decimal, "NaN"), null(), null(), null(), hinted(parameter_type::varchar, "\xc3\xa9")},
    };
    sets_of sets;
    for (int i = 0; i < count; ++i) sets.push_back(kinds[static_cast<std::size_t>(i + 1) % kinds.size()]);
    const auto statements = expect_the_same(
        "CREATE TABLE t (a int, b text, c real, d boolean, e bytea, f date, g time, h timestamp, i numeric(10, 1), j "
        "jsonb, k json, l uuid, m varchar(5))",
        "INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)", sets);
    EXPECT_EQ(statements, GetParam() == protocol::native ? "1" : "150");
}

TEST_P(postgres_merged_batches, given_a_set_fails_when_run_then_the_error_is_its_own) {
    auto sets = numbered(count);
    sets[77][0] = whole(5);
    (void)expect_the_same("CREATE TABLE t (a int PRIMARY KEY, b text)", plain, sets);  // 23505
    sets[77][0] = whole(std::int64_t{1} << 40);
    (void)expect_the_same("CREATE TABLE t (a int, b text)", plain, sets);  // 22003
    sets[77] = {whole(1), text("far too long")};
    (void)expect_the_same("CREATE TABLE t (a int, b varchar(8))", plain, sets);  // 22001
    sets[77] = {whole(1), text("\xff")};
    (void)expect_the_same("CREATE TABLE t (a int, b text)", plain, sets);  // 22021
    sets[77] = {text("x"), text("")};
    (void)expect_the_same("CREATE TABLE t (a int, b text)", plain, sets);  // 42804
    (void)expect_the_same("CREATE TABLE t (a int, b text)", "INSERT INTO other (a, b) VALUES ($1, $2)",
                          numbered(count));
    (void)expect_the_same("CREATE TABLE t (a int, b text NOT NULL)", "INSERT INTO t (a, b) VALUES ($1, $2)", [] {
        auto nulls = numbered(count);
        nulls[3][1] = null();
        return nulls;
    }());
}

TEST_P(postgres_merged_batches, given_a_set_has_failed_when_the_caller_goes_back_then_what_was_before_is_there) {
    make("CREATE TABLE t (a int PRIMARY KEY, b text)");
    ASSERT_TRUE(run(io, session->begin(soon())));
    must("INSERT INTO t VALUES (0, 'kept')");
    must("SAVEPOINT mine");
    auto sets = numbered(count);
    sets.back()[0] = whole(1);
    EXPECT_TRUE(answer(*session, plain, sets).starts_with("23505"));
    EXPECT_EQ(refused("SELECT 1").sqlstate, "25P02");
    must("ROLLBACK TO SAVEPOINT mine");
    EXPECT_EQ(answer(*session, plain, numbered(count)).substr(0, 4), "1 1 ");
    ASSERT_TRUE(run(io, session->commit(soon())));
    EXPECT_EQ(cell("SELECT count(*) FROM t"), "151");
}

struct table_case {
    std::string_view name, made_by;
};

constexpr table_case others[] = {
    {"statement_trigger",
     "CREATE TABLE t (a int, b text)~CREATE OR REPLACE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN "
     "UPDATE t "
     "SET b = b || 1; RETURN NULL; END'~CREATE TRIGGER one AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION "
     "note()"},
    {"row_trigger",
     "CREATE TABLE t (a int, b text)~CREATE OR REPLACE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN "
     "NEW.b = "
     "(SELECT count(*) FROM t); RETURN NEW; END'~CREATE TRIGGER one BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION "
     "look()"},
    {"foreign_key_to_itself", "CREATE TABLE t (a int PRIMARY KEY REFERENCES t, b text)"},
    {"rule", "CREATE TABLE t (a int, b text)~CREATE RULE one AS ON INSERT TO t DO ALSO UPDATE t SET b = b || 1"},
    {"row_security", "CREATE TABLE t (a int, b text)~ALTER TABLE t ENABLE ROW LEVEL SECURITY"},
    {"default_by_a_function",
     "CREATE TABLE t (a int, b text)~CREATE OR REPLACE FUNCTION rows_of() RETURNS bigint LANGUAGE plpgsql VOLATILE AS "
     "'BEGIN RETURN (SELECT count(*) FROM t); END'~ALTER TABLE t ADD c bigint DEFAULT rows_of()"},
    {"default_by_the_statement",
     "CREATE TABLE t (a int, b text)~ALTER TABLE t ADD c text DEFAULT left(current_query(), 60)"},
    {"check_by_a_function",
     "CREATE OR REPLACE FUNCTION fits(int) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN $1 < 1000; END'~CREATE "
     "TABLE "
     "t (a int CHECK (fits(a)), b text)"},
    {"index_of_an_expression", "CREATE TABLE t (a int, b text)~CREATE INDEX ON t (lower(b))"},
    {"domain",
     "DROP DOMAIN IF EXISTS small CASCADE~CREATE DOMAIN small AS int CHECK (VALUE < 1000)~CREATE TABLE t (a "
     "small, b text)"},
    {"partitions",
     "CREATE TABLE t (a int, b text) PARTITION BY RANGE (a)~CREATE TABLE t1 PARTITION OF t FOR VALUES FROM "
     "(0) TO (100)~CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (100) TO (1000)"},
    {"cast_by_a_function",
     "DROP CAST IF EXISTS (text AS int)~CREATE OR REPLACE FUNCTION number_of(text) RETURNS int LANGUAGE sql AS 'SELECT "
     "7'~CREATE CAST (text AS int) WITH FUNCTION number_of(text) AS ASSIGNMENT~CREATE TABLE t (a int, b int)"},
};

TEST_P(postgres_merged_batches, given_a_table_where_it_would_show_when_run_then_the_sets_run_one_by_one) {
    for (const auto& each : others) {
        SCOPED_TRACE(each.name);
        const auto statements = expect_the_same(each.made_by, plain, numbered(count));
        if (each.name != "statement_trigger" && each.name != "rule") EXPECT_EQ(statements, "150");
    }
}

TEST_P(postgres_merged_batches, given_settings_where_it_would_show_when_run_then_the_sets_run_one_by_one) {
    for (const auto* const setting :
         {"SET statement_timeout = '10s'", "SET default_transaction_isolation = serializable"}) {
        SCOPED_TRACE(setting);
        make("CREATE TABLE t (a int, b text)");
        must(setting);
        EXPECT_EQ(look(*session, plain, numbered(count)).statements, "150");
        must("RESET ALL");
        session = open();
    }
}

TEST_P(postgres_merged_batches, given_a_trigger_made_meanwhile_when_run_again_then_it_is_fired_for_each_set) {
    make("CREATE TABLE t (a int, b text)");
    (void)look(*session, plain, numbered(count));
    auto other = open();
    make_note(*other);
    must("CREATE TRIGGER one AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION note()", {}, other.get());
    (void)look(*session, plain, numbered(count));
    EXPECT_EQ(cell("SELECT count(*) FROM fired"), "150");
}

TEST_P(postgres_merged_batches, given_a_trigger_under_way_when_run_then_the_batch_waits_for_it_and_fires_it) {
    make("CREATE TABLE t (a int, b text)");
    (void)look(*session, plain, numbered(count));
    auto other = open();
    make_note(*other);
    ASSERT_TRUE(run(io, other->begin(soon())));
    must("CREATE TRIGGER one AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION note()", {}, other.get());
    ASSERT_TRUE(run(io, session->begin(soon())));
    std::optional<sql::result<std::vector<sql::outcome>>> out;
    const auto sets = numbered(count);
    core::asio::co_spawn(
        io.get_executor(), session->execute_batch(plain, sets, soon()),
        [&](std::exception_ptr, sql::result<std::vector<sql::outcome>> made) { out = std::move(made); });
    auto third = open();
    for (int looks = 0; looks < 2000; ++looks) {
        if (cell(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
                {}, third.get()) == "1")
            break;
    }
    ASSERT_FALSE(out);
    ASSERT_TRUE(run(io, other->commit(soon())));
    io.restart();
    while (!out && io.run_one_for(20s) != 0) continue;
    ASSERT_TRUE(out && *out);
    ASSERT_TRUE(run(io, session->commit(soon())));
    EXPECT_EQ(cell("SELECT count(*) FROM fired"), "150");
}

TEST_P(postgres_merged_batches, given_its_statements_are_gone_when_run_then_it_runs_all_the_same) {
    if (GetParam() == protocol::libpq) GTEST_SKIP() << "one by one, a transaction ends with it";
    make("CREATE TABLE t (a int, b text)");
    (void)look(*session, plain, numbered(count));
    must("DO 'BEGIN EXECUTE ''DEALLOCATE ALL''; END'");
    (void)look(*session, plain, numbered(count));
    EXPECT_EQ(cell("SELECT count(*) FROM t"), "300");
}

INSTANTIATE_TEST_SUITE_P(protocols, postgres_merged_batches, both_protocols, name_of_protocol);

}  // namespace
}  // namespace borealis::postgres
