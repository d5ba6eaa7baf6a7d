#include "data_api/operation.hpp"

namespace borealis::data_api {
namespace {

struct entry {
    std::string_view path, name;
};

constexpr entry table[] = {
    // in the order of the enum
    {"/Execute", "ExecuteStatement"},
    {"/BatchExecute", "BatchExecuteStatement"},
    {"/BeginTransaction", "BeginTransaction"},
    {"/CommitTransaction", "CommitTransaction"},
    {"/RollbackTransaction", "RollbackTransaction"},
    {"/ExecuteSql", "ExecuteSql"},
};

}  // namespace

std::optional<operation> find_operation(std::string_view path) {
    if (path.ends_with('/')) path.remove_suffix(1);
    for (std::size_t at = 0; at < std::size(table); ++at)
        if (table[at].path == path) return static_cast<operation>(at);
    return std::nullopt;
}

std::string_view name_of(operation what) { return table[static_cast<std::size_t>(what)].name; }

}  // namespace borealis::data_api
