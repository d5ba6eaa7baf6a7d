#include "data_api/decode.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace borealis::data_api {
namespace {

using core::error_kind;
using sql::parameter_type;

constexpr std::string_view arns =
    R"("resourceArn":"arn:aws:rds:us-east-1:123456789012:cluster:c","secretArn":"arn:aws:secretsmanager:us-east-1:123456789012:secret:s")";

/// A decoded body and what it looks into.
struct read_body {
    json::document document;
    request wanted;
    core::result<void> ended;
};

read_body read(operation what, const std::string& body, const profile& as = aws_v2) {
    read_body made;
    const auto root = made.document.parse_copy(body);
    if (root)
        made.ended = decode(what, **root, as, made.wanted);
    else
        made.ended = std::unexpected(root.error());
    return made;
}

std::string with_arns(std::string_view members) {
    return "{" + std::string(arns) + (members.empty() ? "" : ",") + std::string(members) + "}";
}

std::string with_parameter(std::string_view parameter) {
    return with_arns(R"("sql":"SELECT :a","parameters":[)" + std::string(parameter) + "]");
}

TEST(decode, given_every_member_when_decoded_then_all_are_there) {  // section 1.2
    const auto got = read(
        operation::execute_statement,
        with_arns(R"("sql":"SELECT 1","database":"d","schema":null,"transactionId":"t","includeResultMetadata":true,
        "continueAfterTimeout":true,"formatRecordsAs":"JSON","resultSetOptions":{"decimalReturnType":"DOUBLE_OR_LONG","longReturnType":"STRING"},
        "parameters":[{"name":"a","value":{"longValue":1}},{"name":"1","value":{"stringValue":"x"},"typeHint":null}],"unknown":{"x":[]})"));
    ASSERT_TRUE(got.ended) << got.ended.error().message;
    const auto& wanted = got.wanted;
    EXPECT_EQ(wanted.resource_arn, "arn:aws:rds:us-east-1:123456789012:cluster:c");
    EXPECT_EQ(wanted.secret_arn, "arn:aws:secretsmanager:us-east-1:123456789012:secret:s");
    EXPECT_EQ(wanted.sql, "SELECT 1");
    EXPECT_EQ(wanted.database, "d");
    EXPECT_EQ(wanted.transaction_id, "t");
    EXPECT_TRUE(wanted.include_result_metadata && wanted.continue_after_timeout && wanted.records_as_json);
    EXPECT_TRUE(wanted.options.decimals_as_numbers && wanted.options.longs_as_text);
    ASSERT_EQ(wanted.parameters.size(), 2U);
    EXPECT_EQ(wanted.parameters[1].name, "1");  // R-4.1: digits only
}

TEST(decode, given_a_member_twice_when_decoded_then_the_last_counts) {
    EXPECT_EQ(read(operation::execute_statement, with_arns(R"("sql":"SELECT 1","sql":"SELECT 2")")).wanted.sql,
              "SELECT 2");
    EXPECT_EQ(read(operation::execute_statement, with_arns(R"("sql":null,"sql":"SELECT 2")")).wanted.sql, "SELECT 2");
    EXPECT_FALSE(read(operation::execute_statement, with_arns(R"("sql":"SELECT 1","sql":null)")).ended);
    EXPECT_TRUE(read(operation::execute_statement, with_arns(R"("sql":1,"sql":"SELECT 2")")).ended);
}

TEST(decode, given_defaults_spelt_out_when_decoded_then_they_are_the_defaults) {
    const auto got = read(operation::execute_statement,
                          with_arns(R"("sql":"SELECT 1","formatRecordsAs":"NONE","transactionId":"","database":"",
        "schema":"","resultSetOptions":{"decimalReturnType":"STRING","longReturnType":"LONG"},"parameters":null)"));
    ASSERT_TRUE(got.ended) << got.ended.error().message;
    EXPECT_FALSE(got.wanted.records_as_json || got.wanted.options.decimals_as_numbers ||
                 got.wanted.options.longs_as_text);
    EXPECT_TRUE(got.wanted.transaction_id.empty());  // R-9.10
}

TEST(decode, given_a_used_request_when_decoded_again_then_nothing_is_left_of_the_first) {
    json::document document;
    request wanted;
    ASSERT_TRUE(decode(
        operation::execute_statement,
        **document.parse_copy(with_arns(
            R"("sql":"a","database":"d","includeResultMetadata":true,"parameters":[{"name":"a","value":{"isNull":true}}])")),
        aws_v2, wanted));
    ASSERT_TRUE(decode(operation::execute_statement, **document.parse_copy(with_arns(R"("sql":"b")")), aws_v2, wanted));
    EXPECT_TRUE(wanted.parameters.empty() && wanted.database.empty() && !wanted.include_result_metadata);
}

TEST(decode, given_sets_when_decoded_then_each_has_its_parameters) {
    const auto got = read(
        operation::batch_execute_statement,
        with_arns(
            R"("sql":"x","parameterSets":[[{"name":"a","value":{"longValue":1}},{"name":"b","value":{"longValue":2}}],[],)"
            R"([{"name":"a","value":{"longValue":3}}]])"));
    ASSERT_TRUE(got.ended) << got.ended.error().message;
    ASSERT_EQ(got.wanted.set_ends.size(), 3U);
    EXPECT_EQ(got.wanted.set(0).size(), 2U);
    EXPECT_EQ(got.wanted.set(1).size(), 0U);
    EXPECT_EQ(std::get<std::int64_t>(got.wanted.set(2)[0].value.value), 3);
}

struct value_case {
    std::string_view name, value, hint;
    parameter_type type;
    decltype(sql::parameter::value) expected;
};

class parameter_values : public testing::TestWithParam<value_case> {};

TEST_P(parameter_values, given_a_field_when_decoded_then_it_binds_as_its_type) {
    const auto hint =
        GetParam().hint.empty() ? std::string() : R"(,"typeHint":")" + std::string(GetParam().hint) + "\"";
    const auto got = read(operation::execute_statement,
                          with_parameter(R"({"name":"a","value":)" + std::string(GetParam().value) + hint + "}"));
    ASSERT_TRUE(got.ended) << got.ended.error().message;
    EXPECT_EQ(got.wanted.parameters[0].value.type, GetParam().type);
    EXPECT_EQ(got.wanted.parameters[0].value.value, GetParam().expected);
}

using std::string_view_literals::operator""sv;
const auto name_of_case = [](const auto& each) { return std::string(each.param.name); };

INSTANTIATE_TEST_SUITE_P(
    section_4_2, parameter_values,
    testing::Values(value_case{"text", R"({"stringValue":"x\u00fc"})", "", parameter_type::text, "xü"sv},
                    value_case{"long_least", R"({"longValue":-9223372036854775808})", "", parameter_type::int8,
                               std::int64_t{INT64_MIN}},
                    value_case{"double_whole", R"({"doubleValue":10})", "", parameter_type::float8, 10.0},
                    value_case{"double_infinity", R"({"doubleValue":"-Infinity"})", "", parameter_type::float8,
                               -HUGE_VAL},  // R-1.26
                    value_case{"boolean", R"({"booleanValue":false})", "", parameter_type::boolean, false},
                    value_case{"null", R"({"isNull":true})", "", parameter_type::null, std::monostate()},
                    value_case{"null_ignores_hint", R"({"isNull":true})", "DATE", parameter_type::null,
                               std::monostate()},
                    value_case{"blob", R"({"blobValue":"AP8Q"})", "", parameter_type::bytes, "\0\xFF\x10"sv},  // R-1.25
                    value_case{"blob_empty", R"({"blobValue":""})", "", parameter_type::bytes, ""sv},
                    value_case{"null_members", R"({"stringValue":"x","longValue":null,"isNull":null})", "",
                               parameter_type::text, "x"sv}),
    name_of_case);

INSTANTIATE_TEST_SUITE_P(
    section_4_3, parameter_values,
    testing::Values(
        value_case{"date", R"({"stringValue":"2024-01-15"})", "DATE", parameter_type::date, "2024-01-15"sv},
        value_case{"time", R"({"stringValue":"12:00:00.5"})", "TIME", parameter_type::time, "12:00:00.5"sv},
        value_case{"timestamp", R"({"stringValue":"2024-01-15 12:00:00"})", "TIMESTAMP", parameter_type::timestamp,
                   "2024-01-15 12:00:00"sv},
        value_case{"decimal", R"({"stringValue":"-12.340"})", "DECIMAL", parameter_type::decimal, "-12.340"sv},
        value_case{"uuid", R"({"stringValue":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"})", "UUID", parameter_type::uuid,
                   "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"sv},
        value_case{"json", R"({"stringValue":"{\"b\": 1.10, \"a\": [ ]}"})", "JSON", parameter_type::json,
                   R"({"b":1.10,"a":[]})"sv},  // R-4.35
        value_case{"long_ignores_hint", R"({"longValue":5})", "DATE", parameter_type::int8, std::int64_t{5}}),
    name_of_case);

