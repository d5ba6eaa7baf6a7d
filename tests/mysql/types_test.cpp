#include <limits>

#include <fmt/format.h>

#include "harness.hpp"

namespace borealis::mysql {
namespace {

using sql::type_class;
using testing::Test;

class mysql_types : public mysql_test {};

struct type_case {
    std::string_view name, declared, literal, cell;
    type_class type;
    std::string_view type_name;
    int jdbc, precision, scale;
    bool is_signed, is_case_sensitive;
};

// Sections 5.3 and 6 of the Data API reference.
constexpr type_case types[] = {
    {"boolean", "BOOLEAN", "TRUE", "1", type_class::boolean, "BOOLEAN", -7, 1, 0, false, false},
    {"tinyint_1", "TINYINT(1)", "-3", "-3", type_class::boolean, "BOOLEAN", -7, 1, 0, false, false},
    {"tinyint", "TINYINT", "-128", "-128", type_class::integer, "TINYINT", -6, 4, 0, true, false},
    {"tinyint_unsigned", "TINYINT UNSIGNED", "255", "255u", type_class::unsigned_integer, "TINYINT UNSIGNED", -6, 3, 0,
     false, false},
    {"smallint", "SMALLINT", "-32768", "-32768", type_class::integer, "SMALLINT", 5, 6, 0, true, false},
    {"smallint_unsigned", "SMALLINT UNSIGNED", "65535", "65535u", type_class::unsigned_integer, "SMALLINT UNSIGNED", 5,
     5, 0, false, false},
    {"mediumint", "MEDIUMINT", "-8388608", "-8388608", type_class::integer, "MEDIUMINT", 4, 9, 0, true, false},
    {"mediumint_unsigned", "MEDIUMINT UNSIGNED", "16777215", "16777215u", type_class::unsigned_integer,
     "MEDIUMINT UNSIGNED", 4, 8, 0, false, false},
    {"int", "INT", "-2147483648", "-2147483648", type_class::integer, "INT", 4, 11, 0, true, false},
    {"int_unsigned", "INT UNSIGNED", "4294967295", "4294967295u", type_class::unsigned_integer, "INT UNSIGNED", 4, 10,
     0, false, false},
    {"bigint", "BIGINT", "-9223372036854775808", "-9223372036854775808", type_class::integer, "BIGINT", -5, 20, 0, true,
     false},
    {"bigint_unsigned", "BIGINT UNSIGNED", "18446744073709551615", "18446744073709551615u",
     type_class::unsigned_integer, "BIGINT UNSIGNED", -5, 20, 0, false, false},
    {"float", "FLOAT", "837.484", "837.484f", type_class::float4, "FLOAT", 7, 12, 31, true, false},
    {"double", "DOUBLE", "-1.7976931348623157e308", "-1.7976931348623157e+308", type_class::float8, "DOUBLE", 8, 22, 31,
     true, false},
    {"decimal", "DECIMAL(10,4)", "0", "0.0000", type_class::decimal, "DECIMAL", 3, 10, 4, true, true},
    {"decimal_whole", "DECIMAL(65)", "-1", "-1", type_class::decimal, "DECIMAL", 3, 65, 0, true, true},
    {"decimal_unsigned", "DECIMAL(5,2) UNSIGNED", "1.5", "1.50", type_class::decimal, "DECIMAL", 3, 5, 2, false, true},
    {"char", "CHAR(5)", "'ab '", "ab", type_class::text, "CHAR", 1, 5, 0, false, false},
    {"varchar", "VARCHAR(20)", "'zażółć 🦀'", "zażółć 🦀", type_class::text, "VARCHAR", 12, 20, 0, false, false},
    {"varchar_bin", "VARCHAR(20) COLLATE utf8mb4_bin", "'a'", "a", type_class::text, "VARCHAR", 12, 20, 0, false, true},
    {"varchar_latin1", "VARCHAR(20) CHARACTER SET latin1", "'é'", "é", type_class::text, "VARCHAR", 12, 20, 0, false,
     false},
    {"tinytext", "TINYTEXT", "'a'", "a", type_class::text, "TINYTEXT", -1, 255, 0, false, false},
    {"text", "TEXT", "'a'", "a", type_class::text, "TEXT", -1, 65535, 0, false, false},
    {"mediumtext", "MEDIUMTEXT", "'a'", "a", type_class::text, "MEDIUMTEXT", -1, 16777215, 0, false, false},
    {"longtext", "LONGTEXT", "''", "", type_class::text, "LONGTEXT", -1, 1073741823, 0, false, false},
    {"enum", "ENUM('one','three')", "'three'", "three", type_class::text, "ENUM", 1, 5, 0, false, false},
    {"set", "SET('one','two')", "'one,two'", "one,two", type_class::text, "SET", 1, 7, 0, false, false},
    {"binary", "BINARY(4)", "x'0001'", "x'00010000'", type_class::bytes, "BINARY", -2, 4, 0, false, true},
    {"varbinary", "VARBINARY(9)", "x'00ff27'", "x'00ff27'", type_class::bytes, "VARBINARY", -3, 9, 0, false, true},
    {"tinyblob", "TINYBLOB", "x'01'", "x'01'", type_class::bytes, "TINYBLOB", -4, 255, 0, false, true},
    {"blob", "BLOB", "x''", "x''", type_class::bytes, "BLOB", -4, 65535, 0, false, true},
    {"mediumblob", "MEDIUMBLOB", "x'01'", "x'01'", type_class::bytes, "MEDIUMBLOB", -4, 16777215, 0, false, true},
    {"longblob", "LONGBLOB", "x'01'", "x'01'", type_class::bytes, "LONGBLOB", -4, 2147483647, 0, false, true},
    {"bit_1", "BIT(1)", "b'1'", "1u", type_class::boolean, "BIT", -7, 1, 0, false, false},
    {"bit_12", "BIT(12)", "b'100000000001'", "2049u", type_class::bit_field, "BIT", -7, 12, 0, false, false},
    {"bit_64", "BIT(64)", "18446744073709551615", "18446744073709551615u", type_class::bit_field, "BIT", -7, 64, 0,
     false, false},
    {"date", "DATE", "'2020-05-16'", "2020-05-16", type_class::date, "DATE", 91, 10, 0, false, false},
    {"time", "TIME", "'16:31:56'", "16:31:56", type_class::time, "TIME", 92, 10, 0, false, false},
    {"time_3", "TIME(3)", "'04:31:56.734'", "04:31:56.734", type_class::time, "TIME", 92, 14, 0, false, false},
    {"time_least", "TIME(6)", "'-838:59:59.999999'", "-838:59:59.999999", type_class::time, "TIME", 92, 17, 0, false,
     false},
    {"time_small", "TIME", "'-00:00:01'", "-00:00:01", type_class::time, "TIME", 92, 10, 0, false, false},
    {"time_zero", "TIME", "'0'", "00:00:00", type_class::time, "TIME", 92, 10, 0, false, false},
    {"datetime", "DATETIME", "'9999-12-31 23:59:59'", "9999-12-31 23:59:59", type_class::timestamp, "DATETIME", 93, 19,
     0, false, false},
    {"datetime_3", "DATETIME(3)", "'2020-04-16 15:36:54.380'", "2020-04-16 15:36:54.380", type_class::timestamp,
     "DATETIME", 93, 23, 0, false, false},
    {"datetime_6", "DATETIME(6)", "'2020-04-16'", "2020-04-16 00:00:00.000000", type_class::timestamp, "DATETIME", 93,
     26, 0, false, false},
    {"timestamp", "TIMESTAMP NULL", "'2020-04-16 15:36:54'", "2020-04-16 15:36:54", type_class::timestamp, "TIMESTAMP",
     93, 19, 0, false, false},
    {"year", "YEAR", "2024", "2024", type_class::year, "YEAR", 91, 4, 0, false, false},
    {"json", "JSON", R"('{"a": [1, 2]}')", R"({"a": [1, 2]})", type_class::json, "JSON", -1, 1073741824, 0, false,
     true},
};

class mysql_type : public mysql_test, public testing::WithParamInterface<type_case> {};

TEST_P(mysql_type, given_a_column_of_it_when_selected_then_cell_and_column_are_as_the_reference_says) {
    const auto& is = GetParam();
    done(fmt::format("CREATE TABLE t (v {})", is.declared));
    done(fmt::format("INSERT INTO t VALUES ({}), (NULL)", is.literal));

    collecting_sink sink;
    ASSERT_TRUE(execute(*session, "SELECT v AS label FROM t ORDER BY v IS NULL", {}, &sink));

    EXPECT_EQ(sink.shown_rows(), (std::vector<std::string>{std::string(is.cell), "NULL"}));
    ASSERT_EQ(sink.all.size(), 1U);
    const auto& column = sink.all[0];
    EXPECT_EQ(column.label, "label");
    EXPECT_EQ(column.name, "v");
    EXPECT_EQ(column.table, "t");
    EXPECT_EQ(column.type, is.type);
    EXPECT_EQ(column.type_name, is.type_name);
    EXPECT_EQ(column.jdbc_type, is.jdbc);
    EXPECT_EQ(column.precision, is.precision);
    EXPECT_EQ(column.scale, is.scale);
    EXPECT_EQ(column.is_signed, is.is_signed);
    EXPECT_EQ(column.is_case_sensitive, is.is_case_sensitive);
    EXPECT_EQ(column.nullable, 1);
    EXPECT_FALSE(column.is_auto_increment);
    EXPECT_FALSE(column.is_array);
}

/// EXECUTE cannot be prepared itself, so that its rows come in the text protocol.
TEST_P(mysql_type, given_the_text_protocol_when_selected_then_cell_and_column_are_the_same) {
    const auto& is = GetParam();
    done(fmt::format("CREATE TABLE t (v {})", is.declared));
    done(fmt::format("INSERT INTO t VALUES ({}), (NULL)", is.literal));
    done("PREPARE again FROM 'SELECT v FROM t ORDER BY v IS NULL'");

    collecting_sink sink;
    ASSERT_TRUE(execute(*session, "EXECUTE again", {}, &sink));

    EXPECT_EQ(sink.shown_rows(), (std::vector<std::string>{std::string(is.cell), "NULL"}));
    ASSERT_EQ(sink.all.size(), 1U);
    EXPECT_EQ(sink.all[0].type, is.type);
    EXPECT_EQ(sink.all[0].precision, is.precision);
}

INSTANTIATE_TEST_SUITE_P(reference, mysql_type, testing::ValuesIn(types),
                         [](const auto& of) { return std::string(of.param.name); });

TEST_F(mysql_types, given_zero_dates_when_selected_then_they_come_in_mysqls_text_form) {
    done("SET sql_mode=''");
    done("CREATE TABLE t (a DATE, b DATETIME, c DATETIME(3), d TIMESTAMP, e DATE)");
    done("INSERT INTO t VALUES ('0000-00-00', '0000-00-00', '0000-00-00', '0000-00-00', '2020-00-00')");
    EXPECT_EQ(rows("SELECT * FROM t"),
              std::vector<std::string>{
                  "0000-00-00|0000-00-00 00:00:00|0000-00-00 00:00:00.000|0000-00-00 00:00:00|2020-00-00"});
}

TEST_F(mysql_types, given_a_geometry_when_selected_then_it_is_called_unsupported) {
    const auto all = columns("SELECT POINT(1, 2)");
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].type, type_class::bytes);
    EXPECT_EQ(all[0].refused_name, "GEOMETRY");
}

