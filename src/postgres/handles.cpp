#include "postgres/handles.hpp"

#include "postgres/libpq.hpp"

namespace borealis::postgres {

void release_handle::operator()(pg_conn* which) const noexcept { PQfinish(which); }
void release_handle::operator()(pg_result* which) const noexcept { PQclear(which); }

}  // namespace borealis::postgres