struct refusal_case {
    std::string_view name;
    operation what;
    std::string body;
    error_kind kind;
    std::string text;
};

class refusals : public testing::TestWithParam<refusal_case> {};

TEST_P(refusals, given_a_bad_body_when_decoded_then_kind_and_text_say_what_to_change) {
    const auto got = read(GetParam().what, GetParam().body);
    ASSERT_FALSE(got.ended);
    EXPECT_EQ(got.ended.error().kind, GetParam().kind);
    EXPECT_EQ(got.ended.error().message, GetParam().text);
}

refusal_case refuses(std::string_view name, std::string body, error_kind kind, std::string text,
                     operation what = operation::execute_statement) {
    return {name, what, std::move(body), kind, std::move(text)};
}

INSTANTIATE_TEST_SUITE_P(
    r_2_30, refusals,
    testing::Values(
        refuses("array_body", "[]", error_kind::serialization, "The body must be a JSON object"),
        refuses("number_for_text", with_arns(R"("sql":5)"), error_kind::serialization,
                "The value of 'sql' must be a string"),
        refuses("text_for_flag", with_arns(R"("sql":"x","includeResultMetadata":"true")"), error_kind::serialization,
                "The value of 'includeResultMetadata' must be a boolean"),
        refuses("object_for_list", with_arns(R"("sql":"x","parameters":{})"), error_kind::serialization,
                "The value of 'parameters' must be an array"),
        refuses("text_for_parameter", with_parameter(R"("a")"), error_kind::serialization,
                "The value of 'parameters.1.member' must be an object"),
        refuses("null_parameter", with_parameter("null"), error_kind::serialization,
                "The value of 'parameters.1.member' must be an object"),
        refuses("number_for_name", with_parameter(R"({"name":1})"), error_kind::serialization,
                "The value of 'parameters.1.member.name' must be a string"),
        refuses("text_for_value", with_parameter(R"({"name":"a","value":"x"})"), error_kind::serialization,
                "The value of 'parameters.1.member.value' must be an object"),
        refuses("fraction_for_long", with_parameter(R"({"name":"a","value":{"longValue":1.0}})"),
                error_kind::serialization,
                "The value of 'parameters.1.member.value.longValue' must be an integer from -9223372036854775808 to "
                "9223372036854775807"),  // R-1.27
        refuses("long_too_large", with_parameter(R"({"name":"a","value":{"longValue":9223372036854775808}})"),
                error_kind::serialization,
                "The value of 'parameters.1.member.value.longValue' must be an integer from -9223372036854775808 to "
                "9223372036854775807"),
        refuses(
            "text_for_double", with_parameter(R"({"name":"a","value":{"doubleValue":"1"}})"), error_kind::serialization,
            R"(The value of 'parameters.1.member.value.doubleValue' must be a number that a double can hold, "NaN", "Infinity" or "-Infinity")"),
        refuses("broken_base64", with_parameter(R"({"name":"a","value":{"blobValue":"AP8"}})"),
                error_kind::serialization,
                "The value of 'parameters.1.member.value.blobValue' must be base64 (RFC 4648, section 4) with its "
                "padding"),  // R-1.25
        refuses("set_not_a_list", with_arns(R"("sql":"x","parameterSets":[{}])"), error_kind::serialization,
                "The value of 'parameterSets.1.member' must be an array", operation::batch_execute_statement),
        refuses("in_a_set", with_arns(R"("sql":"x","parameterSets":[[],[{"name":"a","value":{"isNull":1}}]])"),
                error_kind::serialization,
                "The value of 'parameterSets.2.member.1.member.value.isNull' must be a boolean",
                operation::batch_execute_statement),
        refuses("options_not_an_object", with_arns(R"("sql":"x","resultSetOptions":[])"), error_kind::serialization,
                "The value of 'resultSetOptions' must be an object"),
        refuses("wins_over_constraints", R"({"sql":5})", error_kind::serialization,
                "The value of 'sql' must be a string")),
    name_of_case);