TEST_F(mysql_types, given_expressions_when_selected_then_they_have_no_table_and_are_nullable) {
    const auto all = columns("SELECT NULL, 1, COUNT(*), 1.50, JSON_OBJECT('a', 1), USER() AS u");
    ASSERT_EQ(all.size(), 6U);
    EXPECT_EQ(all[0].type_name, "NULL");
    EXPECT_EQ(all[0].jdbc_type, 0);
    EXPECT_EQ(all[1].type_name, "INT");
    EXPECT_EQ(all[2].type_name, "BIGINT");
    EXPECT_EQ(all[2].label, "COUNT(*)");
    EXPECT_EQ(all[2].name, "COUNT(*)");
    EXPECT_EQ(all[3].type_name, "DECIMAL");
    EXPECT_EQ(all[3].precision, 3);
    EXPECT_EQ(all[4].type, type_class::json);
    EXPECT_EQ(all[5].type, type_class::text);
    for (const auto& column : all) {
        EXPECT_EQ(column.table, "");
        EXPECT_EQ(column.nullable, 1) << column.label;
    }
}

TEST_F(mysql_types, given_a_table_when_selected_through_an_alias_then_the_metadata_names_what_is_behind) {
    done(
        "CREATE TABLE people (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) NOT NULL DEFAULT "
        "'')");
    const auto all = columns("SELECT p.id AS number, p.name, p.id + 1 AS next FROM people p");
    ASSERT_EQ(all.size(), 3U);
    EXPECT_EQ(all[0].label, "number");
    EXPECT_EQ(all[0].name, "id");
    EXPECT_EQ(all[0].table, "people");
    EXPECT_EQ(all[0].nullable, 0);
    EXPECT_TRUE(all[0].is_auto_increment);
    EXPECT_EQ(all[0].type_name, "INT UNSIGNED");
    EXPECT_FALSE(all[1].is_auto_increment);
    EXPECT_EQ(all[1].nullable, 0);
    EXPECT_EQ(all[2].table, "");
}

