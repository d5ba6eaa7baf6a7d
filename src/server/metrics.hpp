#pragma once
/// The numbers of all threads as Prometheus' text (exposition format 0.0.4).

#include <cstddef>
#include <span>
#include <string>

#include "data_api/service.hpp"
#include "server/access_log.hpp"
#include "server/session.hpp"

namespace borealis::server {

/// One thread's numbers at a moment.
struct thread_numbers {
    data_api::statistics done;
    data_api::service::state now;
    std::size_t clients = 0;  ///< Connections open.
    sessions::traffic traffic = {};
    access_log::totals logged = {};  ///< Of the whole server, with one of its threads.
};

/// Sums up; names begin with `borealis_`, those of the process (memory, descriptors, processor time) with `process_`.
///  No caller, statement or value is in it.
[[nodiscard]] std::string prometheus_text(std::span<const thread_numbers> all);

}  // namespace borealis::server
