#include "data_api/value_writer.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace borealis::data_api {
namespace {

using sql::cell;
using sql::type_class;

cell text(std::string_view value) {
    cell made;
    made.is = cell::form::text;
    made.text = value;
    return made;
}
cell bytes(std::string_view value) {
    cell made = text(value);
    made.is = cell::form::bytes;
    return made;
}
cell integer(std::int64_t value) {
    cell made;
    made.is = cell::form::integer;
    made.integer = value;
    return made;
}
cell unsigned_integer(std::uint64_t value) {
    cell made;
    made.is = cell::form::unsigned_integer;
    made.unsigned_integer = value;
    return made;
}
cell real(cell::form form, double value) {
    cell made;
    made.is = form;
    made.real = value;
    return made;
}

struct kind_of_column {
    type_class type;
    bool is_array = false;
    int precision = 0, scale = 0;
};

struct value_case {
    std::string_view name;
    kind_of_column column;
    cell value;
    std::string_view field, plain;
    result_options with = {};
};

class values : public testing::TestWithParam<value_case> {};

TEST_P(values, given_a_value_when_written_then_field_and_plain_are_as_expected) {
    const auto& [name, kind, value, field, plain, with] = GetParam();
    sql::column column;
    column.type = kind.type;
    column.is_array = kind.is_array;
    column.precision = kind.precision;
    column.scale = kind.scale;
    value_writer writer(column, with, {});
    ASSERT_TRUE(writer.is_supported());
    std::string out;
    EXPECT_EQ(writer.field(out, value), spoilt::no);
    EXPECT_EQ(out, field);
    out.clear();
    EXPECT_EQ(writer.plain(out, value), spoilt::no);
    EXPECT_EQ(out, plain);
}

const auto name_of_case = [](const auto& each) { return std::string(each.param.name); };

constexpr result_options longs_as_text{.longs_as_text = true};
constexpr result_options decimals_as_numbers{.decimals_as_numbers = true};
constexpr result_options both{.decimals_as_numbers = true, .longs_as_text = true};

INSTANTIATE_TEST_SUITE_P(
    section_5_2_postgresql, values,
    testing::Values(
        value_case{"null_int", {type_class::integer}, cell{}, R"({"isNull":true})", "null"},
        value_case{"int8",
                   {type_class::integer},
                   text("-9223372036854775808"),
                   R"({"longValue":-9223372036854775808})",
                   "-9223372036854775808"},
        value_case{
            "int_as_text", {type_class::integer}, text("42"), R"({"stringValue":"42"})", R"("42")", longs_as_text},
        value_case{"bool_true", {type_class::boolean}, text("t"), R"({"booleanValue":true})", "true"},
        value_case{"bool_false", {type_class::boolean}, text("f"), R"({"booleanValue":false})", "false"},
        value_case{"float4", {type_class::float4}, text("3.14"), R"({"doubleValue":3.14})", "3.14"},
        value_case{"float8_whole", {type_class::float8}, text("-10"), R"({"doubleValue":-10.0})", "-10.0"},
        value_case{"float8_exponent", {type_class::float8}, text("1e+300"), R"({"doubleValue":1e+300})", "1e+300"},
        value_case{"float8_nan", {type_class::float8}, text("NaN"), R"({"doubleValue":"NaN"})", R"("NaN")"},
        value_case{"float8_infinity",
                   {type_class::float8},
                   text("-Infinity"),
                   R"({"doubleValue":"-Infinity"})",
                   R"("-Infinity")"},
        value_case{"numeric",
                   {type_class::decimal, false, 10, 4},
                   text("123456.7890"),
                   R"({"stringValue":"123456.7890"})",
                   R"("123456.7890")"},
        value_case{"numeric_number",
                   {type_class::decimal, false, 10, 2},
                   text("19.90"),
                   R"({"doubleValue":19.9})",
                   "19.9",
                   decimals_as_numbers},
        value_case{"numeric_scale_0",
                   {type_class::decimal, false, 10, 0},
                   text("19"),
                   R"({"longValue":19})",
                   "19",
                   decimals_as_numbers},
        value_case{"numeric_scale_2_whole",
                   {type_class::decimal, false, 10, 2},
                   text("19.00"),
                   R"({"doubleValue":19.0})",
                   "19.0",
                   decimals_as_numbers},
        value_case{
            "numeric_free_whole", {type_class::decimal}, text("-7"), R"({"longValue":-7})", "-7", decimals_as_numbers},
        value_case{"numeric_free_fraction",
                   {type_class::decimal},
                   text("7.5"),
                   R"({"doubleValue":7.5})",
                   "7.5",
                   decimals_as_numbers},
        value_case{"numeric_beyond_long",
                   {type_class::decimal, false, 30, 0},
                   text("9223372036854775808"),
                   R"({"doubleValue":9.223372036854776e+18})",
                   "9.223372036854776e+18",
                   decimals_as_numbers},
        value_case{"numeric_long_as_text",
                   {type_class::decimal, false, 10, 0},
                   text("19"),
                   R"({"stringValue":"19"})",
                   R"("19")",
                   both},
        value_case{"numeric_nan", {type_class::decimal}, text("NaN"), R"({"stringValue":"NaN"})", R"("NaN")"},
        value_case{"text",
                   {type_class::text},
                   text("a \"b\" \\ \n ü /'"),
                   R"({"stringValue":"a \"b\" \\ \n ü /'"})",
                   R"("a \"b\" \\ \n ü /'")"},
        value_case{"empty_text", {type_class::text}, text(""), R"({"stringValue":""})", R"("")"},
        value_case{"bytea", {type_class::bytes}, text("\\x00ff10"), R"({"blobValue":"AP8Q"})", R"("AP8Q")"},
        value_case{"bytea_empty", {type_class::bytes}, text("\\x"), R"({"blobValue":""})", R"("")"},
        value_case{"bytea_escaped",
                   {type_class::bytes},
                   text("a\\\\b\\000\\377"),
                   R"({"blobValue":"YVxiAP8="})",
                   R"("YVxiAP8=")"},
        value_case{
            "date", {type_class::date}, text("2024-01-15"), R"({"stringValue":"2024-01-15"})", R"("2024-01-15")"},
        value_case{
            "time", {type_class::time}, text("12:34:56.5"), R"({"stringValue":"12:34:56.500"})", R"("12:34:56.500")"},
        value_case{"timestamp",
                   {type_class::timestamp},
                   text("2024-01-15 12:34:56.78018"),
                   R"({"stringValue":"2024-01-15 12:34:56.780180"})",
                   R"("2024-01-15 12:34:56.780180")"},
        value_case{"timestamptz",
                   {type_class::timestamptz},
                   text("2024-01-15 12:34:56+09"),
                   R"({"stringValue":"2024-01-15 03:34:56"})",
                   R"("2024-01-15 03:34:56")"},
        value_case{"jsonb",
                   {type_class::json},
                   text(R"({"x": 0, "y": "0"})"),
                   R"({"stringValue":"{\"x\":0,\"y\":\"0\"}"})",
                   R"("{\"x\":0,\"y\":\"0\"}")"},
        value_case{"uuid",
                   {type_class::uuid},
                   text("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
                   R"({"stringValue":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"})",
                   R"("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")"},
        value_case{"bits", {type_class::bits}, text("0101"), R"({"stringValue":"0101"})", R"("0101")"},
        value_case{"void_type", {type_class::nothing}, text(""), R"({"stringValue":""})", R"("")"}),
    name_of_case);

