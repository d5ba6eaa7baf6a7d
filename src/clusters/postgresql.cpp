// PostgreSQL: initdb and postgres. @see PostgreSQL manual, chapters 19 (Server Setup) and 20 (Server Configuration).
#include <clocale>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <system_error>

#include <fmt/format.h>
#include <signal.h>

#include "clusters/engine.hpp"

namespace borealis::clusters {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr std::uint16_t port = 5432;  // part of the socket's name, nothing more
constexpr std::string_view socket_name = "/.s.PGSQL.5432";

bool has_both(const fs::path& folder) {
    std::error_code ignored;  // not to be seen is as good as not there
    return fs::exists(folder / "initdb", ignored) && fs::exists(folder / "postgres", ignored);
}

std::optional<installation> look_at(const fs::path& folder, const account& who) {
    const auto version = version_in(output_of({folder / "postgres", "--version"}, who, 10s));
    if (version.empty()) return std::nullopt;
    return installation{folder / "postgres", version, version.substr(0, version.find('.'))};
}

/// The list settings of postgresql.conf: names in double quotes may hold anything.
std::string in_quotes(std::string_view name) {
    std::string out = "\"";
    for (const char c : name) out.append(c == '"' ? 2 : 1, c);
    return out + '"';
}

/// UTF-8 with the C order where the C library has it (every Debian, Fedora and Alpine does), else bytes.
std::string locale_for_data() {
    const locale_t made = ::newlocale(LC_ALL_MASK, "C.UTF-8", nullptr);
    if (made == nullptr) return "C";
    ::freelocale(made);
    return "C.UTF-8";
}

class postgresql final : public flavour {
 public:
    std::string_view name() const noexcept override { return "PostgreSQL"; }

    installation find(const settings& with, const account& who, std::string_view wanted) const override {
        std::vector<fs::path> folders = {with.postgres_bin};
        if (with.postgres_bin.empty()) {
            std::error_code ignored;  // no such folder: none in it
            std::vector<fs::path> versions;
            for (const auto& each : fs::directory_iterator("/usr/lib/postgresql", ignored))
                versions.push_back(each.path() / "bin");
            folders = program_folders(versions);
        }
        std::optional<installation> best;
        std::string others;
        for (const auto& folder : folders) {
            if (!has_both(folder)) continue;
            auto found = look_at(folder, who);
            if (!found) continue;
            if (!wanted.empty() && found->series != wanted) {
                others += fmt::format("{}{}", others.empty() ? "" : ", ", found->version);
                continue;
            }
            if (!best || is_older(best->version, found->version)) best = std::move(found);
        }
        if (best) return *best;
        if (!others.empty()) {
            throw std::runtime_error(
                fmt::format("its data was made by PostgreSQL {0}, and only {1} is installed: apt-get install "
                            "postgresql-{0}, or remove the cluster",
                            wanted, others));
        }
        if (!with.postgres_bin.empty()) {
            throw std::runtime_error(
                fmt::format("postgres_bin = \"{}\": no initdb and postgres in it that user {} can run",
                            with.postgres_bin.string(), who.name));
        }
        throw std::runtime_error(
            "PostgreSQL is not installed (no initdb and postgres in /usr/lib/postgresql/*/bin or PATH): apt-get "
            "install "
            "postgresql, or set postgres_bin");
    }

    std::vector<command> creation(const installation& of, const site& at, const managed_cluster& what) const override {
        std::vector<command> steps;
        // --no-sync: the keeper brings the whole folder to disk before it gets its name.
        steps.push_back(
            {.words = {of.program.parent_path() / "initdb", "--pgdata=" + at.data.string(),
                       "--username=" + what.master_user, "--pwfile=/dev/stdin", "--auth-local=scram-sha-256",
                       "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=" + locale_for_data(),
                       "--data-checksums", "--no-instructions", "--no-sync"},
             .input = core::secret_text(what.master_password.reveal() + "\n")});
        if (!what.default_database.empty() && what.default_database != "postgres") {
            steps.push_back(
                {.words = {of.program, "--single", "-j", "-D", at.data, "-c", "listen_addresses=", "-c",
                           "exit_on_error=on", "postgres"},
                 .input = core::secret_text(fmt::format("CREATE DATABASE {}\n", in_quotes(what.default_database)))});
        }
        return steps;
    }

    command service(const installation& of, const site& at) const override {
        // Small, for many clusters on one developer's machine; nothing here weakens durability. On the command line, so
        // that a newer Borealis needs no edit of postgresql.conf, and ALTER SYSTEM cannot open a port.
        return {.words = {of.program,
                          "-D",
                          at.data,
                          "-c",
                          "listen_addresses=",
                          "-c",
                          fmt::format("port={}", port),
                          "-c",
                          "unix_socket_directories=" + in_quotes(at.run.string()),
                          "-c",
                          "unix_socket_permissions=0777",  // the folder is closed to others
                          "-c",
                          "shared_buffers=64MB",
                          "-c",
                          "max_connections=200",
                          "-c",
                          "max_wal_size=512MB",
                          "-c",
                          "jit=off",
                          "-c",
                          "timezone=UTC",
                          "-c",
                          "log_timezone=UTC",
                          "-c",
                          "log_destination=stderr",
                          "-c",
                          "logging_collector=off",
                          "-c",
                          "log_min_error_statement=panic"},  // no statement, and so no value, in the log
                .death_signal = SIGINT};
    }

    void clear_stale_files(const site& at) const override {
        // A process id that somebody else has got since would keep it from starting.
        fs::remove(at.data / "postmaster.pid");
        fs::remove(at.run / socket_name.substr(1));
        fs::remove(at.run / (std::string(socket_name.substr(1)) + ".lock"));
    }

    bool is_ready(const site& at, pid_t server) const override {
        // Line 1 is the process, line 8 its state: what pg_ctl reads (src/include/utils/pidfile.h).
        std::ifstream from(at.data / "postmaster.pid");
        std::string line;
        for (int number = 1; std::getline(from, line); ++number) {
            if (number == 1 && line != std::to_string(server)) return false;
            if (number == 8) return line.starts_with("ready");
        }
        return false;
    }

    int stop_signal() const noexcept override { return SIGINT; }  // "fast": rolls back, disconnects, checkpoints

    sql::endpoint endpoint(const site& at) const override {
        return {.host = {}, .port = port, .socket = at.run.string(), .tls = sql::tls_mode::disable};
    }

    std::size_t socket_name_size() const noexcept override { return socket_name.size(); }
};

}  // namespace

const flavour& postgresql_flavour() {
    static const postgresql only;
    return only;
}

}  // namespace borealis::clusters