TEST_F(mysql_types, given_a_changed_table_when_the_cached_statement_runs_then_its_columns_are_the_new_ones) {
    done("CREATE TABLE t (a INT, b VARCHAR(5))");
    done("INSERT INTO t VALUES (1, 'x')");
    const std::string_view all = "SELECT * FROM t";
    EXPECT_EQ(rows(all), std::vector<std::string>{"1|x"});
    done("ALTER TABLE t CHANGE a renamed BIGINT UNSIGNED");
    EXPECT_EQ(columns(all).at(0).label, "renamed");
    EXPECT_EQ(rows(all), std::vector<std::string>{"1u|x"});
    done("ALTER TABLE t ADD c INT DEFAULT 7");
    EXPECT_EQ(rows(all), std::vector<std::string>{"1u|x|7"});
    done("ALTER TABLE t DROP b");
    EXPECT_EQ(rows(all), std::vector<std::string>{"1u|7"});
}

TEST_F(mysql_types, given_known_values_when_a_row_comes_then_its_wire_bytes_follow_the_formula) {
    // R-3.4: 2 + 4 a column + octets: '🦀' 4, -12 3, NULL 0, x'00' 1.
    collecting_sink sink;
    ASSERT_TRUE(execute(*session, "SELECT '🦀', -12, NULL, x'00'", {}, &sink));
    EXPECT_EQ(sink.bytes, 2U + 4U * 4U + 4U + 3U + 0U + 1U);
}

