#include "sql/connection.hpp"

#include <utility>

namespace borealis::sql {

core::awaitable<result<std::optional<outcome>>> connection::execute_beside(std::string_view text,
                                                                           std::span<const parameter> parameters,
                                                                           row_sink& sink, description wanted,
                                                                           core::deadline until, beside_call& name) {
    name.names(this);
    auto out = co_await execute(text, parameters, sink, wanted, until);
    name.names(nullptr);
    if (!out) co_return std::unexpected(std::move(out.error()));
    co_return *out;
}

}  // namespace borealis::sql