INSTANTIATE_TEST_SUITE_P(
    r_5_40_arrays, values,
    testing::Values(value_case{"longs",
                               {type_class::integer, true},
                               text("{1,NULL,3}"),
                               R"({"arrayValue":{"longValues":[1,null,3]}})",
                               "[1,null,3]"},
                    value_case{"longs_as_text",
                               {type_class::integer, true},
                               text("{1,2}"),
                               R"({"arrayValue":{"stringValues":["1","2"]}})",
                               R"(["1","2"])",
                               longs_as_text},
                    value_case{
                        "empty", {type_class::integer, true}, text("{}"), R"({"arrayValue":{"longValues":[]}})", "[]"},
                    value_case{"null_array", {type_class::integer, true}, cell{}, R"({"isNull":true})", "null"},
                    value_case{"doubles",
                               {type_class::float8, true},
                               text("{1.5,2,NaN}"),
                               R"({"arrayValue":{"doubleValues":[1.5,2.0,"NaN"]}})",
                               R"([1.5,2.0,"NaN"])"},
                    value_case{"booleans",
                               {type_class::boolean, true},
                               text("{t,f}"),
                               R"({"arrayValue":{"booleanValues":[true,false]}})",
                               "[true,false]"},
                    value_case{"texts",
                               {type_class::text, true},
                               text(R"({a,"b \"c\"",NULL,"NULL",""})"),
                               R"({"arrayValue":{"stringValues":["a","b \"c\"",null,"NULL",""]}})",
                               R"(["a","b \"c\"",null,"NULL",""])"},
                    value_case{"numerics",
                               {type_class::decimal, true},
                               text("{1.10,2}"),
                               R"({"arrayValue":{"stringValues":["1.10","2"]}})",
                               R"(["1.10","2"])"},
                    value_case{"numerics_as_numbers",
                               {type_class::decimal, true},
                               text("{1.10,2}"),
                               R"({"arrayValue":{"doubleValues":[1.1,2.0]}})",
                               "[1.1,2.0]",
                               decimals_as_numbers},
                    value_case{"jsons",
                               {type_class::json, true},
                               text(R"({"{\"a\": 1}"})"),
                               R"({"arrayValue":{"stringValues":["{\"a\":1}"]}})",
                               R"(["{\"a\":1}"])"},
                    value_case{"timestamptzs",
                               {type_class::timestamptz, true},
                               text(R"({"2024-01-15 12:34:56.5+01"})"),
                               R"({"arrayValue":{"stringValues":["2024-01-15 11:34:56.500"]}})",
                               R"(["2024-01-15 11:34:56.500"])"}),
    name_of_case);