class mysql_parameters : public mysql_test {};

TEST_F(mysql_parameters, given_values_at_their_limits_when_bound_then_they_come_back) {
    using enum sql::parameter_type;
    done(
        "CREATE TABLE t (i BIGINT, d DOUBLE, s VARCHAR(100), b VARBINARY(100), f BOOLEAN, n DECIMAL(20,4), day DATE, "
        "at "
        "TIME(6), moment DATETIME(6))");
    const std::string_view zero_bytes("a\0'\\\"\xff\0", 7);
    const std::string_view insert = "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    for (const std::int64_t i : {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
        EXPECT_EQ(done(insert, {of_integer(i),
                                {float8, 0.1},
                                of_text("żółć 🦀 \\ ' \" % _ \n"),
                                of_text(zero_bytes, bytes),
                                {boolean, i > 0},
                                of_text("-12.3400", decimal),
                                of_text("2024-02-29", date),
                                of_text("23:59:59.123456", time),
                                of_text("2024-02-29 23:59:59.123456", timestamp)})
                      .affected,
                  1);
    }
    EXPECT_EQ(rows("SELECT * FROM t ORDER BY i"),
              (std::vector<std::string>{
                  "-9223372036854775808|0.1|żółć 🦀 \\ ' \" % _ \n|x'6100275c22ff00'|0|-12.3400|2024-02-29|"
                  "23:59:59.123456|2024-02-29 23:59:59.123456",
                  "9223372036854775807|0.1|żółć 🦀 \\ ' \" % _ \n|x'6100275c22ff00'|1|-12.3400|2024-02-29|"
                  "23:59:59.123456|2024-02-29 23:59:59.123456"}));
}

TEST_F(mysql_parameters, given_nulls_when_bound_then_every_type_takes_them) {
    done("CREATE TABLE t (a INT, b VARCHAR(5), c BLOB, d DATETIME, e DECIMAL(5,2), f JSON, g BOOLEAN, h DOUBLE)");
    done("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?)", std::vector<sql::parameter>(8));
    EXPECT_EQ(rows("SELECT * FROM t"), std::vector<std::string>{"NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL"});
}

TEST_F(mysql_parameters, given_no_backslash_escapes_when_bound_then_text_is_untouched) {
    done("SET sql_mode='NO_BACKSLASH_ESCAPES'");
    EXPECT_EQ(rows("SELECT ?", {of_text("a\\'b")}), std::vector<std::string>{"a\\'b"});
}

