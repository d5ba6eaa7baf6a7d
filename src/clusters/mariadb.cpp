// MariaDB: mariadbd, which also makes its system tables. @see MariaDB Knowledge Base, "mariadb-install-db".
#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <system_error>

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "clusters/engine.hpp"

namespace borealis::clusters {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr std::string_view socket_name = "/mysqld.sock";

std::optional<installation> look_at(const fs::path& program, const account& who) {
    std::error_code ignored;  // not to be seen is as good as not there
    if (!fs::exists(program, ignored)) return std::nullopt;
    const auto text = output_of({program, "--no-defaults", "--version"}, who, 10s);
    auto version = version_in(text);
    if (version.empty() || text.find("MariaDB") == std::string::npos) return std::nullopt;
    const auto series = version.substr(0, version.find('.', version.find('.') + 1));
    return installation{program, std::move(version), series};
}

/// A string literal of SQL, with the backslash as its escape (the server's default mode).
std::string literal(std::string_view text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') out += '\\';
        out += c;
    }
    return out + "'";
}

std::string read_file(const fs::path& from) {
    std::ifstream file(from, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    if (!file) throw std::runtime_error(fmt::format("{}: cannot be read", from.string()));
    return text;
}

/// The scripts that make the system tables, in the order of mariadb-install-db; without its megabytes of help texts.
std::string system_tables(const fs::path& base) {
    static constexpr std::array<std::string_view, 3> folders = {"share/mysql", "share/mariadb", "share"};
    static constexpr std::array<std::string_view, 2> prefixes = {"mysql_", "mariadb_"};  // until, and from, MariaDB 11
    for (const auto folder : folders) {
        for (const auto prefix : prefixes) {
            const auto file = [&](std::string_view of) { return base / folder / fmt::format("{}{}.sql", prefix, of); };
            std::error_code ignored;  // not to be seen is as good as not there
            if (!fs::exists(file("system_tables"), ignored)) continue;
            return read_file(file("system_tables")) + read_file(file("performance_tables")) +
                   read_file(file("system_tables_data")) + read_file(base / folder / "maria_add_gis_sp_bootstrap.sql") +
                   read_file(file("sys_schema"));
        }
    }
    throw std::runtime_error(
        fmt::format("MariaDB's mysql_system_tables.sql is not in {}: apt-get install --reinstall mariadb-server-core",
                    (base / "share/mysql").string()));
}

class mariadb final : public flavour {
 public:
    std::string_view name() const noexcept override { return "MariaDB"; }

    installation find(const settings& with, const account& who, std::string_view wanted) const override {
        std::vector<fs::path> programs = {with.mariadbd};
        if (with.mariadbd.empty()) {
            programs.clear();
            // Folders that an ordinary user's PATH leaves out.
            for (const auto& folder : program_folders({"/usr/sbin", "/usr/libexec", "/usr/local/sbin"})) {
                programs.push_back(folder / "mariadbd");
                programs.push_back(folder / "mysqld");  // MariaDB's name before 10.5; MySQL's own is passed over
            }
        }
        std::optional<installation> other;
        for (const auto& program : programs) {
            auto found = look_at(program, who);
            if (!found) continue;
            if (wanted.empty() || found->series == wanted) return *found;
            other = std::move(found);
        }
        if (other) {
            throw std::runtime_error(
                fmt::format("its data was made by MariaDB {}, and {} is {}: install the former (mariadb-server-core) "
                            "and set mariadbd, or remove the cluster",
                            wanted, other->program.string(), other->version));
        }
        if (!with.mariadbd.empty())
            throw std::runtime_error(fmt::format("mariadbd = \"{}\": no MariaDB server that user {} can run",
                                                 with.mariadbd.string(), who.name));
        throw std::runtime_error(
            "MariaDB is not installed (no mariadbd in /usr/sbin, /usr/libexec or PATH): apt-get install "
            "mariadb-server-core, or "
            "set mariadbd");
    }

    std::vector<command> creation(const installation& of, const site& at, const managed_cluster& what) const override {
        const auto base = base_of(of);
        // The words of mariadb-install-db, which is a shell script around the same call.
        std::string script =
            "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n" + system_tables(base) + "\n";
        // Bootstrap knows no accounts until it has read them.
        script += "FLUSH PRIVILEGES;\n";
        for (const std::string_view host : {"%", "localhost"}) {
            script += fmt::format(
                "CREATE USER {0}@'{1}' IDENTIFIED BY {2};\nGRANT ALL PRIVILEGES ON *.* TO {0}@'{1}' WITH GRANT "
                "OPTION;\n",
                literal(what.master_user), host, literal(what.master_password.reveal()));
        }
        // Nobody gets in without the password: neither anonymously nor as the root that the scripts make. mariadb.sys,
        // the owner of the system views, is locked.
        script += fmt::format(
            "DELETE FROM mysql.global_priv WHERE User NOT IN ({}, 'mariadb.sys');\nDELETE FROM mysql.proxies_priv;\n",
            literal(what.master_user));
        if (!what.default_database.empty())
            script += fmt::format("CREATE DATABASE IF NOT EXISTS `{}` CHARACTER SET utf8mb4;\n", what.default_database);
        std::vector<command> steps(1);
        steps[0].words = {of.program,
                          "--no-defaults",
                          "--bootstrap",
                          "--silent-startup",
                          "--basedir=" + base.string(),
                          "--datadir=" + at.data.string(),
                          "--tmpdir=" + at.temporary.string(),
                          "--log-warnings=0",
                          "--enforce-storage-engine=",
                          "--max-allowed-packet=8M",
                          "--net-buffer-length=16K",
                          "--lc-messages=en_US",
                          "--innodb-buffer-pool-size=64M",
                          log_file_size};
        steps[0].input = core::secret_text(std::move(script));
        return steps;
    }

    command service(const installation& of, const site& at) const override {
        // Small, for many clusters on one developer's machine; durability is MariaDB's default, a flush for each
        // commit.
        return {.words = {of.program,
                          "--no-defaults",
                          "--basedir=" + base_of(of).string(),
                          "--datadir=" + at.data.string(),
                          "--tmpdir=" + at.temporary.string(),
                          "--socket=" + at.run.string() + std::string(socket_name),
                          "--pid-file=" + (at.run / "mysqld.pid").string(),
                          "--skip-networking",
                          "--skip-name-resolve",
                          "--skip-log-bin",
                          "--symbolic-links=0",
                          "--local-infile=0",
                          "--secure-file-priv=" + at.temporary.string(),
                          "--character-set-server=utf8mb4",
                          "--default-time-zone=+00:00",
                          "--lc-messages=en_US",
                          "--log-warnings=1",
                          "--max-connections=200",
                          "--max-allowed-packet=64M",
                          "--performance-schema=OFF",
                          "--innodb-buffer-pool-size=64M",
                          log_file_size,
                          "--key-buffer-size=1M",
                          "--aria-pagecache-buffer-size=8M"},
                .death_signal = SIGTERM};
    }

    void clear_stale_files(const site& at) const override {
        // Its own locks end with the process; an old socket it replaces.
        fs::remove(at.run / "mysqld.pid");
    }

    bool is_ready(const site& at, pid_t) const override {
        // The socket is made at the end of recovery; the server's greeting, sent before any login, says that it is
        // served.
        const descriptor to(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const std::string path = at.run.string() + std::string(socket_name);
        if (path.size() >= sizeof address.sun_path) return false;
        std::ranges::copy(path, std::begin(address.sun_path));
        // The address family's own pointer type: connect knows no other.
        if (!to || ::connect(to.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return false;
        pollfd greeting{.fd = to.get(), .events = POLLIN, .revents = 0};
        std::array<char, 5> head{};  // length, sequence number, protocol version 10
        return ::poll(&greeting, 1, 200) == 1 &&
               ::recv(to.get(), head.data(), head.size(), 0) == ssize_t{head.size()} && head[4] == 10;
    }

    int stop_signal() const noexcept override { return SIGTERM; }

    sql::endpoint endpoint(const site& at) const override {
        return {
            .host = {}, .port = 0, .socket = at.run.string() + std::string(socket_name), .tls = sql::tls_mode::disable};
    }

    std::size_t socket_name_size() const noexcept override { return socket_name.size(); }

 private:
    static constexpr const char* log_file_size = "--innodb-log-file-size=32M";

    /// "/usr" of "/usr/sbin/mariadbd".
    static fs::path base_of(const installation& of) {
        std::error_code ignored;  // then the path as it stands
        const auto real = fs::canonical(of.program, ignored);
        return (ignored ? of.program : real).parent_path().parent_path();
    }
};

}  // namespace

const flavour& mariadb_flavour() {
    static const mariadb only;
    return only;
}

}  // namespace borealis::clusters
