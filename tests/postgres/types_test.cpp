// Section 5.2 and the table of section 6 of the Data API reference, at a real server.
#include "postgres/types.hpp"

#include <fmt/format.h>

#include "fixture.hpp"

namespace borealis::postgres {
namespace {

using enum sql::type_class;
using sql::type_class;

constexpr int unlimited = 2147483647;

struct type_case {
    std::string_view expression, cell;
    type_class type;
    std::string_view type_name;
    int jdbc_type, precision, scale;
    bool is_signed, is_case_sensitive;
    std::string_view refused = "";
};

// One line a native type.
const type_case scalars[] = {
    {"true", "t", boolean, "bool", -7, 1, 0, false, false},
    {"12::int2", "12", integer, "int2", 5, 5, 0, true, false},
    {"(-2147483648)::int4", "-2147483648", integer, "int4", 4, 10, 0, true, false},
    {"9223372036854775807::int8", "9223372036854775807", integer, "int8", -5, 19, 0, true, false},
    {"12345::oid", "12345", sql::type_class::object_id, "oid", -5, 10, 0, false, false},
    {"3.14::float4", "3.14", float4, "float4", 7, 8, 8, true, false},
    {"0.1::float8 + 0.2", "0.30000000000000004", float8, "float8", 8, 17, 17, true, false},
    {"'NaN'::float8", "NaN", float8, "float8", 8, 17, 17, true, false},
    {"12.340::numeric(10,3)", "12.340", decimal, "numeric", 2, 10, 3, true, false},
    {"12.340::numeric(10,-2)", "0", decimal, "numeric", 2, 10, -2, true, false},
    {"12.340::numeric", "12.340", decimal, "numeric", 2, 0, 0, true, false},
    {"'NaN'::numeric", "NaN", decimal, "numeric", 2, 0, 0, true, false},
    {"'it''s — ü'::text", "it's — ü", text, "text", 12, unlimited, 0, false, true},
    {"'literal'", "literal", text, "text", 12, unlimited, 0, false, true},
    {"'n'::name", "n", text, "name", 12, unlimited, 0, false, true},
    {"'v'::varchar", "v", text, "varchar", 12, unlimited, 0, false, true},
    {"'v'::varchar(9)", "v", text, "varchar", 12, 9, 0, false, true},
    {"'c'::char(3)", "c  ", text, "bpchar", 1, 3, 0, false, true},
    {"'x'::\"char\"", "x", other, "char", 1, 1, 0, false, true, "\"CHAR\""},
    {"'\\x00ff'::bytea", "\\x00ff", bytes, "bytea", -2, unlimited, 0, false, true},
    {"'2024-02-29'::date", "2024-02-29", date, "date", 91, 13, 0, false, false},
    {"'infinity'::date", "infinity", date, "date", 91, 13, 0, false, false},
    {"'12:34:56.78'::time", "12:34:56.78", time, "time", 92, 15, 6, false, false},
    {"'12:34:56.78'::time(3)", "12:34:56.78", time, "time", 92, 12, 3, false, false},
    {"'12:34:56+02'::timetz", "12:34:56+02", sql::type_class::timetz, "timetz", 92, 21, 6, false, false, "TIMETZ"},
    {"'2024-02-29 12:34:56.78018'::timestamp", "2024-02-29 12:34:56.78018", timestamp, "timestamp", 93, 29, 6, false,
     false},
    {"'2024-02-29 12:34:56'::timestamp(0)", "2024-02-29 12:34:56", timestamp, "timestamp", 93, 22, 0, false, false},
    // the session is in UTC.
    {"'2024-01-15 12:34:56+09'::timestamptz", "2024-01-15 03:34:56+00", timestamptz, "timestamptz", 93, 35, 6, false,
     false},
    {"'1 day 2 hours'::interval", "1 day 02:00:00", sql::type_class::interval, "interval", 1111, 49, 0, false, true,
     "INTERVAL"},
    {"'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", uuid, "uuid", 1111,
     unlimited, 0, false, true},
    {"'{\"a\": 1}'::json", "{\"a\": 1}", json, "json", 1111, unlimited, 0, false, true},
    {"'{\"b\":1, \"a\":[1]}'::jsonb", "{\"a\": [1], \"b\": 1}", json, "jsonb", 1111, unlimited, 0, false, true},
    {"'192.168.1.1'::inet", "192.168.1.1", text, "inet", 1111, unlimited, 0, false, true},
    {"'10.0.0.0/8'::cidr", "10.0.0.0/8", text, "cidr", 1111, unlimited, 0, false, true},
    {"'08:00:2b:01:02:03'::macaddr", "08:00:2b:01:02:03", other, "macaddr", 1111, unlimited, 0, false, true, "MACADDR"},
    {"'08:00:2b:01:02:03:04:05'::macaddr8", "08:00:2b:01:02:03:04:05", other, "macaddr8", 1111, unlimited, 0, false,
     true, "MACADDR8"},
    {"int4range(1, 10)", "[1,10)", text, "int4range", 1111, unlimited, 0, false, true},
    {"int8range(1, 10)", "[1,10)", other, "int8range", 1111, unlimited, 0, false, true, "INT8RANGE"},
    {"numrange(1, 10)", "[1,10)", text, "numrange", 1111, unlimited, 0, false, true},
    {"daterange('2024-01-01', NULL)", "[2024-01-01,)", other, "daterange", 1111, unlimited, 0, false, true,
     "DATERANGE"},
    {"tsrange(NULL, NULL)", "(,)", other, "tsrange", 1111, unlimited, 0, false, true, "TSRANGE"},
    {"tstzrange(NULL, NULL)", "(,)", other, "tstzrange", 1111, unlimited, 0, false, true, "TSTZRANGE"},
    {"'{[1,2)}'::int4multirange", "{[1,2)}", other, "int4multirange", 1111, unlimited, 0, false, true,
     "int4multirange"},
    {"12.5::numeric::money", "$12.50", other, "money", 8, unlimited, 0, false, true, "MONEY"},
    {"'(1,2)'::point", "(1,2)", other, "point", 1111, unlimited, 0, false, true, "POINT"},
    {"'{1,2,3}'::line", "{1,2,3}", other, "line", 1111, unlimited, 0, false, true, "LINE"},
    {"'[(1,2),(3,4)]'::lseg", "[(1,2),(3,4)]", other, "lseg", 1111, unlimited, 0, false, true, "LSEG"},
    {"'(1,2),(3,4)'::box", "(3,4),(1,2)", other, "box", 1111, unlimited, 0, false, true, "BOX"},
    {"'((1,2),(3,4))'::path", "((1,2),(3,4))", other, "path", 1111, unlimited, 0, false, true, "PATH"},
    {"'((1,2),(3,4))'::polygon", "((1,2),(3,4))", other, "polygon", 1111, unlimited, 0, false, true, "POLYGON"},
    {"'<(1,2),3>'::circle", "<(1,2),3>", other, "circle", 1111, unlimited, 0, false, true, "CIRCLE"},
    {"B'101'::bit(3)", "101", bits, "bit", -7, 3, 0, false, true},
    {"B'10'::varbit(5)", "10", bits, "varbit", 1111, 5, 0, false, true},
    {"'<a/>'::xml", "<a/>", other, "xml", 2009, unlimited, 0, false, true, "xml"},
    {"'a b'::tsvector", "'a' 'b'", other, "tsvector", 1111, unlimited, 0, false, true, "tsvector"},
    {"'a'::tsquery", "'a'", other, "tsquery", 1111, unlimited, 0, false, true, "tsquery"},
    {"'pg_class'::regclass", "pg_class", other, "regclass", 1111, unlimited, 0, false, true, "regclass"},
    {"'int4'::regtype", "integer", other, "regtype", 1111, unlimited, 0, false, true, "regtype"},
    {"'$.a'::jsonpath", "$.\"a\"", other, "jsonpath", 1111, unlimited, 0, false, true, "JSONPATH"},
    {"ROW(1, 'a')", "(1,a)", other, "record", 1111, unlimited, 0, false, true, "RECORD"},
    {"pg_sleep(0)", "", nothing, "void", 1111, unlimited, 0, false, true},
    {"'0/1'::pg_lsn", "0/1", other, "pg_lsn", 1111, unlimited, 0, false, true, "pg_lsn"},
    {"'1 2'::int2vector", "1 2", other, "int2vector", 1111, unlimited, 0, false, true, "int2vector"},
    // What the test's database defines.
    {"'happy'::mood", "happy", text, "mood", 1111, unlimited, 0, false, true},
    {"'a@B.c'::citext", "a@B.c", text, "citext", 12, unlimited, 0, false, true},
    {"7::positive", "7", integer, "int4", 4, 10, 0, true, false},
    {"'abc'::short_word", "abc", text, "varchar", 12, 5, 0, false, true},
    {"ROW(1, 'a')::pair", "(1,a)", other, "pair", 2002, unlimited, 0, false, true, "pair"},
    {"'a=>1'::hstore", "\"a\"=>\"1\"", other, "hstore", 1111, unlimited, 0, false, true, "hstore"},
    {"'[a,b]'::textrange", "[a,b]", other, "textrange", 1111, unlimited, 0, false, true, "textrange"},
};

// The element's numbers, type 2003.
const type_case arrays[] = {
    {"'{t,NULL}'::bool[]", "{t,NULL}", boolean, "_bool", 2003, 1, 0, false, false},
    {"ARRAY[1,NULL,3]", "{1,NULL,3}", integer, "_int4", 2003, 10, 0, true, false},
    {"'{1}'::int2[]", "{1}", integer, "_int2", 2003, 5, 0, true, false},
    {"'{}'::int8[]", "{}", integer, "_int8", 2003, 19, 0, true, false},
    {"'{1.5}'::float4[]", "{1.5}", float4, "_float4", 2003, 8, 8, true, false},
    {"'{1.5}'::float8[]", "{1.5}", float8, "_float8", 2003, 17, 17, true, false},
    {"'{1.50}'::numeric(6,2)[]", "{1.50}", decimal, "_numeric", 2003, 6, 2, true, false},
    {"'{a,\"b c\"}'::text[]", "{a,\"b c\"}", text, "_text", 2003, unlimited, 0, false, true},
    {"'{a}'::varchar(5)[]", "{a}", text, "_varchar", 2003, 5, 0, false, true},
    {"'{a}'::char(2)[]", "{\"a \"}", text, "_bpchar", 2003, 2, 0, false, true},
    {"'{a}'::name[]", "{a}", text, "_name", 2003, unlimited, 0, false, true},
    {"'{2024-01-01}'::date[]", "{2024-01-01}", date, "_date", 2003, 13, 0, false, false},
    {"'{12:00}'::time[]", "{12:00:00}", time, "_time", 2003, 15, 6, false, false},
    {"'{2024-01-01 00:00}'::timestamp[]", "{\"2024-01-01 00:00:00\"}", timestamp, "_timestamp", 2003, 29, 6, false,
     false},
    {"'{2024-01-01 00:00Z}'::timestamptz[]", "{\"2024-01-01 00:00:00+00\"}", timestamptz, "_timestamptz", 2003, 35, 6,
     false, false},
    {"'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'::uuid[]", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", uuid, "_uuid", 2003,
     unlimited, 0, false, true},
    {"'{1}'::json[]", "{1}", json, "_json", 2003, unlimited, 0, false, true},
    {"'{1}'::jsonb[]", "{1}", json, "_jsonb", 2003, unlimited, 0, false, true},
    {"'{101}'::bit(3)[]", "{101}", bits, "_bit", 2003, 3, 0, false, true},
    {"'{7}'::positive[]", "{7}", integer, "_positive", 2003, 10, 0, true, false},
    {"'{{1,2},{3,4}}'::int4[]", "{{1,2},{3,4}}", integer, "_int4", 2003, 10, 0, true, false},
    {"'{x}'::\"char\"[]", "{x}", other, "_char", 2003, 1, 0, false, true, "\"CHAR\"[]"},
    {"'{12:00+00}'::timetz[]", "{12:00:00+00}", sql::type_class::timetz, "_timetz", 2003, 21, 6, false, false,
     "TIMETZ[]"},
    {"'{1 day}'::interval[]", "{\"1 day\"}", sql::type_class::interval, "_interval", 2003, 49, 0, false, true,
     "INTERVAL[]"},
    {"ARRAY['\\x00'::bytea]", "{\"\\\\x00\"}", sql::type_class::bytes, "_bytea", 2003, unlimited, 0, false, true,
     "BYTEA[]"},
    {"'{(1,2),(3,4)}'::box[]", "{(3,4),(1,2)}", other, "_box", 2003, unlimited, 0, false, true, "BOX[]"},
    {"'{1}'::money[]", "{$1.00}", other, "_money", 2003, unlimited, 0, false, true, "MONEY[]"},
    {"'{pg_class}'::regclass[]", "{pg_class}", other, "_regclass", 2003, unlimited, 0, false, true, "_regclass"},
    {"'{happy}'::mood[]", "{happy}", sql::type_class::text, "_mood", 2003, unlimited, 0, false, true, "_mood"},
    {"ARRAY[ROW(1,'a')::pair]", "{\"(1,a)\"}", other, "_pair", 2003, unlimited, 0, false, true, "_pair"},
};

class postgres_types : public postgres_fixture {
 protected:
    postgres_types() {
        for (const std::string_view text :
             {"CREATE TYPE mood AS ENUM ('sad', 'happy')", "CREATE EXTENSION citext", "CREATE EXTENSION hstore",
              "CREATE DOMAIN positive AS int4 CHECK (VALUE > 0)", "CREATE DOMAIN word AS varchar(5)",
              "CREATE DOMAIN short_word AS word NOT NULL", "CREATE TYPE pair AS (a int, b text)",
              "CREATE TYPE textrange AS RANGE (SUBTYPE = text)", "SET lc_monetary = 'C'"}) {
            must(text);
        }
    }