INSTANTIATE_TEST_SUITE_P(
    section_5_3_mysql, values,
    testing::Values(
        value_case{"boolean", {type_class::boolean}, integer(2), R"({"booleanValue":true})", "true"},
        value_case{
            "bit_1", {type_class::boolean}, bytes(std::string_view("\0", 1)), R"({"booleanValue":false})", "false"},
        value_case{"integer", {type_class::integer}, integer(-7), R"({"longValue":-7})", "-7"},
        value_case{"unsigned_fits",
                   {type_class::unsigned_integer},
                   unsigned_integer(9223372036854775807U),
                   R"({"longValue":9223372036854775807})",
                   "9223372036854775807"},
        value_case{"unsigned_beyond",
                   {type_class::unsigned_integer},
                   unsigned_integer(18446744073709551615U),
                   R"({"stringValue":"18446744073709551615"})",
                   R"("18446744073709551615")"},
        value_case{"float_shortest",
                   {type_class::float4},
                   real(cell::form::real4, static_cast<double>(3.14F)),
                   R"({"doubleValue":3.14})",
                   "3.14"},
        value_case{
            "double_whole", {type_class::float8}, real(cell::form::real8, 10), R"({"doubleValue":10.0})", "10.0"},
        value_case{"decimal",
                   {type_class::decimal, false, 10, 4},
                   text("0.0000"),
                   R"({"stringValue":"0.0000"})",
                   R"("0.0000")"},
        value_case{"blob", {type_class::bytes}, bytes("\\x41"), R"({"blobValue":"XHg0MQ=="})", R"("XHg0MQ==")"},
        value_case{
            "zero_date", {type_class::date}, text("0000-00-00"), R"({"stringValue":"0000-00-00"})", R"("0000-00-00")"},
        value_case{
            "time", {type_class::time}, text("-838:59:59"), R"({"stringValue":"-838:59:59"})", R"("-838:59:59")"},
        value_case{"datetime",
                   {type_class::timestamp},
                   text("2020-04-16 15:36:54.384000"),
                   R"({"stringValue":"2020-04-16 15:36:54.384"})",
                   R"("2020-04-16 15:36:54.384")"},
        value_case{
            "broken_json_stays", {type_class::json}, text("{a: 1}"), R"({"stringValue":"{a: 1}"})", R"("{a: 1}")"}),
    name_of_case);

TEST(value_writer, given_a_long_bytea_when_written_then_pieces_join_without_padding) {  // R-1.25
    std::string hex = "\\x", expected = R"({"blobValue":")";
    for (int i = 0; i < 2001; ++i) hex += "000000";
    expected += std::string(4 * 2001, 'A') + "\"}";
    sql::column column;
    column.type = type_class::bytes;
    std::string out;
    value_writer(column, {}, {}).field(out, text(hex));
    EXPECT_EQ(out, expected);
}

struct spoilt_case {
    type_class type;
    bool is_array;
    std::string_view text;
    spoilt why;
};

class spoilt_values : public testing::TestWithParam<spoilt_case> {};

TEST_P(spoilt_values, given_what_cannot_be_carried_when_written_then_it_says_why) {
    sql::column column;
    column.type = GetParam().type;
    column.is_array = GetParam().is_array;
    value_writer writer(column, {}, {});
    std::string out;
    EXPECT_EQ(writer.field(out, text(GetParam().text)), GetParam().why);
    EXPECT_EQ(writer.plain(out, text(GetParam().text)), GetParam().why);
}

