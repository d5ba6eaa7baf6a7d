#pragma once
/// The six operations and their names.

#include <cstdint>
#include <optional>
#include <string_view>

namespace borealis::data_api {

enum class operation : std::uint8_t {
    execute_statement,
    batch_execute_statement,
    begin_transaction,
    commit_transaction,
    rollback_transaction,
    execute_sql,
};

/// `/Execute` → execute_statement …; a trailing `/` is tolerated.
[[nodiscard]] std::optional<operation> find_operation(std::string_view path);
/// What policies call it: "rds-data:ExecuteStatement" …
[[nodiscard]] std::string_view action_of(operation what);
/// "ExecuteStatement" …
[[nodiscard]] std::string_view name_of(operation what);

}  // namespace borealis::data_api
