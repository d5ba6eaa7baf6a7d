#include "data_api/operation.hpp"

#include <gtest/gtest.h>

namespace borealis::data_api {
namespace {

struct path_case {
    std::string_view path;
    std::optional<operation> expected;
    std::string_view name;
};

class paths : public testing::TestWithParam<path_case> {};

TEST_P(paths, given_a_path_when_found_then_it_is_the_operation) {
    const auto found = find_operation(GetParam().path);
    EXPECT_EQ(found, GetParam().expected);
    if (found) EXPECT_EQ(name_of(*found), GetParam().name);
}

INSTANTIATE_TEST_SUITE_P(
    r_1_2, paths,
    testing::Values(path_case{"/Execute", operation::execute_statement, "ExecuteStatement"},
                    path_case{"/BatchExecute", operation::batch_execute_statement, "BatchExecuteStatement"},
                    path_case{"/BeginTransaction", operation::begin_transaction, "BeginTransaction"},
                    path_case{"/CommitTransaction", operation::commit_transaction, "CommitTransaction"},
                    path_case{"/RollbackTransaction/", operation::rollback_transaction, "RollbackTransaction"},
                    path_case{"/ExecuteSql", operation::execute_sql, "ExecuteSql"},
                    path_case{"/execute", std::nullopt, ""}, path_case{"/", std::nullopt, ""},
                    path_case{"", std::nullopt, ""}, path_case{"/Execute//", std::nullopt, ""}));

}  // namespace
}  // namespace borealis::data_api
