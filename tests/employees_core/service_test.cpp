#include "service.hpp"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "employees_core/scripted_database.hpp"

namespace employees {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(single_event, given_an_empty_table_when_added_then_the_list_holds_the_employee) {  // L-6.10, E-1
    scripted_service at;
    EXPECT_EQ(at.answer(R"({"EmpId":"7","EmpName":"Ann"})"), R"([["7","Ann"]])");
    EXPECT_THAT(at.log, ElementsAre("Inserting employee 7"));
    EXPECT_THAT(at.database.calls, ElementsAre("begin", "insert 1", "commit", "list"));
}

struct refused_case {
    std::string_view name, event, type, message;
};
constexpr std::string_view missing = R"(Invalid input! Missing "EmpId" and/or "EmpName" attributes.)";
constexpr refused_case refusals[] = {
    {"no_id", R"({"EmpName":"Ann"})", "Exception", missing},
    {"no_name", R"({"EmpId":"7"})", "Exception", missing},
    {"nothing", "{}", "Exception", missing},
    {"array", "[]", "Exception", missing},
    {"array_with_one", R"(["EmpId"])", "Exception", missing},
    {"array_with_both", R"(["EmpId","EmpName"])", "TypeError", "list indices must be integers or slices, not str"},
    {"text", R"("x")", "Exception", missing},
    {"text_with_both", R"("EmpIdEmpName")", "TypeError", "string indices must be integers, not 'str'"},
    {"null", "null", "TypeError", "argument of type 'NoneType' is not iterable"},
    {"integer", "5", "TypeError", "argument of type 'int' is not iterable"},
    {"large_integer", "18446744073709551616", "TypeError", "argument of type 'int' is not iterable"},
    {"real", "5.0", "TypeError", "argument of type 'float' is not iterable"},
    {"boolean", "true", "TypeError", "argument of type 'bool' is not iterable"},
};
class refused_event : public testing::TestWithParam<refused_case> {};

TEST_P(refused_event, given_a_wrong_event_when_answered_then_nothing_is_logged_or_asked) {  // L-6.11, L-6.50 to L-6.52
    scripted_service at;
    const auto result = at.answer(GetParam().event);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().type, GetParam().type);
    EXPECT_EQ(result.error().message, GetParam().message);
    EXPECT_THAT(at.log, IsEmpty());
    EXPECT_THAT(at.database.calls, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(e_4_and_e_13, refused_event, testing::ValuesIn(refusals),
                         [](const auto& named) { return std::string(named.param.name); });

TEST(single_event, given_broken_json_when_answered_then_it_says_so) {  // E-18: a lone surrogate is no JSON either
    scripted_service at;
    for (const auto* event : {"{", R"({"EmpId":"\ud800","EmpName":"x"})", ""}) {
        const auto result = at.answer(event);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().type, "Runtime.UnmarshalError");
    }
    EXPECT_THAT(at.database.calls, IsEmpty());
}

TEST(single_event, given_a_duplicate_when_added_then_it_is_rolled_back_before_the_line) {  // L-6.14, L-6.80
    scripted_service at;
    at.database.rows = {{"7", "Ann"}};
    const auto result = at.answer(R"({"EmpId":7,"EmpName":"Bob"})");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().type, "IntegrityError");
    EXPECT_EQ(result.error().message, R"((1062, "Duplicate entry '7' for key 'PRIMARY'"))");
    EXPECT_THAT(at.log, ElementsAre("Inserting employee 7",
                                    "Oops, something went wrong adding a new employee. Transaction Rollbacked: "
                                    "(1062, \"Duplicate entry '7' for key 'PRIMARY'\")"));
    EXPECT_THAT(at.database.calls, ElementsAre("begin", "insert 1", "rollback"));
}

TEST(single_event, given_a_rollback_that_fails_when_refused_then_the_first_error_stands) {  // L-6.80
    scripted_service at;
    at.database.rows = {{"7", "Ann"}};
    at.database.rollbacks = {mysql_failure(2013, "Lost connection")};
    const auto result = at.answer(R"({"EmpId":"7","EmpName":"Bob"})");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().type, "IntegrityError");
    EXPECT_EQ(at.log.size(), 2U);
}

