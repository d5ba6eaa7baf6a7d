#include "client/shapes.hpp"

#include <cmath>
#include <stdexcept>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "borealis/errors.hpp"

namespace borealis::client {
namespace {

const database_target target{.resource_arn = "r", .secret_arn = "s"};

TEST(encode, given_the_least_when_written_then_nothing_else_is_there) {
    EXPECT_EQ(encode(execute_statement_request{.sql = "SELECT 1"}, target),
              R"({"resourceArn":"r","secretArn":"s","sql":"SELECT 1"})");
    EXPECT_EQ(encode(batch_execute_statement_request{.sql = "X"}, target),
              R"({"resourceArn":"r","secretArn":"s","sql":"X","parameterSets":[]})");
    EXPECT_EQ(encode_begin(target), R"({"resourceArn":"r","secretArn":"s"})");
    EXPECT_EQ(
        encode_end("CommitTransaction", "t", {.resource_arn = "r", .secret_arn = "s", .database = "d", .schema = "x"}),
        R"({"resourceArn":"r","secretArn":"s","transactionId":"t"})");
}

TEST(encode, given_all_members_when_written_then_they_are_the_models) {
    execute_statement_request request{.sql = "S \"\n",
                                      .transaction_id = "t",
                                      .include_result_metadata = true,
                                      .continue_after_timeout = true,
                                      .result_options = {decimal_return::double_or_long, long_return::string},
                                      .format_records_as = record_format::json};
    request.parameters = {param("n", nullptr),
                          param("b", false),
                          param("l", -7),
                          param("d", 1.5),
                          param("s", "ü\"", type_hint::json),
                          param("x", blob{std::byte{'f'}, std::byte{'o'}}),
                          param("i", INFINITY),
                          param("a", array_value{array_value::longs{1, std::nullopt}}),
                          param("aa", array_value{array_value::arrays{{array_value::strings{"x"}}, {}}})};
    EXPECT_EQ(
        encode(request, {.resource_arn = "r", .secret_arn = "s", .database = "d", .schema = "c"}),
        R"({"resourceArn":"r","secretArn":"s","database":"d","schema":"c","sql":"S \"\n","parameters":[)"
        R"({"name":"n","value":{"isNull":true}},{"name":"b","value":{"booleanValue":false}},{"name":"l","value":{"longValue":-7}},)"
        R"({"name":"d","value":{"doubleValue":1.5}},{"name":"s","value":{"stringValue":"ü\""},"typeHint":"JSON"},)"
        R"({"name":"x","value":{"blobValue":"Zm8="}},{"name":"i","value":{"doubleValue":"Infinity"}},)"
        R"({"name":"a","value":{"arrayValue":{"longValues":[1,null]}}},)"
        R"({"name":"aa","value":{"arrayValue":{"arrayValues":[{"stringValues":["x"]},null]}}}],)"
        R"("transactionId":"t","includeResultMetadata":true,"continueAfterTimeout":true,)"
        R"("resultSetOptions":{"decimalReturnType":"DOUBLE_OR_LONG","longReturnType":"STRING"},"formatRecordsAs":"JSON"})");
    EXPECT_EQ(
        encode(
            batch_execute_statement_request{.sql = "X", .parameter_sets = {{param("a", 1)}, {}}, .transaction_id = "t"},
            target),
        R"({"resourceArn":"r","secretArn":"s","sql":"X","parameterSets":[[{"name":"a","value":{"longValue":1}}],[]],"transactionId":"t"})");
}

TEST(encode, given_text_that_is_not_utf8_when_written_then_it_is_refused_and_not_changed) {
    EXPECT_THROW((void)encode(execute_statement_request{.sql = "\xFF"}, target), invalid_request);
    try {
        (void)encode(execute_statement_request{.sql = "S", .parameters = {param("note", "caf\xE9")}}, target);
        FAIL();
    } catch (const invalid_request& refused) {
        EXPECT_EQ(refused.message(), "The text of the parameter 'note' is not valid UTF-8; send bytes as a blob");
        EXPECT_EQ(refused.status(), 0);
    }
}

