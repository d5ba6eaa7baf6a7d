#include "failure.hpp"

#include <string_view>

#include <gtest/gtest.h>

namespace employees {
namespace {

struct class_case {
    unsigned number;
    std::string_view type;
    failure_kind kind;
};
// L-6.72, with neighbours of the table's ends.
constexpr class_case classes[] = {
    {1048, "IntegrityError", failure_kind::data},
    {1062, "IntegrityError", failure_kind::duplicate},
    {1215, "IntegrityError", failure_kind::data},
    {1452, "IntegrityError", failure_kind::data},
    {1264, "DataError", failure_kind::data},
    {1366, "DataError", failure_kind::data},
    {1406, "DataError", failure_kind::data},
    {1441, "DataError", failure_kind::data},
    {1007, "ProgrammingError", failure_kind::other},
    {1064, "ProgrammingError", failure_kind::other},
    {1146, "ProgrammingError", failure_kind::other},
    {1235, "NotSupportedError", failure_kind::other},
    {1045, "OperationalError", failure_kind::other},
    {1142, "OperationalError", failure_kind::other},
    {1205, "OperationalError", failure_kind::unavailable},
    {1213, "OperationalError", failure_kind::unavailable},
    {2003, "OperationalError", failure_kind::unavailable},
    {2006, "OperationalError", failure_kind::unavailable},
    {2013, "OperationalError", failure_kind::unavailable},
    {1000, "OperationalError", failure_kind::other},
    {4025, "OperationalError", failure_kind::other},
    {999, "InternalError", failure_kind::other},
};

class mysql_number : public testing::TestWithParam<class_case> {};

TEST_P(mysql_number, given_a_number_when_classed_then_it_is_pymysqls) {
    const auto made = mysql_failure(GetParam().number, "it's");
    EXPECT_EQ(made.type, GetParam().type);
    EXPECT_EQ(made.kind, GetParam().kind);
    EXPECT_EQ(made.message, "(" + std::to_string(GetParam().number) + ", \"it's\")");
}

INSTANTIATE_TEST_SUITE_P(l_6_72, mysql_number, testing::ValuesIn(classes));

struct service_case {
    std::string_view code, message, type, shown;
    failure_kind kind;
};
constexpr service_case answers[] = {
    // Version 2, MySQL (data-api R-2.54).
    {"DatabaseErrorException", "Duplicate entry '7' for key 'PRIMARY'; Error code: 1062; SQLState: 23000",
     "IntegrityError", R"((1062, "Duplicate entry '7' for key 'PRIMARY'"))", failure_kind::duplicate},
    {"DatabaseErrorException", "Table 'db.Employee' doesn't exist; Error code: 1146; SQLState: 42S02",
     "ProgrammingError", R"((1146, "Table 'db.Employee' doesn't exist"))", failure_kind::other},
    // The text may hold the marks itself: the end counts.
    {"DatabaseErrorException",
     "Duplicate entry 'x; Error code: 1; SQLState: 2' for key 'PRIMARY'; Error code: 1062; SQLState: 23000",
     "IntegrityError", R"((1062, "Duplicate entry 'x; Error code: 1; SQLState: 2' for key 'PRIMARY'"))",
     failure_kind::duplicate},
    {"DatabaseErrorException", "a;b; Error code: 1205; SQLState: HY000", "OperationalError", "(1205, 'a;b')",
     failure_kind::unavailable},
    // Version 1, late and early (R-2.54, R-2.55).
    {"BadRequestException", "Data too long for column 'EmpName' at row 1; Error code: 1406; SQLState: 22001",
     "DataError", R"((1406, "Data too long for column 'EmpName' at row 1"))", failure_kind::data},
    {"BadRequestException", "Database error code: 1062. Message: Duplicate entry 'x' for key 'PRIMARY'",
     "IntegrityError", R"((1062, "Duplicate entry 'x' for key 'PRIMARY'"))", failure_kind::duplicate},
    // PostgreSQL (R-2.50, L-6.71).
    {"DatabaseErrorException",
     "ERROR: duplicate key value violates unique constraint \"employee_pkey\"; SQLState: 23505", "IntegrityError",
     R"(('23505', 'ERROR: duplicate key value violates unique constraint "employee_pkey"'))", failure_kind::duplicate},
    {"DatabaseErrorException", "ERROR: null value in column \"empid\"; SQLState: 23502", "IntegrityError",
     R"(('23502', 'ERROR: null value in column "empid"'))", failure_kind::data},
    {"DatabaseErrorException", "ERROR: value too long; SQLState: 22001", "DataError",
     "('22001', 'ERROR: value too long')", failure_kind::data},
    {"DatabaseErrorException", "ERROR: relation \"employee\" does not exist; Position: 13; SQLState: 42P01",
     "ProgrammingError", R"(('42P01', 'ERROR: relation "employee" does not exist; Position: 13'))",
     failure_kind::other},
    {"DatabaseErrorException", "ERROR: permission denied for table employee; SQLState: 42501", "OperationalError",
     "('42501', 'ERROR: permission denied for table employee')", failure_kind::other},
    {"DatabaseErrorException", "ERROR: deadlock detected; SQLState: 40P01", "OperationalError",
     "('40P01', 'ERROR: deadlock detected')", failure_kind::unavailable},
    // No database said it.
    {"DatabaseResumingException",
     "The Aurora DB instance db-7 is resuming after being auto-paused. Please wait a few seconds and try again.",
     "OperationalError",
     "The Aurora DB instance db-7 is resuming after being auto-paused. Please wait a few seconds and try again.",
     failure_kind::unavailable},
    {"BadRequestException", "Communications link failure\n\nThe last packet", "OperationalError",
     "Communications link failure\n\nThe last packet", failure_kind::unavailable},
    {"AccessDeniedException", "User: x is not authorized", "OperationalError", "User: x is not authorized",
     failure_kind::other},
    {"InternalServerErrorException", "", "OperationalError", "InternalServerErrorException", failure_kind::other},
    {"SecretsErrorException", "The secret arn:x wasn't found.", "OperationalError",
     "Could not retrieve the database credentials from AWS Secrets Manager.", failure_kind::other},
    {"DatabaseErrorException", "odd; Error code: x; SQLState: ", "OperationalError",
     "odd; Error code: x; SQLState: ", failure_kind::unavailable},
    {"BadRequestException", "Database error code: many. Message: x", "OperationalError",
     "Database error code: many. Message: x", failure_kind::other},
};

class service_answer : public testing::TestWithParam<service_case> {};

TEST_P(service_answer, given_an_error_of_the_service_when_read_then_it_is_the_databases) {
    const auto made = service_failure(GetParam().code, GetParam().message);
    EXPECT_EQ(made.type, GetParam().type);
    EXPECT_EQ(made.message, GetParam().shown);
    EXPECT_EQ(made.kind, GetParam().kind);
}

INSTANTIATE_TEST_SUITE_P(l_6_71, service_answer, testing::ValuesIn(answers));

TEST(public_message, given_errors_when_shown_to_the_internet_then_neither_sql_nor_hosts_are_in_them) {  // L-3.61
    EXPECT_EQ(public_message(mysql_failure(2003, "Can't connect to MySQL server on '10.0.0.7'")),
              "The database is not available. Please try again later.");
    EXPECT_EQ(public_message(mysql_failure(1064, "You have an error in your SQL syntax near 'INSERT'")),
              "Internal Server Error");
    EXPECT_EQ(public_message(mysql_failure(1062, "Duplicate entry")), "(1062, 'Duplicate entry')");
}

}  // namespace
}  // namespace employees