TEST(single_event, given_an_array_as_id_when_added_then_it_is_refused_inside_the_guarded_block) {  // E-11
    scripted_service at;
    const auto result = at.answer(R"({"EmpId":[1, {"a":null}],"EmpName":"Bob"})");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().type, "Exception");
    EXPECT_EQ(at.log.at(0), "Inserting employee [1, {'a': None}]");
    EXPECT_THAT(at.database.calls, ElementsAre("begin", "rollback"));
}

TEST(single_event, given_no_database_when_added_then_nothing_is_logged) {  // L-6.32
    scripted_service at;
    at.database.begins = {mysql_failure(2003, "gone")};
    EXPECT_EQ(at.answer(R"({"EmpId":"7","EmpName":"Ann"})").error().message, "(2003, 'gone')");
    EXPECT_THAT(at.log, IsEmpty());
    EXPECT_THAT(at.database.calls, ElementsAre("begin"));
}

TEST(single_event, given_a_commit_that_fails_when_added_then_no_oops_and_no_rollback) {  // L-6.16, L-6.79
    scripted_service at;
    auto lost = mysql_failure(2013, "Lost connection");
    lost.outcome_unknown = true;
    at.database.commits = {lost, mysql_failure(1213, "Deadlock")};
    EXPECT_EQ(at.answer(R"({"EmpId":"7","EmpName":"Ann"})").error().message,
              "(2013, 'Lost connection') The outcome of the commit is unknown.");
    EXPECT_EQ(at.answer(R"({"EmpId":"8","EmpName":"Ann"})").error().message, "(1213, 'Deadlock')");
    EXPECT_THAT(at.log, ElementsAre("Inserting employee 7", "Inserting employee 8"));
    EXPECT_THAT(at.database.calls, ElementsAre("begin", "insert 1", "commit", "begin", "insert 1", "commit"));
}

TEST(single_event, given_a_list_that_fails_when_added_then_the_row_stays) {  // L-6.15, E-26
    scripted_service at;
    at.database.lists = {mysql_failure(1142, "SELECT denied")};
    EXPECT_EQ(at.answer(R"({"EmpId":"7","EmpName":"Ann"})").error().type, "OperationalError");
    EXPECT_THAT(at.log, ElementsAre("Inserting employee 7",
                                    "Oops, something went wrong adding a new employee: (1142, 'SELECT denied')"));
    EXPECT_EQ(at.database.rows.size(), 1U);
}

TEST(single_event, given_a_result_over_the_limit_when_added_then_lambdas_error_and_the_row_stays) {  // L-1.45, E-20
    scripted_service at;
    at.settings.result_limit_bytes = 40;
    at.database.rows = {{"1", std::string(20, 'x')}, {"2", std::string(20, 'y')}};
    const auto result = at.answer(R"({"EmpId":"7","EmpName":"Ann"})");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().type, "Function.ResponseSizeTooLarge");
    EXPECT_EQ(at.database.rows.size(), 3U);
}

TEST(single_event, given_columns_of_all_kinds_when_listed_then_json_keeps_them) {  // L-6.74
    const std::vector<row> rows = {{std::int64_t{7}, {}}, {"a\"b", 1.5}, {true, "\xC3\xA4"}};
    EXPECT_EQ(to_json(rows), "[[7,null],[\"a\\\"b\",1.5],[true,\"\xC3\xA4\"]]");
    EXPECT_EQ(to_python(rows), "((7, None), ('a\"b', 1.5), (True, '\xC3\xA4'))");
}

TEST(single_event, given_one_row_or_none_when_shown_as_tuple_then_commas_are_pythons) {  // L-6.22
    EXPECT_EQ(to_python({{"7410", "Employee-Name-7410"}}), "(('7410', 'Employee-Name-7410'),)");
    EXPECT_EQ(to_python({}), "()");
    EXPECT_EQ(to_json(std::vector<row>()), "[]");
}

}  // namespace
}  // namespace employees
