#pragma once
/// The conversation that begins a session at PostgreSQL, from the start-up message to the first ReadyForQuery, as
/// messages: no socket (PostgreSQL manual, Start-up and SASL Authentication).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "postgres/protocol.hpp"
#include "postgres/scram.hpp"
#include "sql/connection.hpp"
#include "sql/failure.hpp"

namespace borealis::postgres {

/// Start-up values are what DISCARD ALL goes back to, and they outrank those of ALTER ROLE and ALTER DATABASE.
inline constexpr const char* session_options =
    "-c TimeZone=UTC -c DateStyle=ISO,MDY -c IntervalStyle=postgres -c bytea_output=hex -c extra_float_digits=1"
    " -c standard_conforming_strings=on";
inline constexpr const char* application_name = "borealis";
inline constexpr const char* default_database = "postgres";

/// The server asks for a password, and none is known.
[[nodiscard]] sql::failure needs_password(std::string_view user);
/// What the server says in place of taking us in: `login`, or `unreachable` where it is about to begin or end.
[[nodiscard]] sql::failure refused(sql::failure by_server);

class start_up {
 public:
    enum class step : std::uint8_t {
        more,       ///< Send what was appended, go on reading.
        done,       ///< The session is established.
        failed,     ///< See problem().
        for_libpq,  ///< The server wants what only libpq speaks (GSSAPI), or a password that needs SASLprep.
    };

    /// @param as  Outlives this.
    /// @param nonce  See scram_client.
    start_up(const sql::login& as, std::string_view database, std::string_view nonce);

    void begin(std::string& to) const;
    /// @param to  Answers are appended.
    step take(const message& what, std::string& to);

    [[nodiscard]] const sql::failure& problem() const { return problem_; }
    [[nodiscard]] std::uint32_t backend() const { return backend_; }
    /// What a cancel request has to know.
    [[nodiscard]] std::uint32_t key() const { return key_; }

 private:
    enum class stage : std::uint8_t { begun, challenged, answered, proven, admitted };

    step take_request(std::string_view body, std::string& to);
    step fail(sql::failure with);
    step nonsense();

    const sql::login& as_;
    std::string database_;
    scram_client scram_;
    stage at_ = stage::begun;
    std::uint32_t backend_ = 0;
    std::uint32_t key_ = 0;
    sql::failure problem_;
};

}  // namespace borealis::postgres
