#pragma once
/// What a statement may do that an operator may not want, judged by its text.
///
/// Defence in depth and no more: functions, views and triggers of the database do what they do whoever calls them, and
/// text that code inside the database puts together is never seen. The database role is the fence.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sql/dialect.hpp"

namespace borealis::sql {

enum class statement_kind : std::uint8_t {
    ddl,             ///< CREATE, ALTER, DROP, TRUNCATE, RENAME, COMMENT, IMPORT; PostgreSQL's SELECT … INTO
    privileges,      ///< GRANT, REVOKE, REASSIGN; users and roles; SET ROLE, SET PASSWORD, SET SESSION AUTHORIZATION
    administration,  ///< ALTER SYSTEM, SHUTDOWN, KILL, FLUSH, plugins, extensions, libraries, replication; functions
                     ///< that end sessions or reload the configuration
    copy_program,    ///< COPY … PROGRAM, and foreign tables, which may run one
    server_files,    ///< COPY with a file, INTO OUTFILE, LOAD_FILE(), pg_read_file() and its like, lo_import() …
    load_data,       ///< LOAD DATA, LOAD XML
    session,  ///< SET, RESET, USE, LISTEN, LOCK, cursors …; set_config(), GET_LOCK(), pg_advisory_lock(); @v := 1
    transaction_control,  ///< BEGIN, COMMIT, SAVEPOINT, XA … as statements; SET TRANSACTION, SET autocommit
    calls,                ///< CALL, DO, EXECUTE, PREPARE, BEGIN NOT ATOMIC, and functions that run SQL given as text
};

/// `ddl`, `privileges`, … as in the enumeration.
[[nodiscard]] std::string_view name_of(statement_kind what);
[[nodiscard]] std::optional<statement_kind> find_statement_kind(std::string_view name);

/// A set of kinds.
class statement_kinds {
 public:
    constexpr statement_kinds() = default;
    [[nodiscard]] static constexpr statement_kinds all() { return statement_kinds((1U << count) - 1U); }
    constexpr void add(statement_kind one) { bits_ |= 1U << static_cast<unsigned>(one); }
    [[nodiscard]] constexpr bool has(statement_kind one) const {
        return (bits_ >> static_cast<unsigned>(one) & 1U) != 0;
    }
    [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
    friend constexpr statement_kinds operator|(statement_kinds a, statement_kinds b) {
        return statement_kinds(a.bits_ | b.bits_);
    }
    friend constexpr statement_kinds operator&(statement_kinds a, statement_kinds b) {
        return statement_kinds(a.bits_ & b.bits_);
    }
    friend bool operator==(statement_kinds, statement_kinds) = default;

    static constexpr unsigned count = static_cast<unsigned>(statement_kind::calls) + 1;

 private:
    explicit constexpr statement_kinds(std::uint32_t bits) : bits_(bits) {}
    std::uint32_t bits_ = 0;
};

/// The names of the kinds in it, joined by `, `.
[[nodiscard]] std::string names_of(statement_kinds in);

/// What `names_of` writes; nothing where a name is not known, or there is none.
[[nodiscard]] std::optional<statement_kinds> find_statement_kinds(std::string_view told);

/// Every kind that the statement may be of, however the session's settings have its quotes read
/// (standard_conforming_strings, NO_BACKSLASH_ESCAPES, ANSI_QUOTES). When unsure: more. All kinds where the text cannot
/// be judged: MySQL's
/// `/*! … */`, which some versions run and others pass over.
[[nodiscard]] statement_kinds kinds_of(std::string_view text, dialect of);

}  // namespace borealis::sql