INSTANTIATE_TEST_SUITE_P(
    r_2_28_r_2_29, spoilt_values,
    testing::Values(spoilt_case{type_class::date, false, "infinity", spoilt::infinite_moment},
                    spoilt_case{type_class::timestamptz, false, "-infinity", spoilt::infinite_moment},
                    spoilt_case{type_class::timestamp, true, "{infinity}", spoilt::infinite_moment},
                    spoilt_case{type_class::integer, true, "{{1}}", spoilt::nested_array},
                    spoilt_case{type_class::integer, true, "1,2", spoilt::unreadable_array},
                    spoilt_case{type_class::json, false, "[1e999]", spoilt::json_number_range}));

TEST(value_writer, given_text_that_is_no_number_when_a_number_is_due_then_it_is_still_json) {
    for (const auto& [type, number] :
         {std::pair{type_class::float8, "-1.5e+305e+0"}, std::pair{type_class::float8, "."},
          std::pair{type_class::float8, "01"}, std::pair{type_class::float8, "1e"}}) {
        sql::column column;
        column.type = type;
        std::string out;
        value_writer(column, {}, {}).field(out, text(number));
        EXPECT_EQ(out, R"({"doubleValue":")" + std::string(number) + "\"}");
    }
    sql::column column;
    column.type = type_class::integer;
    std::string out;
    value_writer(column, {}, {}).field(out, text("1,2"));
    EXPECT_EQ(out, R"({"stringValue":"1,2"})");
}

TEST(value_writer, given_types_aws_refuses_when_asked_then_they_are_not_supported) {  // R-2.27
    sql::column column;
    column.type = type_class::interval;
    column.refused_name = "INTERVAL";
    EXPECT_FALSE(value_writer(column, {}, {}).is_supported());
    EXPECT_TRUE(value_writer(column, {}, relaxed.values).is_supported());
    column.refused_name.clear();
    EXPECT_TRUE(value_writer(column, {}, {}).is_supported());
}

// ---- generation 1

struct v1_case {
    std::string_view name;
    type_class type;
    std::string_view given, field;
    int precision = 0;
};

class v1_values : public testing::TestWithParam<v1_case> {};

TEST_P(v1_values, given_a_value_when_written_then_it_is_as_jdbc_had_it) {
    sql::column column;
    column.type = GetParam().type;
    column.precision = GetParam().precision;
    column.refused_name = "WHATEVER";
    std::string out;
    value_writer writer(column, {}, aws_v1.values);
    ASSERT_TRUE(writer.is_supported());
    ASSERT_EQ(writer.field(out, text(GetParam().given)), spoilt::no);
    EXPECT_EQ(out, GetParam().field);
}

INSTANTIATE_TEST_SUITE_P(
    r_13, v1_values,
    testing::Values(
        v1_case{"oid", type_class::object_id, "12345", R"({"stringValue":"12345"})"},
        v1_case{"stripped", type_class::timestamp, "2024-01-15 12:34:56.780180",
                R"({"stringValue":"2024-01-15 12:34:56.78018"})"},
        v1_case{"no_fraction", type_class::timestamp, "2024-01-15 12:34:56.000000",
                R"({"stringValue":"2024-01-15 12:34:56"})"},
        v1_case{"time_of_millis", type_class::time, "12:34:56.789012", R"({"stringValue":"12:34:56.789"})"},
        v1_case{"time_wraps", type_class::time, "-01:00:00", R"({"stringValue":"23:00:00"})"},
        v1_case{"time_wraps_with_its_fraction", type_class::time, "-01:02:03.5", R"({"stringValue":"22:57:56.5"})"},
        v1_case{"time_wraps_by_milliseconds", type_class::time, "-00:00:00.990000", R"({"stringValue":"23:59:59.01"})"},
        v1_case{"time_wraps_by_less", type_class::time, "-00:00:00.000400", R"({"stringValue":"00:00:00"})"},
        v1_case{"long_time_wraps", type_class::time, "838:59:59", R"({"stringValue":"22:59:59"})"},
        v1_case{"timetz", type_class::timetz, "12:34:56.5+09", R"({"stringValue":"03:34:56.5"})"},
        v1_case{"timetz_before_midnight", type_class::timetz, "01:00:00+05:30", R"({"stringValue":"19:30:00"})"},
        v1_case{"timestamptz", type_class::timestamptz, "2024-01-15 12:34:56.10+09",
                R"({"stringValue":"2024-01-15 03:34:56.1"})"},
        v1_case{"infinity", type_class::timestamp, "infinity", R"({"stringValue":"infinity"})"},
        v1_case{"zero_date", type_class::date, "0000-00-00", R"({"isNull":true})"},
        v1_case{"json", type_class::json, R"({"x": 0, "y": "0"})", R"({"stringValue":"{\"x\": 0, \"y\": \"0\"}"})"},
        v1_case{"year", type_class::year, "2020", R"({"stringValue":"2020-01-01"})"},
        v1_case{"other", type_class::other, "(1,2)", R"x({"stringValue":"(1,2)"})x"},
        v1_case{"days", type_class::interval, "1 day 02:00:00",
                R"({"stringValue":"0 years 0 mons 1 days 2 hours 0 mins 0.0 secs"})"},
        v1_case{"all", type_class::interval, "1 year 2 mons -3 days 04:05:06.70",
                R"({"stringValue":"1 years 2 mons -3 days 4 hours 5 mins 6.7 secs"})"},
        v1_case{"negative", type_class::interval, "-1 years +00:00:01",
                R"({"stringValue":"-1 years 0 mons 0 days 0 hours 0 mins 1.0 secs"})"},
        v1_case{"negative_time", type_class::interval, "-04:05:06.5",
                R"({"stringValue":"0 years 0 mons 0 days -4 hours -5 mins -6.5 secs"})"},
        v1_case{"nothing", type_class::interval, "00:00:00",
                R"({"stringValue":"0 years 0 mons 0 days 0 hours 0 mins 0.0 secs"})"},
        v1_case{"another_style", type_class::interval, "P1DT2H", R"({"stringValue":"P1DT2H"})"}),
    [](const auto& each) { return std::string(each.param.name); });

