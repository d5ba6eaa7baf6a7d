#pragma once
/// What differs between the two database programs that we run.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "clusters/process.hpp"
#include "clusters/registry.hpp"
#include "core/secret_text.hpp"
#include "sql/connection.hpp"

namespace borealis::clusters {

/// A database program of this machine.
struct installation {
    std::filesystem::path program;
    std::string version;  ///< "15.18", "10.11.19"
    std::string series;   ///< What data folders are bound to: "15", "10.11".
};

/// Where a managed database lives. Made by the keeper, owned by the account that runs it.
struct site {
    std::filesystem::path data;
    std::filesystem::path run;        ///< For its socket: nobody else may enter.
    std::filesystem::path temporary;  ///< For its temporary files.
};

/// The account that Borealis itself uses on every managed database, as on Aurora. Its password is in `cluster.json`.
inline constexpr std::string_view administrator = "rdsadmin";

/// What makes one cluster of a template. Verifiers are passwords as the database keeps them.
struct owner {
    std::string master_user;
    core::secret_text master_verifier;
    core::secret_text administrator_verifier;
    std::string database;  ///< Empty: none.
};

/// One kind of database. Stateless; every function may throw std::runtime_error with a text that says what to change.
class flavour {
 public:
    flavour() = default;
    flavour(const flavour&) = delete;
    flavour& operator=(const flavour&) = delete;
    virtual ~flavour() = default;

    [[nodiscard]] virtual std::string_view name() const noexcept = 0;
    /// All of this machine, the newest first.
    [[nodiscard]] virtual std::vector<installation> find_all(const settings& with, const account& who) const = 0;
    /// The program to run: of the series `wanted` where that is not empty, else the newest.
    [[nodiscard]] virtual installation find(const settings& with, const account& who,
                                            std::string_view wanted) const = 0;
    /// Commands that fill the empty data folder, one after the other: what all clusters have in common.
    [[nodiscard]] virtual std::vector<command> template_creation(const installation& of, const site& at) const = 0;
    /// Commands that make a copy of it the owner's.
    [[nodiscard]] virtual std::vector<command> completion(const installation& of, const site& at,
                                                          const owner& whose) const = 0;
    [[nodiscard]] virtual core::secret_text verifier(const core::secret_text& password) const = 0;
    /// Statement that gives the master user another password.
    [[nodiscard]] virtual std::vector<std::string> password_change(const owner& whose) const = 0;
    /// Statements that give the running engine this much memory, without closing a connection.
    [[nodiscard]] virtual std::vector<std::string> scaling_to(std::size_t megabytes) const = 0;
    /// The server itself, in the foreground, on its Unix socket only.
    [[nodiscard]] virtual command service(const installation& of, const site& at) const = 0;
    /// Removes what a killed server left behind and would stop a new one. No process may be using the data.
    virtual void clear_stale_files(const site& at) const = 0;
    /// True once the server takes logins. Never waits long.
    [[nodiscard]] virtual bool is_ready(const site& at, pid_t server) const = 0;
    /// Asks it to disconnect everybody and shut down in order.
    [[nodiscard]] virtual int stop_signal() const noexcept = 0;
    [[nodiscard]] virtual sql::endpoint endpoint(const site& at) const = 0;
    /// Its socket in `run`, with a slash in front.
    [[nodiscard]] virtual std::string_view socket_name() const noexcept = 0;
};

[[nodiscard]] const flavour& postgresql_flavour();
[[nodiscard]] const flavour& mariadb_flavour();
[[nodiscard]] inline const flavour& flavour_of(engine what) {
    return what == engine::postgresql ? postgresql_flavour() : mariadb_flavour();
}

/// Folders that programs are searched in: those of PATH and `others`, without doubles, existing ones only.
[[nodiscard]] std::vector<std::filesystem::path> program_folders(const std::vector<std::filesystem::path>& others);

/// "15.18" out of "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)": the first number with a dot, or nothing.
[[nodiscard]] std::string version_in(std::string_view text);
/// 'text' as a literal of SQL for PostgreSQL with standard_conforming_strings: quotes doubled.
[[nodiscard]] std::string in_quotes(std::string_view text, char quote);
/// True where dotted numbers `left` come before `right`.
[[nodiscard]] bool is_older(std::string_view left, std::string_view right);

}  // namespace borealis::clusters
