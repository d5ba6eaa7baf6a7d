// PostgreSQL: initdb and postgres. @see PostgreSQL manual, chapters 19 (Server Setup) and 20 (Server Configuration).
#include <algorithm>
#include <clocale>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <system_error>

#include <fmt/format.h>
#include <signal.h>

#include "clusters/engine.hpp"
#include "clusters/password.hpp"
#include "core/random.hpp"

namespace borealis::clusters {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr std::uint16_t port = 5432;  // part of the socket's name, nothing more
constexpr std::string_view socket_file = "/.s.PGSQL.5432";

bool has_both(const fs::path& folder) {
    std::error_code ignored;  // not to be seen is as good as not there
    return fs::exists(folder / "initdb", ignored) && fs::exists(folder / "postgres", ignored);
}

std::optional<installation> look_at(const fs::path& folder, const account& who) {
    const auto version = version_in(output_of({folder / "postgres", "--version"}, who, 10s));
    if (version.empty()) return std::nullopt;
    return installation{folder / "postgres", version, version.substr(0, version.find('.'))};
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

    std::vector<installation> find_all(const settings& with, const account& who) const override {
        std::vector<fs::path> folders = {with.postgres_bin};
        if (with.postgres_bin.empty()) {
            std::error_code ignored;  // no such folder: none in it
            std::vector<fs::path> versions;
            for (const auto& each : fs::directory_iterator("/usr/lib/postgresql", ignored))
                versions.push_back(each.path() / "bin");
            folders = program_folders(versions);
        }
        std::vector<installation> all;
        std::vector<fs::path> seen;  // PATH may name a link to one of them
        for (const auto& folder : folders) {
            if (!has_both(folder)) continue;
            std::error_code unreadable;  // then as it stands
            const auto real = fs::weakly_canonical(folder / "postgres", unreadable);
            if (std::ranges::find(seen, real) != seen.end()) continue;
            seen.push_back(real);
            if (auto found = look_at(folder, who)) all.push_back(std::move(*found));
        }
        std::ranges::sort(all,
                          [](const installation& a, const installation& b) { return is_older(b.version, a.version); });
        return all;
    }

    installation find(const settings& with, const account& who, std::string_view wanted) const override {
        const auto all = find_all(with, who);
        std::string others;
        for (const auto& each : all) {
            if (wanted.empty() || each.series == wanted) return each;
            others += fmt::format("{}{}", others.empty() ? "" : ", ", each.version);
        }
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

    std::vector<command> template_creation(const installation& of, const site& at) const override {
        // --no-sync: the keeper brings the whole folder to disk before it gets its name. Each cluster replaces the
        // password by one of its own.
        return {{.words = {of.program.parent_path() / "initdb", "--pgdata=" + at.data.string(),
                           fmt::format("--username={}", administrator), "--pwfile=/dev/stdin",
                           "--auth-local=scram-sha-256", "--auth-host=scram-sha-256", "--encoding=UTF8",
                           "--locale=" + locale_for_data(), "--data-checksums", "--no-instructions", "--no-sync"},
                 .input = core::secret_text(core::random_alphanumeric(32) + "\n")}};
    }

    std::vector<command> completion(const installation& of, const site& at, const owner& whose) const override {
        // -j: a statement ends with a semicolon and an empty line.
        std::string script = fmt::format("ALTER ROLE {} PASSWORD {};\n\n", administrator,
                                         in_quotes(whose.administrator_verifier.reveal(), '\''));
        script +=
            fmt::format("CREATE ROLE {} SUPERUSER CREATEDB CREATEROLE REPLICATION BYPASSRLS LOGIN PASSWORD {};\n\n",
                        in_quotes(whose.master_user, '"'), in_quotes(whose.master_verifier.reveal(), '\''));
        if (!whose.database.empty() && whose.database != "postgres") {
            script += fmt::format("CREATE DATABASE {} OWNER {};\n\n", in_quotes(whose.database, '"'),
                                  in_quotes(whose.master_user, '"'));
        }
        // A crash before the folder has its name leaves nothing that anybody would use.
        return {{.words = {of.program, "--single", "-j", "-D", at.data, "-c", "listen_addresses=", "-c",
                           "exit_on_error=on", "-c", "fsync=off", "-c", "log_statement=none", "-c",
                           "log_min_error_statement=panic", "postgres"},
                 .input = core::secret_text(std::move(script))}};
    }

    core::secret_text verifier(const core::secret_text& password) const override { return scram_verifier(password); }

    std::vector<std::string> password_change(const owner& whose) const override {
        return {fmt::format("ALTER ROLE {} PASSWORD {}", in_quotes(whose.master_user, '"'),
                            in_quotes(whose.master_verifier.reveal(), '\''))};
    }

    std::vector<std::string> scaling_to(std::size_t megabytes) const override {
        // What a reload takes: shared_buffers is not among it. @see PostgreSQL manual, 20.4 and 20.7.2.
        return {fmt::format("ALTER SYSTEM SET work_mem = '{}MB'", std::clamp<std::size_t>(megabytes / 32, 4, 1024)),
                fmt::format("ALTER SYSTEM SET maintenance_work_mem = '{}MB'",
                            std::clamp<std::size_t>(megabytes / 8, 16, 4096)),
                fmt::format("ALTER SYSTEM SET effective_cache_size = '{}MB'",
                            std::clamp<std::size_t>(megabytes * 3 / 4, 64, 1U << 20U)),
                "SELECT pg_reload_conf()"};
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
                          "unix_socket_directories=" + in_quotes(at.run.string(), '"'),
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
                .death_signal = SIGINT,
                // Until PostgreSQL 14 the statistics collector has a UDP socket on the loopback interface.
                .network = is_older(of.series, "15")};
    }

    void clear_stale_files(const site& at) const override {
        // A process id that somebody else has got since would keep it from starting.
        fs::remove(at.data / "postmaster.pid");
        fs::remove(at.run / socket_file.substr(1));
        fs::remove(at.run / (std::string(socket_file.substr(1)) + ".lock"));
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

    std::string_view socket_name() const noexcept override { return socket_file; }
};

}  // namespace

const flavour& postgresql_flavour() {
    static const postgresql only;
    return only;
}

}  // namespace borealis::clusters