TEST(utf8, given_octets_when_checked_then_rfc_3629_decides) {
    for (const std::string_view valid : {"", "a", "\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEF\xBF\xBF",
                                         "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
        EXPECT_TRUE(is_utf8(valid));
    }
    for (const std::string_view wrong :
         {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "a\xE2\x82"}) {
        EXPECT_FALSE(is_utf8(wrong));
    }
}

TEST(decode, given_rows_and_metadata_when_read_then_all_of_it_is_there) {
    const auto result = decode_execute(
        R"({"columnMetadata":[{"name":"id","label":"ID","type":4,"typeName":"int4","schemaName":"","tableName":"t","precision":10,"scale":0,)"
        R"("nullable":0,"isAutoIncrement":true,"isSigned":true,"isCurrency":false,"isCaseSensitive":false,"arrayBaseColumnType":0}],)"
        R"("numberOfRecordsUpdated":0,"records":[[{"longValue":1},{"isNull":true},{"stringValue":"é"},{"booleanValue":true},)"
        R"({"doubleValue":1.5},{"doubleValue":"NaN"},{"doubleValue":2},{"blobValue":"Zm8="},{"arrayValue":{"doubleValues":[1,null,"Infinity"]}},)"
        R"({"arrayValue":{"arrayValues":[{"booleanValues":[true]},null]}},{"longValue":null,"stringValue":"x"}],[]],"unknown":{}})");
    ASSERT_TRUE(result.records && result.columns);
    const auto& row = result.records->at(0);
    EXPECT_EQ(row[0].get<int>(), 1);
    EXPECT_TRUE(row[1].is_null());
    EXPECT_EQ(row[2].get<std::string>(), "é");
    EXPECT_EQ(row[3].get<bool>(), true);
    EXPECT_EQ(row[4].get<double>(), 1.5);
    EXPECT_TRUE(std::isnan(row[5].get<double>()));
    EXPECT_EQ(row[6].get<double>(), 2.0);
    EXPECT_EQ(row[7].get<blob>(), (blob{std::byte{'f'}, std::byte{'o'}}));
    EXPECT_EQ(row[8].get<array_value>(), (array_value{array_value::doubles{1.0, std::nullopt, INFINITY}}));
    EXPECT_EQ(row[9].get<array_value>(), (array_value{array_value::arrays{{array_value::booleans{true}}, {}}}));
    EXPECT_EQ(row[10].get<std::string>(), "x");
    EXPECT_TRUE(result.records->at(1).empty());
    const auto& column = result.columns->at(0);
    EXPECT_EQ(column.label, "ID");
    EXPECT_EQ(column.type_name, "int4");
    EXPECT_EQ(column.type, 4);
    EXPECT_EQ(column.nullable, 0);
    EXPECT_TRUE(column.is_auto_increment);
}

TEST(decode, given_other_answers_when_read_then_absent_stays_absent) {
    const auto update =
        decode_execute(R"({"numberOfRecordsUpdated":3,"generatedFields":[{"longValue":9}],"records":null})");
    EXPECT_EQ(update.records_updated, 3);
    EXPECT_FALSE(update.records);
    EXPECT_FALSE(update.columns);
    EXPECT_EQ(update.generated_fields.at(0).get<int>(), 9);
    EXPECT_EQ(decode_execute(R"({"formattedRecords":"[{\"a\":1}]","numberOfRecordsUpdated":0})").formatted_records,
              "[{\"a\":1}]");
    const auto batch =
        decode_batch(R"({"updateResults":[{"generatedFields":[]},{},{"generatedFields":[{"longValue":2}]}]})");
    ASSERT_EQ(batch.generated_fields.size(), 3U);
    EXPECT_EQ(batch.generated_fields[2].at(0).get<int>(), 2);
    EXPECT_EQ(decode_text(R"({"transactionId":"abc"})", "transactionId"), "abc");
}

struct broken_case {
    std::string_view body, message;
};

class decode_refused : public testing::TestWithParam<broken_case> {};

TEST_P(decode_refused, given_what_the_service_never_says_when_read_then_it_is_refused) {
    try {
        (void)decode_execute(GetParam().body);
        FAIL() << GetParam().body;
    } catch (const std::invalid_argument& refused) {
        EXPECT_EQ(std::string_view(refused.what()).substr(0, GetParam().message.size()), GetParam().message);
    }
}

INSTANTIATE_TEST_SUITE_P(
    r_1_10, decode_refused,
    testing::Values(broken_case{"<html>", "it is not JSON"}, broken_case{"[]", "it is no JSON object"},
                    broken_case{R"({"records":{}})", "its member 'records' has the wrong JSON type"},
                    broken_case{R"({"records":[[{"longValue":1.5}]]})",
                                "the value of 'longValue' has the wrong JSON type"},
                    broken_case{R"({"records":[[{"newValue":1}]]})", "a field has the unknown member 'newValue'"},
                    broken_case{R"({"records":[[{}]]})", "a field has no value"},
                    broken_case{R"({"records":[[{"isNull":false}]]})", "a field has no value"},
                    broken_case{R"({"records":[[{"blobValue":"?"}]]})", "a blobValue is not base64"},
                    broken_case{R"({"records":[[{"doubleValue":"one"}]]})", "the value of 'doubleValue' is no number"},
                    broken_case{R"({"records":[[{"arrayValue":{"longValues":["1"]}}]]})",
                                "the value of '' has the wrong JSON type"},
                    broken_case{R"({"records":[[7]]})", "the value of '' has the wrong JSON type"}));

TEST(decode, given_a_text_that_is_missing_when_read_then_it_is_refused) {
    EXPECT_THROW((void)decode_text("{}", "transactionId"), std::invalid_argument);
}

}  // namespace
}  // namespace borealis::client
