#pragma once
/// What those who look on want of one call, and what they see.

#include <cstdint>
#include <string>
#include <string_view>

#include "core/deadline.hpp"

namespace borealis::data_api {

/// Written by the thread that works for the call, read when the call has returned.
struct observation {
    // ---- wanted; the views live until the call returns
    std::string_view sql_comment = {};  ///< Appended to the caller's statements, `/*…*/`; empty: none.
    std::string_view trace = {};        ///< The caller's trace id, for the line of a slow statement.
    std::size_t sql_characters = 0;     ///< Of `sql`; 0: it is not wanted.

    // ---- seen
    std::string resource_arn = {};    ///< As the request names it.
    std::string transaction_id = {};  ///< The request's, or the one begun.
    std::string sql = {};             ///< Without its values (sql::normalised).
    core::clock::duration queued{};   ///< Waiting for a session, `connecting` left out.
    core::clock::duration connecting{};
    core::clock::duration at_database{};
    core::clock::duration encoding{};
    std::uint64_t rows = 0;  ///< That came from the database.
};

}  // namespace borealis::data_api