TEST_F(mysql_parameters, given_one_text_with_other_types_when_run_again_then_each_run_has_its_own) {
    EXPECT_EQ(rows("SELECT ?", {of_integer(1)}), std::vector<std::string>{"1"});
    EXPECT_EQ(rows("SELECT ?", {of_text("1")}), std::vector<std::string>{"1"});
    EXPECT_EQ(columns("SELECT ?", {of_integer(1)}).at(0).type_name, "BIGINT");
    EXPECT_EQ(columns("SELECT ?", {of_text("1")}).at(0).type, type_class::text);
    EXPECT_EQ(columns("SELECT ?", {of_text("1", sql::parameter_type::bytes)}).at(0).type, type_class::bytes);
    EXPECT_EQ(rows("SELECT ?", {sql::parameter{}}), std::vector<std::string>{"NULL"});
    EXPECT_EQ(rows("SELECT ? + 1", {sql::parameter{sql::parameter_type::boolean, true}}),
              std::vector<std::string>{"2"});
}

// Section 4.3 of the reference: as text, a decimal would be compared and added as a double.
TEST_F(mysql_parameters, given_hinted_values_when_bound_then_they_have_their_types) {
    using enum sql::parameter_type;
    struct hinted_case {
        sql::parameter_type type;
        std::string_view text;
        type_class is;
        std::string comes_back;
    };
    const std::vector<hinted_case> cases = {
        {decimal, "-12.340", type_class::decimal, "-12.340"},
        {decimal, "1e5", type_class::decimal, "100000"},
        {date, "2024-02-29", type_class::date, "2024-02-29"},
        {date, "0001-01-01", type_class::date, "0001-01-01"},
        {time, "23:59:59", type_class::time, "23:59:59"},
        {time, "00:00:00.000001", type_class::time, "00:00:00.000001"},
        {timestamp, "9999-12-31 23:59:59", type_class::timestamp, "9999-12-31 23:59:59"},
        {timestamp, "2024-02-29 23:59:59.5", type_class::timestamp, "2024-02-29 23:59:59.500000"}};
    for (const auto& one : cases) {
        SCOPED_TRACE(one.text);
        EXPECT_EQ(columns("SELECT ?", {of_text(one.text, one.type)}).at(0).type, one.is);
        const auto back = rows("SELECT ?", {of_text(one.text, one.type)});
        ASSERT_EQ(back.size(), 1U);
        EXPECT_EQ(back[0].substr(0, one.comes_back.size()), one.comes_back);
    }
    EXPECT_EQ(rows("SELECT ? + 1, ? = 1234567890123456789.01",
                   {of_text("0.10", decimal), of_text("1234567890123456789.02", decimal)}),
              std::vector<std::string>{"1.10|0"});
    const std::string nines(70, '9');
    EXPECT_EQ(rows("SELECT ?", {of_text(nines, decimal)}), std::vector<std::string>{nines});
}

TEST_F(mysql_parameters, given_an_empty_view_when_bound_then_it_is_the_empty_text) {
    EXPECT_EQ(rows("SELECT ?, LENGTH(?)", {of_text({}), of_text({}, sql::parameter_type::bytes)}),
              std::vector<std::string>{"|0"});
}

TEST_F(mysql_parameters, given_too_few_when_run_then_the_failure_counts_them) {
    const auto out = execute("SELECT ?, ?", {of_integer(1)});
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, sql::failure_kind::database);
    EXPECT_EQ(out.error().sqlstate, "HY000");
    EXPECT_EQ(out.error().code, 1210U);
    EXPECT_NE(out.error().message.find("2 parameters, but 1"), std::string::npos) << out.error().message;
    EXPECT_TRUE(session->usable());
}

TEST_F(mysql_parameters, given_a_blob_of_8_mb_when_stored_then_it_comes_back_whole) {
    std::string large(8 * 1024 * 1024, '\0');
    for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 2654435761U >> 13);
    done("CREATE TABLE t (b LONGBLOB, s LONGTEXT)");
    done("INSERT INTO t VALUES (?, REPEAT('🦀', 500000))", {of_text(large, sql::parameter_type::bytes)});
    collecting_sink sink;
    ASSERT_TRUE(execute(*session, "SELECT b, s FROM t", {}, &sink));
    ASSERT_EQ(sink.count, 1U);
    EXPECT_TRUE(sink.rows[0][0].text == large);
    EXPECT_EQ(sink.rows[0][1].text.size(), 2'000'000U);
    EXPECT_EQ(sink.bytes, 2U + 8U + large.size() + 2'000'000U);
}

}  // namespace
}  // namespace borealis::mysql