TEST(value_writer, given_mysql_values_when_written_as_v1_then_bit_fields_are_blobs) {  // section 5.3
    const auto written = [](type_class type, sql::cell::form is, std::uint64_t value, int precision) {
        sql::column column;
        column.type = type;
        column.precision = precision;
        sql::cell cell;
        cell.is = is;
        cell.unsigned_integer = value;
        std::string out;
        value_writer(column, {}, aws_v1.values).field(out, cell);
        return out;
    };
    EXPECT_EQ(written(type_class::bit_field, sql::cell::form::unsigned_integer, 0x0102, 9), R"({"blobValue":"AQI="})");
    EXPECT_EQ(written(type_class::bit_field, sql::cell::form::unsigned_integer, 5, 8), R"({"blobValue":"BQ=="})");
}

TEST(value_writer, given_more_dimensions_when_allowed_then_lists_stand_in_lists) {  // R-5.44
    sql::column column;
    column.type = type_class::integer;
    column.is_array = true;
    std::string out;
    value_writer writer(column, {}, aws_v1.values);
    ASSERT_EQ(writer.field(out, text("[0:1][1:2]={{1,NULL},{3,4}}")), spoilt::no);
    EXPECT_EQ(out, R"({"arrayValue":{"arrayValues":[{"longValues":[1,null]},{"longValues":[3,4]}]}})");
    out.clear();
    column.type = type_class::text;
    value_writer texts(column, {}, relaxed.values);
    ASSERT_EQ(texts.plain(out, text(R"({{{"a}","b\""}},{{c,d}}})")), spoilt::no);
    EXPECT_EQ(out, R"([[["a}","b\""]],[["c","d"]]])");
    out.clear();
    EXPECT_EQ(texts.field(out, text("{{a}")), spoilt::unreadable_array);
}

TEST(value_writer, given_doubles_when_formatted_as_v1_then_they_are_java_s) {  // R-7.5
    sql::column column;
    column.type = type_class::float8;
    value_writer writer(column, {}, aws_v1.values);
    for (const auto& [given, expected] :
         {std::pair{"10", "10.0"}, std::pair{"0.001", "0.001"}, std::pair{"0.0009", "9.0E-4"},
          std::pair{"9999999.5", "9999999.5"}, std::pair{"10000000", "1.0E7"}, std::pair{"1.5e+300", "1.5E300"},
          std::pair{"5e-324", "4.9E-324"}, std::pair{"-1e-323", "-9.9E-324"}, std::pair{"2e-308", "2.0E-308"},
          std::pair{"-123.25", "-123.25"}, std::pair{"0", "0.0"}, std::pair{"-0", "-0.0"},
          std::pair{"1.7976931348623157e+308", "1.7976931348623157E308"}, std::pair{"0.05", "0.05"},
          std::pair{"NaN", "\"NaN\""}}) {
        std::string out;
        writer.plain(out, text(given));
        EXPECT_EQ(out, expected) << given;
    }
}

}  // namespace
}  // namespace borealis::data_api
