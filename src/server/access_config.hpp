#pragma once
/// Who may call: what the config says of it.

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "auth/key_ring.hpp"
#include "auth/limits.hpp"
#include "server/environment.hpp"
#include "sql/statement_kinds.hpp"

namespace borealis::server {

class section;

struct access_config {
    std::vector<auth::user> users;  ///< Of the [[key]] tables. The state folder's keys file has more.
    std::vector<auth::role> roles;
    auth::caller_limits defaults;          ///< Of everybody.
    std::vector<std::string> regions;      ///< Signatures may be for these; none given: for the server's own.
    std::chrono::seconds clock_skew{300};  ///< R-10.33, R-10.34
    bool presigned = false;                ///< R-10.40
    std::size_t replay_memory = 0;         ///< Requests remembered so that none is let in twice; 0: none.
    bool stored_keys = false;              ///< There is a keys file, though it may be empty.

    /// Is every request's signature checked? Else this is developer mode.
    [[nodiscard]] bool authenticates() const { return !users.empty() || stored_keys; }
};

/// Each reads one table. All throw std::runtime_error, `FILE:LINE:COLUMN: text`.
void read_auth(section& from, access_config& into);
/// A list of names of kinds.
[[nodiscard]] sql::statement_kinds read_statement_kinds(section& from, std::string_view key);
/// Does not finish the table: others may have more in it.
void read_caller_limits(section& from, auth::caller_limits& into);
/// @param folder  Where relative paths count from.
void read_key(section& from, access_config& into, const std::filesystem::path& folder, const environment& variables);
void read_role(section& from, access_config& into, const std::filesystem::path& folder);

}  // namespace borealis::server