constexpr std::string_view null_text = "failed to satisfy constraint: Member must not be null";

INSTANTIATE_TEST_SUITE_P(
    r_2_31, refusals,
    testing::Values(
        refuses("one_missing", R"({"secretArn":"arn:aws:secret","sql":"x"})", error_kind::validation,
                "1 validation error detected: Value null at 'resourceArn' " + std::string(null_text)),
        refuses("null_is_missing", R"({"resourceArn":null,"secretArn":"arn:aws:secret","sql":"x"})",
                error_kind::validation,
                "1 validation error detected: Value null at 'resourceArn' " + std::string(null_text)),
        refuses("all_missing", "{}", error_kind::validation,
                "3 validation errors detected: Value null at 'resourceArn' " + std::string(null_text) +
                    "; Value null at 'secretArn' " + std::string(null_text) + "; Value null at 'sql' " +
                    std::string(null_text)),
        refuses("transaction_missing", with_arns(""), error_kind::validation,
                "1 validation error detected: Value null at 'transactionId' " + std::string(null_text),
                operation::commit_transaction),
        refuses("too_short", R"({"resourceArn":"üüüüü","secretArn":"arn:aws:secret"})", error_kind::validation,
                "1 validation error detected: Value 'üüüüü' at 'resourceArn' failed to satisfy constraint: Member must "
                "have length greater "
                "than or equal to 11",
                operation::begin_transaction),
        refuses(
            "too_long", R"({"resourceArn":"arn:aws:rds","secretArn":")" + std::string(571, 'x') + R"("})",
            error_kind::validation,
            "1 validation error detected: Value '" + std::string(100, 'x') +
                "...' at 'secretArn' failed to satisfy constraint: Member must have length less than or equal to 570",
            operation::begin_transaction),
        refuses("database_too_long", with_arns(R"("sql":"x","database":")" + std::string(65, 'd') + "\""),
                error_kind::validation,
                "1 validation error detected: Value '" + std::string(65, 'd') +
                    "' at 'database' failed to satisfy constraint: Member must have length less than or equal to 64"),
        refuses("bad_hint", with_parameter(R"({"name":"a","value":{"stringValue":"x"},"typeHint":"date"})"),
                error_kind::validation,
                "1 validation error detected: Value 'date' at 'parameters.1.member.typeHint' failed to satisfy "
                "constraint: Member must satisfy enum "
                "value set: [JSON, UUID, TIMESTAMP, DATE, TIME, DECIMAL]"),  // R-4.34
        refuses("bad_format", with_arns(R"("sql":"x","formatRecordsAs":"XML")"), error_kind::validation,
                "1 validation error detected: Value 'XML' at 'formatRecordsAs' failed to satisfy constraint: Member "
                "must satisfy enum value set: "
                "[NONE, JSON]"),
        refuses("bad_options",
                with_arns(R"("sql":"x","resultSetOptions":{"decimalReturnType":"LONG","longReturnType":"x"})"),
                error_kind::validation,
                "2 validation errors detected: Value 'LONG' at 'resultSetOptions.decimalReturnType' failed to satisfy "
                "constraint: Member must satisfy "
                "enum value set: [STRING, DOUBLE_OR_LONG]; Value 'x' at 'resultSetOptions.longReturnType' failed to "
                "satisfy constraint: Member must "
                "satisfy enum value set: [LONG, STRING]"),
        refuses("execute_sql", "{}", error_kind::validation,
                "3 validation errors detected: Value null at 'dbClusterOrInstanceArn' " + std::string(null_text) +
                    "; Value null at 'awsSecretStoreArn' " + std::string(null_text) +
                    "; Value null at 'sqlStatements' " + std::string(null_text),
                operation::execute_sql)),
    name_of_case);

