#include "data_api/operation.hpp"

namespace borealis::data_api {
namespace {

struct entry {
    std::string_view path, action;
};

constexpr std::string_view action_prefix = "rds-data:";

constexpr entry table[] = {
    // in the order of the enum
    {"/Execute", "rds-data:ExecuteStatement"},
    {"/BatchExecute", "rds-data:BatchExecuteStatement"},
    {"/BeginTransaction", "rds-data:BeginTransaction"},
    {"/CommitTransaction", "rds-data:CommitTransaction"},
    {"/RollbackTransaction", "rds-data:RollbackTransaction"},
    {"/ExecuteSql", "rds-data:ExecuteSql"},
};

}  // namespace

std::optional<operation> find_operation(std::string_view path) {
    if (path.ends_with('/')) path.remove_suffix(1);
    for (std::size_t at = 0; at < std::size(table); ++at)
        if (table[at].path == path) return static_cast<operation>(at);
    return std::nullopt;
}

std::string_view action_of(operation what) { return table[static_cast<std::size_t>(what)].action; }

std::string_view name_of(operation what) { return action_of(what).substr(action_prefix.size()); }

}  // namespace borealis::data_api