    void check(const type_case& one, bool is_array) {
        SCOPED_TRACE(one.expression);
        keeper into;
        const auto out = execute(fmt::format("SELECT {} AS c", one.expression), {}, into);
        ASSERT_TRUE(out) << out.error().message;
        ASSERT_EQ(into.seen.size(), 1U);
        const auto& column = into.seen[0];
        EXPECT_EQ(column.label, "c");
        EXPECT_EQ(column.name, "c");
        EXPECT_EQ(into.cell(), one.cell);
        EXPECT_EQ(column.type, one.type);
        EXPECT_EQ(column.is_array, is_array);
        EXPECT_EQ(column.type_name, one.type_name);
        EXPECT_EQ(column.jdbc_type, one.jdbc_type);
        EXPECT_EQ(column.precision, one.precision);
        EXPECT_EQ(column.scale, one.scale);
        EXPECT_EQ(column.is_signed, one.is_signed);
        EXPECT_EQ(column.is_case_sensitive, one.is_case_sensitive);
        EXPECT_EQ(column.refused_name, one.refused);
        EXPECT_EQ(column.is_currency, one.type_name == "money");
        EXPECT_EQ(column.nullable, 1);
        EXPECT_FALSE(column.is_auto_increment);
        EXPECT_EQ(column.table, "");
    }
};

TEST_P(postgres_types, given_each_scalar_when_selected_then_its_cell_and_column_are_those_of_the_tables) {
    for (const auto& one : scalars) check(one, false);
}

TEST_P(postgres_types, given_each_array_when_selected_then_its_cell_and_column_are_those_of_the_tables) {
    for (const auto& one : arrays) check(one, true);
}

TEST_P(postgres_types, given_an_array_of_boxes_when_selected_then_its_delimiter_is_known) {
    keeper into;
    ASSERT_TRUE(execute("SELECT '{(1,2),(3,4);(1,1),(2,2)}'::box[] AS b, ARRAY[1] AS a", {}, into));
    EXPECT_EQ(into.seen[0].array_delimiter, ';');
    EXPECT_EQ(into.seen[1].array_delimiter, ',');
}

TEST_P(postgres_types, given_columns_without_alias_when_selected_then_labels_are_the_servers) {
    keeper into;
    ASSERT_TRUE(execute("SELECT 1, count(*), 2", {}, into));
    ASSERT_EQ(into.seen.size(), 3U);
    EXPECT_EQ(into.seen[0].label, "?column?");
    EXPECT_EQ(into.seen[1].label, "count");
    EXPECT_EQ(into.seen[2].label, "?column?");  // duplicates are kept
}

//
TEST_P(postgres_types, given_a_table_when_described_in_full_then_serials_tables_and_nullability_are_known) {
    must(
        "CREATE TABLE things (small smallserial, id serial PRIMARY KEY, big bigserial, who int8 GENERATED ALWAYS AS "
        "IDENTITY,"
        " name text NOT NULL, note varchar(20), plain int4, word short_word)");
    must("CREATE VIEW seen AS SELECT id, name FROM things");
    keeper into;
    ASSERT_TRUE(
        execute("SELECT t.*, t.id + 1 AS next, s.name AS seen_name, t.tableoid FROM things t JOIN seen s USING (id)",
                {}, into, sql::description::full));
    struct expected {
        std::string_view label, type_name, table;
        int nullable;
        bool automatic;
    };
    const expected all[] = {
        {"small", "smallserial", "things", 0, true},
        {"id", "serial", "things", 0, true},
        {"big", "bigserial", "things", 0, true},
        {"who", "bigserial", "things", 0, true},
        {"name", "text", "things", 0, false},
        {"note", "varchar", "things", 1, false},
        {"plain", "int4", "things", 1, false},
        {"word", "varchar", "things", 0, false},
        {"next", "int4", "", 2, false},
        {"seen_name", "text", "seen", 1, false},
        {"tableoid", "oid", "things", 0, false},
    };
    ASSERT_EQ(into.seen.size(), std::size(all));
    for (std::size_t i = 0; i < std::size(all); ++i) {
        SCOPED_TRACE(all[i].label);
        EXPECT_EQ(into.seen[i].label, all[i].label);
        EXPECT_EQ(into.seen[i].type_name, all[i].type_name);
        EXPECT_EQ(into.seen[i].table, all[i].table);
        EXPECT_EQ(into.seen[i].nullable, all[i].nullable);
        EXPECT_EQ(into.seen[i].is_auto_increment, all[i].automatic);
    }
    // The same statement asks the catalogue once.
    keeper again;
    ASSERT_TRUE(
        execute("SELECT t.*, t.id + 1 AS next, s.name AS seen_name, t.tableoid FROM things t JOIN seen s USING (id)",
                {}, again, sql::description::full));
    EXPECT_EQ(again.seen[1].type_name, "serial");
}

TEST_P(postgres_types, given_a_table_made_anew_when_described_again_then_the_columns_are_still_known) {
    for (int round = 0; round < 3; ++round) {
        must("CREATE TABLE things (id serial, name text NOT NULL)");
        keeper into;
        ASSERT_TRUE(execute("SELECT * FROM things", {}, into, sql::description::full));
        EXPECT_EQ(into.seen[0].type_name, "serial");
        EXPECT_EQ(into.seen[0].table, "things");
        EXPECT_EQ(into.seen[1].nullable, 0);
        must("DROP TABLE things");
    }
}

TEST_P(postgres_types, given_a_hostile_search_path_when_described_then_the_catalogue_is_still_the_systems) {
    must("CREATE SCHEMA trap");
    must("CREATE TABLE trap.pg_type (oid oid, typname name)");
    must("CREATE TABLE trap.pg_class (oid oid, relname name)");
    must("CREATE TABLE public.real_one (id serial, m mood)");
    must("SET search_path = trap, public, pg_catalog");
    keeper into;
    ASSERT_TRUE(execute("SELECT * FROM real_one", {}, into, sql::description::full));
    EXPECT_EQ(into.seen[0].type_name, "serial");
    EXPECT_EQ(into.seen[0].table, "real_one");
    EXPECT_EQ(into.seen[1].type_name, "mood");
}

TEST_P(postgres_types, given_a_type_made_anew_when_selected_then_the_new_one_is_looked_up) {
    EXPECT_EQ(cell("SELECT 'happy'::mood"), "happy");
    must("DROP TYPE mood");
    must("CREATE TYPE mood AS (a int)");
    keeper into;
    ASSERT_TRUE(execute("SELECT ROW(1)::mood", {}, into));
    EXPECT_FALSE(into.seen[0].refused_name.empty());
}

TEST_P(postgres_types, given_a_fetch_of_a_cursor_when_run_then_its_columns_are_described) {
    ASSERT_TRUE(run(io, session->begin(soon())));
    must("DECLARE c CURSOR FOR SELECT 'happy'::mood AS m, 1 AS n");
    keeper into;
    ASSERT_TRUE(execute("FETCH ALL FROM c", {}, into));
    ASSERT_EQ(into.seen.size(), 2U);
    EXPECT_EQ(into.seen[0].type_name, "mood");
    EXPECT_EQ(into.seen[1].type_name, "int4");
    must("CLOSE c");
    must("DECLARE c CURSOR FOR SELECT 'x'::text AS other");
    keeper later;
    const auto out = execute("FETCH ALL FROM c", {}, later);
    ASSERT_TRUE(out) << out.error().message;
    ASSERT_EQ(later.seen.size(), 1U);
    EXPECT_EQ(later.seen[0].label, "other");
}

TEST(type_book, given_an_unknown_type_when_described_then_it_is_text) {
    const type_book book;
    EXPECT_FALSE(book.knows(987654));
    const auto column = book.column_of("c", 987654, -1);
    EXPECT_EQ(column.type, text);
    EXPECT_EQ(column.type_name, "unknown");
}

INSTANTIATE_TEST_SUITE_P(over, postgres_types, both_protocols, name_of_protocol);

}  // namespace
}  // namespace borealis::postgres
