#include "database.hpp"

#include <fmt/format.h>

namespace employees {

std::string page_text(std::string_view after, std::size_t limit) {
    return fmt::format("SELECT EmpId, EmpName FROM Employee{}{} ORDER BY EmpId LIMIT {}",
                       after.empty() ? "" : " WHERE EmpId > ", after, limit);
}

}  // namespace employees
