#include "data_api/database_text.hpp"

#include <gtest/gtest.h>

namespace borealis::data_api {
namespace {

using sql::failure;
using sql::failure_kind;

struct text_case {
    std::string_view name;
    failure of;
    std::string_view expected;
    database_wording how = database_wording::one_line;
};

class texts : public testing::TestWithParam<text_case> {};

TEST_P(texts, given_a_failure_when_told_then_text_is_the_services) {
    EXPECT_EQ(database_text(GetParam().of, GetParam().how), GetParam().expected);
}

failure postgresql(std::string message, std::string state, int position = 0, std::string hint = {},
                   std::string severity = "ERROR") {
    return {.kind = failure_kind::database,
            .message = std::move(message),
            .sqlstate = std::move(state),
            .severity = std::move(severity),
            .detail = "Key (id)=(secret) exists.",
            .hint = std::move(hint),
            .where = "somewhere",
            .position = position};
}

INSTANTIATE_TEST_SUITE_P(
    r_2_52, texts,
    testing::Values(
        text_case{"position", postgresql(R"(relation "no_such_table_xyz" does not exist)", "42P01", 15),
                  R"(ERROR: relation "no_such_table_xyz" does not exist; Position: 15; SQLState: 42P01)"},
        text_case{
            "hint",
            postgresql(
                "operator does not exist: integer = text", "42883", 36,
                "No operator matches the given name and argument types. You might need to add explicit type casts."),
            "ERROR: operator does not exist: integer = text; Hint: No operator matches the given name and argument "
            "types. "
            "You might need to add explicit type casts.; Position: 36; SQLState: 42883"},
        text_case{
            "aborted",
            postgresql("current transaction is aborted, commands ignored until end of transaction block", "25P02"),
            "ERROR: current transaction is aborted, commands ignored until end of transaction block; SQLState: 25P02"},
        text_case{"fatal", postgresql(R"(password authentication failed for user "postgres")", "28P01", 0, {}, "FATAL"),
                  R"(FATAL: password authentication failed for user "postgres"; SQLState: 28P01)"}),
    [](const auto& each) { return std::string(each.param.name); });

INSTANTIATE_TEST_SUITE_P(r_2_54, texts,
                         testing::Values(text_case{
                             "duplicate",
                             failure{.kind = failure_kind::database,
                                     .message = "Duplicate entry 'a@b.c' for key 'users.email'",
                                     .sqlstate = "23000",
                                     .code = 1062},
                             "Duplicate entry 'a@b.c' for key 'users.email'; Error code: 1062; SQLState: 23000"}),
                         [](const auto& each) { return std::string(each.param.name); });

INSTANTIATE_TEST_SUITE_P(
    r_2_53, texts,
    testing::Values(
        text_case{
            "all", postgresql("duplicate key", "23505", 7, "Try another."),
            "ERROR: duplicate key\n  Detail: Key (id)=(secret) exists.\n  Hint: Try another.\n  Position: 7\n  Where: "
            "somewhere; SQLState: 23505",
            database_wording::jdbc},
        text_case{"sample",
                  failure{.kind = failure_kind::database,
                          .message = R"(relation "x" does not exist)",
                          .sqlstate = "42P01",
                          .severity = "ERROR",
                          .position = 15},
                  "ERROR: relation \"x\" does not exist\n  Position: 15; SQLState: 42P01", database_wording::jdbc},
        text_case{"early",
                  failure{.kind = failure_kind::database,
                          .message = R"(relation "x" does not exist)",
                          .sqlstate = "42P01",
                          .severity = "ERROR",
                          .position = 15},
                  "ERROR: relation \"x\" does not exist\n  Position: 15", database_wording::early_jdbc}),
    [](const auto& each) { return std::string(each.param.name); });

INSTANTIATE_TEST_SUITE_P(r_2_55, texts,
                         testing::Values(text_case{
                             "duplicate",
                             failure{.kind = failure_kind::database,
                                     .message = "Duplicate entry 'x' for key 'PRIMARY'",
                                     .sqlstate = "23000",
                                     .code = 1062},
                             "Database error code: 1062. Message: Duplicate entry 'x' for key 'PRIMARY'",
                             database_wording::early_jdbc}),
                         [](const auto& each) { return std::string(each.param.name); });

struct kind_case {
    failure_kind from;
    core::error_kind to;
};

class kinds : public testing::TestWithParam<kind_case> {};

TEST_P(kinds, given_a_kind_of_failure_when_turned_then_it_is_the_callers_kind) {
    const auto made =
        error_of({.kind = GetParam().from, .message = "text", .backend_id = 7}, aws_v2, sql::dialect::mysql);
    EXPECT_EQ(made.kind, GetParam().to);
    EXPECT_EQ(made.db_connection_id.has_value(), GetParam().from == failure_kind::timeout);
}

INSTANTIATE_TEST_SUITE_P(r_1_34, kinds,
                         testing::Values(kind_case{failure_kind::database, core::error_kind::database_error},
                                         kind_case{failure_kind::login, core::error_kind::database_error},
                                         kind_case{failure_kind::timeout, core::error_kind::statement_timeout},
                                         kind_case{failure_kind::unreachable, core::error_kind::database_unavailable},
                                         kind_case{failure_kind::lost, core::error_kind::database_error},  // never 5xx
                                         kind_case{failure_kind::busy, core::error_kind::unavailable},
                                         kind_case{failure_kind::unsupported, core::error_kind::database_error},
                                         kind_case{failure_kind::internal, core::error_kind::internal}));

// SQLSTATE 08007, whatever the profile (R-1.34).
TEST(unknown_outcomes, given_a_lost_connection_when_told_then_the_sqlstate_says_that_nobody_knows) {
    for (const auto* as : {&aws_v2, &aws_v1, &aws_v1_early, &relaxed})
        for (const auto from : {sql::dialect::postgresql, sql::dialect::mysql}) {
            const auto made = error_of({.kind = failure_kind::lost, .message = "text"}, *as, from);
            EXPECT_TRUE(
                made.message.ends_with("Its outcome is unknown: check it before you repeat the statement; "
                                       "SQLState: 08007"))
                << as->name << ": " << made.message;
        }
}

}  // namespace
}  // namespace borealis::data_api
