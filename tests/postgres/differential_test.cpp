// The same calls over both protocols: what the sinks are told and what comes back is the same to the last octet.
#include <regex>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fixture.hpp"

namespace borealis::postgres {
namespace {

using sql::parameter_type;
using namespace std::string_literals;
using namespace std::string_view_literals;

/// Writes down all it is told.
class recorder final : public sql::row_sink {
 public:
    recorder(sql::reception answer, std::size_t stop_after) : answer_(answer), stop_after_(stop_after) {}
    sql::reception columns(std::span<const sql::column> all) override {
        for (const auto& c : all) {
            // What is made by the test has other numbers in the other database.
            const auto type = c.native_type < 16384 ? c.native_type : 0;
            text += fmt::format("column {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {}\n", c.label, c.name,
                                c.table, static_cast<int>(c.type), c.is_array, c.array_delimiter, c.type_name,
                                c.jdbc_type_name, c.refused_name, type, c.jdbc_type, c.precision, c.scale, c.nullable,
                                c.is_auto_increment, c.is_signed, c.is_currency, c.is_case_sensitive);
        }
        return answer_;
    }
    sql::flow row(std::span<const sql::cell> cells, std::size_t wire_bytes) override {
        text += fmt::format("row {}:", wire_bytes);
        for (const auto& cell : cells) {
            text += cell.is == sql::cell::form::null ? " NULL"
                                                     : fmt::format(" {} [{}]", static_cast<int>(cell.is), cell.text);
        }
        text += "\n";
        return ++rows_ > stop_after_ ? sql::flow::stop : sql::flow::more;
    }
    std::string text;

