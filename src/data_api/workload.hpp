#pragma once
/// What one call runs on one session when it is more than a statement.

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "core/error.hpp"
#include "core/listener.hpp"
#include "data_api/attended.hpp"
#include "data_api/held_session.hpp"
#include "data_api/stay.hpp"
#include "sql/connection.hpp"

namespace borealis::data_api {

/// One statement with a sink of its own; null: its rows are dropped.
struct work_step {
    std::string_view text;
    std::span<const sql::parameter> parameters = {};
    sql::row_sink* into = nullptr;
};

/// Sets of one statement, or steps. Everything it views lives until it is done.
struct workload {
    std::string_view text = {};
    std::span<const std::vector<sql::parameter>> sets = {};
    std::span<const work_step> steps = {};  ///< Not empty: instead of the sets.
    sql::description described = sql::description::types;
    bool whole = true;  ///< Outside a transaction: all of it or nothing (R-8.7).
    bool touches_session = true;
    bool asks_for_leftovers = false;  ///< As sql::rewritten has it.
    bool reading =
        false;  ///< The caller may only read: fenced as one (sql::connection::begin_reading), and taken back.
    /// Makes the answer from the outcomes; one that fails takes a whole back.
    std::function<core::result<std::string>(std::span<const sql::outcome>)> body = {};
};

/// Runs it, in order, up to the first failure, and settles the session.
/// @param watch  Where it is known who waits for it, `by`; null: it runs on whatever happens.
/// @param encoding  Receives the time that the steps' sinks take.
/// @return The database's failure, or the answer.
core::awaitable<sql::result<core::result<std::string>>> perform(const workload& what, held_session session,
                                                                core::deadline until, attended& watch,
                                                                const core::listener* by, encoding_time& encoding);

}  // namespace borealis::data_api
