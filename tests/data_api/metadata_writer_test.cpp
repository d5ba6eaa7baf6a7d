#include "data_api/metadata_writer.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace borealis::data_api {
namespace {

TEST(metadata, given_columns_when_written_then_all_14_members_are_there) {  // R-6.14
    std::vector<sql::column> columns(2);
    columns[0].label = "the \"id\"";
    columns[0].name = "id";
    columns[0].table = "users";
    columns[0].type_name = "serial";
    columns[0].jdbc_type = 4;
    columns[0].precision = 10;
    columns[0].nullable = 0;
    columns[0].is_auto_increment = columns[0].is_signed = true;
    columns[1].label = columns[1].name = "?column?";
    columns[1].type_name = "text";
    columns[1].jdbc_type = 12;
    columns[1].precision = 2147483647;
    columns[1].is_case_sensitive = true;
    std::string out;
    append_column_metadata(out, columns, aws_v2);
    EXPECT_EQ(
        out,
        R"([{"arrayBaseColumnType":0,"isAutoIncrement":true,"isCaseSensitive":false,"isCurrency":false,"isSigned":true,)"
        R"("label":"the \"id\"","name":"id","nullable":0,"precision":10,"scale":0,"schemaName":"","tableName":"users","type":4,)"
        R"("typeName":"serial"},)"
        R"({"arrayBaseColumnType":0,"isAutoIncrement":false,"isCaseSensitive":true,"isCurrency":false,"isSigned":false,)"
        R"("label":"?column?","name":"?column?","nullable":1,"precision":2147483647,"scale":0,"schemaName":"","tableName":"",)"
        R"("type":12,"typeName":"text"}])");
}

TEST(metadata, given_no_columns_when_written_then_the_list_is_empty) {
    std::string out;
    append_column_metadata(out, {}, aws_v2);
    EXPECT_EQ(out, "[]");
}

}  // namespace
}  // namespace borealis::data_api
