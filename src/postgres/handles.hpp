#pragma once
/// Owners of libpq's objects, without its header.

#include <cstdint>
#include <memory>

// libpq's own names (libpq-fe.h), so that our headers need not include it.
struct pg_conn;
struct pg_result;

namespace borealis::postgres {

using oid = std::uint32_t;

struct release_handle {
    void operator()(pg_conn* which) const noexcept;
    void operator()(pg_result* which) const noexcept;
};

using connection_handle = std::unique_ptr<pg_conn, release_handle>;
using result_handle = std::unique_ptr<pg_result, release_handle>;

}  // namespace borealis::postgres