constexpr std::string_view one_member = " must have exactly one member, such as stringValue or isNull";

INSTANTIATE_TEST_SUITE_P(
    refused_by_the_api, refusals,
    testing::Values(
        refuses("r_2_15", with_arns(R"("sql":"x","schema":"public")"), error_kind::validation,
                "The schema parameter isn't supported"),
        refuses("r_2_15_begin", with_arns(R"("schema":"public")"), error_kind::validation,
                "The schema parameter isn't supported", operation::begin_transaction),
        refuses("r_2_16", with_parameter(R"({"name":"$1","value":{"isNull":true}})"), error_kind::validation,
                "Named parameter syntax is invalid, input: $1"),
        refuses("r_2_16_umlaut", with_parameter(R"({"name":"mäil","value":{"isNull":true}})"), error_kind::validation,
                "Named parameter syntax is invalid, input: mäil"),
        refuses("r_4_12_colon", with_parameter(R"({"name":":a","value":{"isNull":true}})"), error_kind::validation,
                "Named parameter syntax is invalid, input: :a"),
        refuses("r_4_11_no_name", with_parameter(R"({"value":{"isNull":true}})"), error_kind::validation,
                "Named parameter syntax is invalid, input: "),
        refuses("r_2_17", with_parameter(R"({"name":"a","value":{"arrayValue":{"longValues":[1]}}})"),
                error_kind::validation, "Array parameters are not supported"),
        refuses("r_4_11_no_value", with_parameter(R"({"name":"a"})"), error_kind::validation,
                "The value of parameter a" + std::string(one_member)),
        refuses("r_4_11_empty_union", with_parameter(R"({"name":"a","value":{}})"), error_kind::validation,
                "The value of parameter a" + std::string(one_member)),
        refuses("r_4_11_unknown_member", with_parameter(R"({"name":"a","value":{"textValue":"x"}})"),
                error_kind::validation, "The value of parameter a" + std::string(one_member)),
        refuses("r_4_11_two_members", with_parameter(R"({"name":"a","value":{"longValue":1,"stringValue":"x"}})"),
                error_kind::validation, "The value of parameter a" + std::string(one_member)),
        refuses("r_4_11_null_false", with_parameter(R"({"name":"a","value":{"isNull":false}})"), error_kind::validation,
                "The value of parameter a must not be isNull: false"),
        refuses("r_4_31_t",
                with_parameter(R"({"name":"a","value":{"stringValue":"2024-01-15T12:00:00Z"},"typeHint":"TIMESTAMP"})"),
                error_kind::validation, "Invalid value for type hint TIMESTAMP: 2024-01-15T12:00:00Z"),
        refuses("r_4_35", with_parameter(R"({"name":"a","value":{"stringValue":"{a:1}"},"typeHint":"JSON"})"),
                error_kind::validation, "Invalid value for type hint JSON: {a:1}"),
        refuses("long_value_is_cut",
                with_parameter(R"({"name":"a","value":{"stringValue":")" + std::string(5000, 'z') +
                               R"("},"typeHint":"DATE"})"),
                error_kind::validation, "Invalid value for type hint DATE: " + std::string(100, 'z') + "...")),
    name_of_case);