 private:
    sql::reception answer_;
    std::size_t stop_after_;
    std::size_t rows_ = 0;
};

std::string told(const sql::failure& what) {
    return fmt::format("failure {} {} {} {} {} {} {} {} {}\n", static_cast<int>(what.kind), what.message, what.sqlstate,
                       what.code, what.severity.view(), what.detail.view(), what.hint.view(), what.where.view(),
                       what.position);
}
std::string told(const sql::outcome& what) {
    return fmt::format("outcome {} {} {}\n", what.has_rows, what.stopped, what.affected);
}

struct step {
    std::string_view text;
    std::vector<sql::parameter> parameters = {};
};

const std::vector<step> steps = {
    {"CREATE TYPE mood AS ENUM ('sad', 'glad')"},
    {"CREATE DOMAIN short AS varchar(5) NOT NULL"},
    {"CREATE TYPE pair AS (a int, b text)"},
    {"CREATE TABLE t (id serial PRIMARY KEY, name varchar(20) NOT NULL, amount numeric(10, 2), m mood, s short, p pair,"
     " made timestamptz DEFAULT '2024-01-01', b bytea, j jsonb, a int[], i interval)"},
    {"INSERT INTO t (name, amount, m, s, p, b, j, a, i) VALUES ($1, $2, $3::text::mood, 'abc', ROW(1, 'x'), $4, $5, "
     "'{1,2}', '1 day')",
     {text("first"), real(1.5), text("glad"), octets("a\0b"sv), hinted(parameter_type::json, "{\"k\": [1]}")}},
    {"INSERT INTO t (name, s) VALUES ('second', 'x') RETURNING id, name, made"},
    {"INSERT INTO t (name, s) VALUES ('third', 'x') RETURNING id, id"},
    {"INSERT INTO t (name, s) VALUES ('fourth', 'x') RETURNING i"},
    {"INSERT INTO t (name, s) VALUES ('fifth', 'x') RETURNING ARRAY[id]"},
    {"INSERT INTO t (name, s) VALUES (NULL, 'x')"},
    {"SELECT * FROM t ORDER BY id"},
    {"SELECT id, name, amount, m, s, made, b, j, a FROM t ORDER BY id"},
    {"SELECT id AS number, name || '!' AS loud, t.amount + 1, NULL, 'text', b, ''::bytea FROM t ORDER BY id"},
    {"SELECT id FROM t WHERE false"},
    {"SELECT FROM t"},
    {"SELECT $1", {null()}},
    {"SELECT $1::int + 1", {null()}},
    {"SELECT $1", {hinted(parameter_type::untyped, "x")}},
    {"SELECT coalesce($1, $2)", {null(), whole(7)}},
    {"SELECT pg_typeof($1), pg_typeof($2)", {whole(1), flag(true)}},
    {"SELECT $1", {}},
    {"SELECT nothing FROM t"},
    {"SELEKT"},
    {"SELECT 1 / (3 - id) FROM t ORDER BY id"},
    {"SELECT 1; SELECT 2"},
    {"SELECT $1", {text("\xff")}},
    {"SELECT 1\0"sv},
    {"UPDATE t SET amount = $1 WHERE id < $2", {hinted(parameter_type::decimal, "3.14"), whole(3)}},
    {"UPDATE t SET amount = amount WHERE id < 3 RETURNING id, amount"},
    {"DELETE FROM t WHERE id = 99"},
    {"CREATE TABLE copy AS SELECT id FROM t"},
    {"MERGE INTO copy c USING t ON t.id = c.id WHEN MATCHED THEN UPDATE SET id = c.id"},
    {"WITH gone AS (DELETE FROM copy RETURNING id) SELECT count(*), min(id) FROM gone"},
    {"VALUES (1, 'a'), (2, NULL)"},
    {"TABLE copy"},
    {"SHOW TimeZone"},
    {"EXPLAIN (COSTS OFF) SELECT 1"},
    {"PREPARE mine AS SELECT 1 AS one"},
    {"EXECUTE mine"},
    {"DEALLOCATE mine"},
    {"PREPARE mine AS SELECT 'x' AS a, 2 AS b"},
    {"EXECUTE mine"},
    {"DEALLOCATE ALL"},
    {"DO $$ BEGIN RAISE NOTICE 'n'; END $$"},
    {"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '23514', HINT = 'h', DETAIL = 'd'; END $$"},
    {"CREATE FUNCTION f(int) RETURNS TABLE (a int, b text) LANGUAGE sql AS 'SELECT $1, ''b'''"},
    {"SELECT * FROM f($1::int)", {whole(3)}},
    {"CREATE PROCEDURE pr(INOUT x int) LANGUAGE plpgsql AS 'BEGIN x := x + 1; END'"},
    {"CALL pr(1)"},
    {"DROP TABLE copy"},
    {"CREATE TABLE copy (other text)"},
    {"TABLE copy"},
    {"ALTER TABLE copy ADD more int DEFAULT 4 NOT NULL"},
    {"INSERT INTO copy VALUES ('o')"},
    {"TABLE copy"},
    {"SELECT generate_series(1, 2000), repeat('x', 50)"},
    {""},
    {"-- nothing"},
    {"LISTEN news"},
    {"NOTIFY news, 'n'"},
    {"SET standard_conforming_strings = off"},
    {"SELECT 'a\\b', 1.5::float4, 0.1::float8, true, '{a,NULL}'::text[], current_setting('TimeZone')"},
    {"DISCARD ALL"},
    {"BEGIN"},
    {"INSERT INTO t (name, s) VALUES ('sixth', 'x') RETURNING i"},
    {"DECLARE c CURSOR FOR SELECT id, name FROM t ORDER BY id"},
    {"FETCH 2 FROM c"},
    {"FETCH 2 FROM c"},
    {"SELECT nothing"},
    {"SELECT 1"},
    {"COMMIT"},
};

const std::vector<std::pair<std::string_view, std::vector<std::vector<sql::parameter>>>> batches = {
    {"INSERT INTO t (name, s) VALUES ($1, 'x')", {{text("b1")}, {text("b2")}, {text("b3")}}},
    {"INSERT INTO t (name, s, amount) VALUES ($1, 'x', $2)",
     {{text("b1"), real(1)}, {text("b2"), null()}, {text("b3"), whole(4)}}},
    {"INSERT INTO t (name, s) VALUES ($1, 'x') RETURNING m, i", {{text("r1")}, {text("r2")}}},
    {"SELECT generate_series(1, $1)", {{whole(0)}, {whole(3)}}},
    {"SELECT m FROM t WHERE id = $1", {{whole(-1)}, {whole(1)}}},
    {"UPDATE t SET amount = 1 / $1", {{whole(1)}, {whole(0)}, {whole(2)}}},
    {"SHOW TimeZone", {{}, {}}},
    {"SELEKT", {{}, {}}},
    {"SELECT $1::date", {{text("2024-01-01")}, {hinted(parameter_type::date, "\0"sv)}, {text("x")}}},
    {"", {{}, {}}},
};

class postgres_differential : public postgres_fixture {
 protected:
    std::string played(sql::description wanted, sql::reception answer, std::size_t stop_after) {
        std::string out;
        const auto state = [&] {
            return fmt::format("{} {} {}\n", session->usable(), session->in_transaction(), session->seems_dead());
        };
        for (const auto& one : steps) {
            for (int times = 0; times < 2; ++times) {  // prepared, and prepared already
                recorder into(answer, stop_after);
                const auto done = run(io, session->execute(one.text, one.parameters, into, wanted, soon()));
                out +=
                    fmt::format("-- {}\n{}{}{}", one.text, into.text, done ? told(*done) : told(done.error()), state());
            }
        }
        for (const bool within : {true, false}) {
            for (const auto& [text, sets] : batches) {
                if (within) EXPECT_TRUE(run(io, session->begin(soon())));
                const auto done = run(io, session->execute_batch(text, sets, soon()));
                out += fmt::format("-- {}\n{}", text, done ? "" : told(done.error()));
                for (const auto& each : done.value_or(std::vector<sql::outcome>())) out += told(each);
                out += state();
                if (within) EXPECT_TRUE(run(io, session->rollback(soon())));
            }
        }
        recorder into(answer, stop_after);
        (void)run(io, session->execute("SELECT id, name, amount FROM t ORDER BY id", {}, into, wanted, soon()));
        return out + into.text;
    }
};

TEST_P(postgres_differential, given_the_same_calls_when_made_over_the_other_protocol_then_all_is_the_same) {
    struct manner {
        sql::description wanted;
        sql::reception answer;
        std::size_t stop_after;
    };
    for (const auto& how : {manner{sql::description::types, sql::reception::plain, SIZE_MAX},
                            manner{sql::description::full, sql::reception::plain, SIZE_MAX},
                            manner{sql::description::types, sql::reception::guarded, SIZE_MAX},
                            manner{sql::description::full, sql::reception::guarded, 1}}) {
        const auto mine = played(how.wanted, how.answer, how.stop_after);
        driver = make_driver(protocol::libpq);
        session.reset();
        const auto& server = tests::postgresql();
        const auto fresh = database + "_other";
        auto maker = try_open(server.endpoint, server.login(), server.name);
        ASSERT_TRUE(maker);
        must(fmt::format("CREATE DATABASE {}", fresh), {}, maker->get());
        auto opened = try_open(server.endpoint, server.login(), fresh);
        ASSERT_TRUE(opened);
        session = std::move(*opened);
        const auto theirs = played(how.wanted, how.answer, how.stop_after);
        EXPECT_GT(mine.size(), 10'000U);
        if (mine != theirs) {
            const auto at = static_cast<std::size_t>(std::ranges::mismatch(mine, theirs).in1 - mine.begin());
            const auto from = mine.rfind("\n-- ", at);
            ADD_FAILURE() << "native:" << mine.substr(from, at - from + 300)
                          << "\n\nlibpq:" << theirs.substr(from, at - from + 300);
        }
        session.reset();
        must(fmt::format("DROP DATABASE {} WITH (FORCE)", fresh), {}, maker->get());
        // And once more in a database that nothing has happened in.
        maker->reset();
        auto again = try_open(server.endpoint, server.login(), server.name);
        ASSERT_TRUE(again);
        must(fmt::format("DROP DATABASE {} WITH (FORCE)", database), {}, again->get());
        must(fmt::format("CREATE DATABASE {}", database), {}, again->get());
        driver = make_driver(protocol::native);
        session = open();
    }
}

INSTANTIATE_TEST_SUITE_P(over, postgres_differential, testing::Values(protocol::native), name_of_protocol);

}  // namespace
}  // namespace borealis::postgres
