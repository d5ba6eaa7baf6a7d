#include "csv.hpp"

#include <stdexcept>
#include <string_view>

#include <gtest/gtest.h>

namespace employees {
namespace {

struct csv_case {
    std::string_view name, text, json;
};
constexpr csv_case good[] = {
    {"plain", "EmpId,EmpName\n1,Ann\n2,Bob\n", R"([{"EmpId":"1","EmpName":"Ann"},{"EmpId":"2","EmpName":"Bob"}])"},
    {"no_last_line_end", "EmpId,EmpName\n1,Ann", R"([{"EmpId":"1","EmpName":"Ann"}])"},
    {"crlf", "EmpId,EmpName\r\n1,Ann\r\n", R"([{"EmpId":"1","EmpName":"Ann"}])"},
    {"byte_order_mark",
     "\xEF\xBB\xBF"
     "EmpId,EmpName\n1,Ann\n",
     R"([{"EmpId":"1","EmpName":"Ann"}])"},
    {"other_columns", "Team,EmpName,EmpId\nA,Ann,1\n", R"([{"EmpId":"1","EmpName":"Ann"}])"},
    {"quoted", "EmpId,EmpName\n1,\"Lee, \"\"Ann\"\"\nSue\"\n", R"([{"EmpId":"1","EmpName":"Lee, \"Ann\"\nSue"}])"},
    {"empty_fields", "EmpId,EmpName\n,\n\"\",\"\"\n", R"([{"EmpId":"","EmpName":""},{"EmpId":"","EmpName":""}])"},
    {"empty_lines", "EmpId,EmpName\n\n1,Ann\n\n", R"([{"EmpId":"1","EmpName":"Ann"}])"},
    {"no_employees", "EmpId,EmpName\n", "[]"},
};
class good_csv : public testing::TestWithParam<csv_case> {};
TEST_P(good_csv, given_a_table_when_read_then_employees_come_out) {
    EXPECT_EQ(employees_of_csv(GetParam().text), GetParam().json);
}
INSTANTIATE_TEST_SUITE_P(rfc_4180, good_csv, testing::ValuesIn(good),
                         [](const auto& named) { return std::string(named.param.name); });

struct bad_case {
    std::string_view name, text, says;
};
constexpr bad_case bad[] = {
    {"empty", "", "the first line must name the columns EmpId and EmpName; EmpId is missing"},
    {"no_name", "EmpId\n1\n", "the first line must name the columns EmpId and EmpName; EmpName is missing"},
    {"too_few", "EmpId,EmpName\n1\n", "record 2 has 1 fields, which is too few"},
    {"open_quote", "EmpId,EmpName\n1,\"Ann\n", "line 3: a quote is never closed"},
    {"late_quote", "EmpId,EmpName\n1,An\"n\n", "line 2: a quote inside an unquoted field"},
    {"behind_quote", "EmpId,EmpName\n1,\"An\"n\n", "line 2: text behind a closing quote"},
};
class bad_csv : public testing::TestWithParam<bad_case> {};
TEST_P(bad_csv, given_a_broken_table_when_read_then_the_error_says_where) {
    try {
        (void)employees_of_csv(GetParam().text);
        FAIL() << "was read";
    } catch (const std::invalid_argument& wrong) {
        EXPECT_EQ(wrong.what(), GetParam().says);
    }
}
INSTANTIATE_TEST_SUITE_P(errors, bad_csv, testing::ValuesIn(bad),
                         [](const auto& named) { return std::string(named.param.name); });

}  // namespace
}  // namespace employees
