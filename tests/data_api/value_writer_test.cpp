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
    value_writer writer(column, with);
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
    value_writer(column, {}).field(out, text(hex));
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
    value_writer writer(column, {});
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
        value_writer(column, {}).field(out, text(number));
        EXPECT_EQ(out, R"({"doubleValue":")" + std::string(number) + "\"}");
    }
    sql::column column;
    column.type = type_class::integer;
    std::string out;
    value_writer(column, {}).field(out, text("1,2"));
    EXPECT_EQ(out, R"({"stringValue":"1,2"})");
}

TEST(value_writer, given_types_aws_refuses_when_asked_then_they_are_not_supported) {  // R-2.27
    sql::column column;
    column.type = type_class::unsupported;
    EXPECT_FALSE(value_writer(column, {}).is_supported());
    column.type = type_class::bytes;
    column.is_array = true;
    EXPECT_FALSE(value_writer(column, {}).is_supported());
}

}  // namespace
}  // namespace borealis::data_api