TEST(decode, given_a_cut_inside_a_character_when_echoed_then_the_character_is_whole_or_gone) {
    std::string arn = "x";
    for (int i = 0; i < 600; ++i) arn += "ü";
    const auto got =
        read(operation::begin_transaction, R"({"resourceArn":")" + arn + R"(","secretArn":"arn:aws:secret"})");
    ASSERT_FALSE(got.ended);
    EXPECT_NE(got.ended.error().message.find("ü...' at"), std::string::npos) << got.ended.error().message;
}

TEST(decode, given_characters_not_bytes_when_counted_then_the_limit_is_65536) {  // R-3.2
    std::string sql;
    for (int i = 0; i < 65'536; ++i) sql += "ü";
    EXPECT_TRUE(read(operation::execute_statement, with_arns("\"sql\":\"" + sql + "\"")).ended);
    sql += "ü";
    const auto got = read(operation::execute_statement, with_arns("\"sql\":\"" + sql + "\""));
    ASSERT_FALSE(got.ended);
    EXPECT_TRUE(got.ended.error().message.ends_with(
        "at 'sql' failed to satisfy constraint: Member must have length less than or equal to 65536"));
    EXPECT_LT(got.ended.error().message.size(), 300U);
}

// ---- other profiles

parameter_type type_of_string(const profile& as, std::string_view hint = "") {
    const auto got =
        read(operation::execute_statement,
             with_parameter(R"({"name":"a","value":{"stringValue":"{ }"})" +
                            (hint.empty() ? std::string() : ",\"typeHint\":\"" + std::string(hint) + "\"") + "}"),
             as);
    return got.ended ? got.wanted.parameters.at(0).value.type : parameter_type::null;
}

TEST(decode, given_a_profile_when_a_string_comes_then_it_is_bound_as_the_profile_says) {  // R-4.22, R-13.15
    EXPECT_EQ(type_of_string(aws_v2), parameter_type::text);
    EXPECT_EQ(type_of_string(aws_v1), parameter_type::varchar);
    EXPECT_EQ(type_of_string(relaxed), parameter_type::untyped);
    EXPECT_EQ(type_of_string(aws_v2, "JSON"), parameter_type::json);
    EXPECT_EQ(type_of_string(aws_v1, "JSON"), parameter_type::plain_json);
}

TEST(decode, given_a_schema_when_the_profile_ignores_it_then_it_is_no_fault) {  // R-10.7, R-13.11
    const auto body = with_arns(R"("sql":"SELECT 1","schema":"public")");
    EXPECT_FALSE(read(operation::execute_statement, body).ended);
    EXPECT_TRUE(read(operation::execute_statement, body, aws_v1).ended);
}

TEST(decode, given_an_array_when_the_profile_refuses_then_it_says_so_in_its_words) {  // R-2.17, R-2.18
    const auto body = with_parameter(R"({"name":"a","value":{"arrayValue":{"longValues":[1]}}})");
    EXPECT_EQ(read(operation::execute_statement, body).ended.error().message, "Array parameters are not supported");
    EXPECT_EQ(read(operation::execute_statement, body, aws_v1).ended.error().message,
              "Array parameters are not supported.");
    EXPECT_TRUE(read(operation::execute_statement, body, relaxed).ended);
}

TEST(decode, given_an_array_when_it_is_malformed_then_it_is_a_wrong_type) {  // R-1.11
    for (const std::string_view array :
         {R"({})", R"({"longValues":1})", R"({"longValues":["1"]})", R"({"longValues":[1],"stringValues":["a"]})",
          R"({"stringValues":[1]})", R"({"arrayValues":[1]})",
          R"({"arrayValues":[{"longValues":[1]},{"stringValues":["a"]}]})", R"({"doubleValues":["1.5"]})",
          R"({"booleanValues":[0]})", R"({"arrayValues":[null]})"}) {
        const auto got =
            read(operation::execute_statement,
                 with_parameter(R"({"name":"a","value":{"arrayValue":)" + std::string(array) + "}}"), relaxed);
        ASSERT_FALSE(got.ended) << array;
        EXPECT_EQ(got.ended.error().kind, error_kind::serialization) << array;
    }
}

TEST(decode, given_iso_moments_when_the_profile_takes_them_then_they_are_made_plain) {  // R-4.31
    const auto plain = [](std::string_view hint, std::string_view text) {
        const auto got = read(operation::execute_statement,
                              with_parameter(R"({"name":"a","value":{"stringValue":")" + std::string(text) +
                                             R"("},"typeHint":")" + std::string(hint) + "\"}"),
                              relaxed);
        return got.ended ? std::string(std::get<std::string_view>(got.wanted.parameters.at(0).value.value)) : "refused";
    };
    EXPECT_EQ(plain("TIMESTAMP", "2024-01-15T12:34:56.789Z"), "2024-01-15 12:34:56.789");
    EXPECT_EQ(plain("TIMESTAMP", "2024-01-15T12:34:56"), "2024-01-15 12:34:56");
    EXPECT_EQ(plain("TIMESTAMP", "2024-01-15 12:34:56+05:30"), "2024-01-15 07:04:56");
    EXPECT_EQ(plain("TIMESTAMP", "2024-01-15t12:34:56.1-09"), "2024-01-15 21:34:56.100");
    EXPECT_EQ(plain("TIMESTAMP", "2024-01-15 12:34:56"), "2024-01-15 12:34:56");
    EXPECT_EQ(plain("TIME", "12:34:56Z"), "12:34:56");
    EXPECT_EQ(plain("TIMESTAMP", "2024-01-15T12:34:56+"), "refused");
    EXPECT_EQ(plain("TIMESTAMP", "2024-02-30T12:34:56Z"), "refused");
    EXPECT_EQ(plain("TIMESTAMP", "2024-01-15"), "refused");
    EXPECT_EQ(plain("DATE", "2024-01-15T00:00:00Z"), "refused");
}

}  // namespace
}  // namespace borealis::data_api
