#include "data_api/result_writer.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace borealis::data_api {
namespace {

using sql::cell;
using sql::flow;
using sql::reception;
using sql::type_class;
using statement = result_writer::statement;

sql::column column(std::string label, type_class type) {
    sql::column made;
    made.label = made.name = std::move(label);
    made.type = type;
    made.type_name = "t";
    return made;
}

cell text(std::string_view value) {
    cell made;
    made.is = cell::form::text;
    made.text = value;
    return made;
}

const std::vector<sql::column> id_and_name = {column("id", type_class::integer), column("name", type_class::text)};

sql::outcome rows() { return {.has_rows = true}; }

TEST(result_writer, given_rows_when_finished_then_records_without_generated_fields) {  // R-1.20, R-1.28
    result_writer writer(aws_v2, {}, statement::reads);
    EXPECT_EQ(writer.columns(id_and_name), reception::plain);
    EXPECT_EQ(writer.row(std::vector{text("1"), text("Jane")}, 5), flow::more);
    EXPECT_EQ(writer.row(std::vector{text("2"), cell{}}, 1), flow::more);
    EXPECT_EQ(
        writer.finish(rows()),
        R"({"numberOfRecordsUpdated":0,"records":[[{"longValue":1},{"stringValue":"Jane"}],[{"longValue":2},{"isNull":true}]]})");
}

TEST(result_writer, given_no_row_when_finished_then_records_are_empty) {  // R-1.20
    result_writer writer(aws_v2, {}, statement::reads);
    writer.columns(id_and_name);
    EXPECT_EQ(writer.finish(rows()), R"({"numberOfRecordsUpdated":0,"records":[]})");
}

TEST(result_writer, given_metadata_wanted_when_finished_then_it_comes_even_without_rows) {  // R-6.14
    result_writer writer(aws_v2, {.include_result_metadata = true}, statement::reads);
    writer.columns(std::span(id_and_name).first(1));
    const auto body = writer.finish(rows());
    EXPECT_TRUE(body.starts_with(R"({"columnMetadata":[{"arrayBaseColumnType":0,)")) << body;
    EXPECT_TRUE(body.ends_with(R"(}],"numberOfRecordsUpdated":0,"records":[]})")) << body;
}

TEST(result_writer, given_no_result_set_when_finished_then_count_and_generated_fields) {  // R-1.20, R-8.1, R-8.2
    const auto finish = [](sql::outcome of) {
        return result_writer(aws_v2, {.include_result_metadata = true, .records_as_json = true}, statement::writes)
            .finish(of);
    };
    EXPECT_EQ(finish({.affected = 3}), R"({"generatedFields":[],"numberOfRecordsUpdated":3})");
    EXPECT_EQ(finish({.affected = 1, .last_insert_id = 7}),
              R"({"generatedFields":[{"longValue":7}],"numberOfRecordsUpdated":1})");
    EXPECT_EQ(finish({.affected = 1, .last_insert_id = 18446744073709551615U}),
              R"({"generatedFields":[{"stringValue":"18446744073709551615"}],"numberOfRecordsUpdated":1})");
}

TEST(result_writer, given_json_wanted_when_finished_then_formatted_records_alone) {  // R-1.21, R-7.2, R-7.10
    result_writer writer(aws_v2, {.include_result_metadata = true, .records_as_json = true}, statement::reads);
    EXPECT_EQ(writer.columns(id_and_name), reception::plain);
    writer.row(std::vector{text("0"), text("Ja\"ne")}, 5);
    writer.row(std::vector{text("1"), cell{}}, 1);
    EXPECT_EQ(
        writer.finish(rows()),
        R"({"formattedRecords":"[{\"id\":0,\"name\":\"Ja\\\"ne\"},{\"id\":1,\"name\":null}]","numberOfRecordsUpdated":0})");
}

TEST(result_writer, given_json_wanted_when_no_row_comes_then_the_list_is_empty) {  // R-7.2
    result_writer writer(aws_v2, {.records_as_json = true}, statement::reads);
    writer.columns(id_and_name);
    EXPECT_EQ(writer.finish(rows()), R"({"formattedRecords":"[]","numberOfRecordsUpdated":0})");
}

TEST(result_writer, given_duplicate_labels_when_json_is_wanted_then_they_are_trouble) {  // R-7.8
    const std::vector twice = {column("a", type_class::integer), column("a", type_class::integer)};
    result_writer formatted(aws_v2, {.records_as_json = true}, statement::reads);
    EXPECT_EQ(formatted.columns(twice), reception::guarded);
    ASSERT_TRUE(formatted.trouble());
    EXPECT_EQ(formatted.trouble()->message, "The result contains duplicate column names.");
    EXPECT_EQ(formatted.row(std::vector{text("1"), text("2")}, 2), flow::stop);

    result_writer records(aws_v2, {}, statement::reads);
    EXPECT_EQ(records.columns(twice), reception::plain);
    records.row(std::vector{text("1"), text("2")}, 2);
    EXPECT_EQ(records.finish(rows()), R"({"numberOfRecordsUpdated":0,"records":[[{"longValue":1},{"longValue":2}]]})");
}

TEST(result_writer, given_an_unsupported_type_when_a_row_comes_then_it_is_trouble) {  // R-2.27, R-5.31, R-5.32
    auto interval = column("i", type_class::interval);
    interval.refused_name = "INTERVAL";
    result_writer writer(aws_v2, {}, statement::writes);
    EXPECT_EQ(writer.columns(std::span(&interval, 1)), reception::guarded);
    EXPECT_FALSE(writer.trouble());
    EXPECT_EQ(writer.row(std::vector{text("1 day")}, 5), flow::stop);
    ASSERT_TRUE(writer.trouble());
    EXPECT_EQ(writer.trouble()->kind, core::error_kind::unsupported_result);
    EXPECT_EQ(writer.trouble()->message, "The result contains the unsupported data type INTERVAL.");
}

TEST(result_writer, given_an_unsupported_type_when_no_row_comes_then_metadata_is_sent) {  // R-5.31
    auto interval = column("i", type_class::interval);
    interval.refused_name = "INTERVAL";
    result_writer writer(aws_v2, {}, statement::reads);
    writer.columns(std::span(&interval, 1));
    EXPECT_EQ(writer.finish(rows()), R"({"numberOfRecordsUpdated":0,"records":[]})");
}

class at_the_limit : public testing::TestWithParam<bool> {};

TEST_P(at_the_limit,
       given_rows_when_they_pass_the_size_limit_then_reading_stops_and_writing_does_not) {  // R-3.4, R-2.24
    const bool reads = GetParam();
    profile small = aws_v2;
    small.result_bytes = 2 * 110;
    result_writer writer(small, {}, reads ? statement::reads : statement::writes);
    writer.columns(id_and_name);
    const std::vector cells = {text("1"), text("x")};
    EXPECT_EQ(writer.row(cells, 110), flow::more);
    EXPECT_EQ(writer.row(cells, 110), flow::more);
    EXPECT_FALSE(writer.trouble());
    EXPECT_EQ(writer.row(cells, 10), reads ? flow::stop : flow::more);
    ASSERT_TRUE(writer.trouble());
    EXPECT_EQ(writer.trouble()->message, "The result exceeds the size limit 220 bytes.");
}

INSTANTIATE_TEST_SUITE_P(both, at_the_limit, testing::Bool());

TEST(result_writer, given_the_default_limit_when_passed_then_the_text_is_awss) {  // R-2.24
    result_writer writer(aws_v2, {}, statement::reads);
    writer.columns(id_and_name);
    EXPECT_EQ(writer.row(std::vector{text("1"), text("x")}, 1024 * 1024 + 1), flow::stop);
    EXPECT_EQ(writer.trouble()->message, "The result exceeds the size limit 1 MB.");
}

TEST(result_writer, given_formatted_records_when_over_their_limit_then_they_are_trouble) {  // R-3.6
    profile small = aws_v2;
    small.formatted_bytes = 40;
    result_writer writer(small, {.records_as_json = true}, statement::reads);
    writer.columns(id_and_name);
    EXPECT_EQ(writer.row(std::vector{text("1"), text("x")}, 2), flow::more);
    EXPECT_EQ(writer.row(std::vector{text("1"), text("0123456789")}, 2), flow::stop);
    EXPECT_EQ(writer.trouble()->message, "The formatted result exceeds the size limit 40 bytes.");
}

TEST(result_writer, given_an_infinite_date_when_read_then_internal_failure_but_never_for_a_write) {  // R-2.29, R-1.34
    const std::vector dates = {column("d", type_class::date)};
    result_writer read(aws_v2, {}, statement::reads);
    read.columns(dates);
    EXPECT_EQ(read.row(std::vector{text("infinity")}, 8), flow::stop);
    EXPECT_EQ(read.trouble()->kind, core::error_kind::internal_failure);
    result_writer written(aws_v2, {}, statement::writes);
    EXPECT_EQ(written.columns(dates), reception::plain);
    EXPECT_EQ(written.row(std::vector{text("infinity")}, 8), flow::more);
    EXPECT_EQ(written.row(std::vector{text("2024-01-15")}, 8), flow::more);
    EXPECT_EQ(written.trouble()->kind, core::error_kind::unsupported_result);
}

TEST(result_writer, given_a_nested_array_when_read_then_text_is_awss) {  // R-2.28
    auto array = column("a", type_class::integer);
    array.is_array = true;
    result_writer writer(aws_v2, {}, statement::reads);
    writer.columns(std::span(&array, 1));
    EXPECT_EQ(writer.row(std::vector{text("{{1}}")}, 5), flow::stop);
    EXPECT_EQ(writer.trouble()->message, "The result contains a multidimensional array.");
}

TEST(result_writer, given_an_abandoned_result_when_rows_come_then_nothing_stops_the_statement) {  // R-3.14
    profile small = aws_v2;
    small.result_bytes = 10;
    result_writer writer(small, {}, statement::reads);
    writer.columns(id_and_name);
    writer.abandon();
    EXPECT_EQ(writer.row(std::vector{text("1"), text("x")}, 1000), flow::more);
    EXPECT_FALSE(writer.trouble());
}

TEST(batch_body, given_outcomes_when_written_then_one_entry_a_set) {  // R-8.4
    const std::vector<sql::outcome> outcomes = {
        {.affected = 1, .last_insert_id = 5}, {.affected = 1}, {.has_rows = true, .last_insert_id = 9}};
    EXPECT_EQ(
        batch_body(outcomes, aws_v2).value(),
        R"({"updateResults":[{"generatedFields":[{"longValue":5}]},{"generatedFields":[]},{"generatedFields":[]}]})");
    EXPECT_EQ(batch_body({}, aws_v2).value(), R"({"updateResults":[]})");  // R-8.5
}

TEST(batch_body, given_too_many_ids_when_written_then_the_limit_holds) {  // R-8.11
    profile small = aws_v2;
    small.result_bytes = 2 * 14;
    std::vector<sql::outcome> outcomes(2, {.last_insert_id = 5});
    EXPECT_TRUE(batch_body(outcomes, small));
    outcomes.push_back({.last_insert_id = 5});
    ASSERT_FALSE(batch_body(outcomes, small));
    EXPECT_EQ(batch_body(outcomes, small).error().kind, core::error_kind::unsupported_result);
}

}  // namespace
}  // namespace borealis::data_api
