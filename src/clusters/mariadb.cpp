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
#include "clusters/password.hpp"

namespace borealis::clusters {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr std::string_view socket_file = "/mysqld.sock";

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

    std::vector<installation> find_all(const settings& with, const account& who) const override {
        std::vector<fs::path> programs = {with.mariadbd};
        if (with.mariadbd.empty()) {
            programs.clear();
            // Folders that an ordinary user's PATH leaves out.
            for (const auto& folder : program_folders({"/usr/sbin", "/usr/libexec", "/usr/local/sbin"})) {
                programs.push_back(folder / "mariadbd");
                programs.push_back(folder / "mysqld");  // MariaDB's name before 10.5; MySQL's own is passed over
            }
        }
        std::vector<installation> all;
        std::vector<fs::path> seen;  // mysqld is a link to mariadbd
        for (const auto& program : programs) {
            std::error_code ignored;  // then as it stands
            const auto real = fs::weakly_canonical(program, ignored);
            if (std::ranges::find(seen, real) != seen.end()) continue;
            seen.push_back(real);
            if (auto found = look_at(program, who)) all.push_back(std::move(*found));
        }
        std::ranges::sort(all,
                          [](const installation& a, const installation& b) { return is_older(b.version, a.version); });
        return all;
    }

    installation find(const settings& with, const account& who, std::string_view wanted) const override {
        const auto all = find_all(with, who);
        for (const auto& each : all) {
            if (wanted.empty() || each.series == wanted) return each;
        }
        if (!all.empty()) {
            throw std::runtime_error(
                fmt::format("its data was made by MariaDB {}, and {} is {}: install the former (mariadb-server-core) "
                            "and set mariadbd, or remove the cluster",
                            wanted, all.front().program.string(), all.front().version));
        }
        if (!with.mariadbd.empty())
            throw std::runtime_error(fmt::format("mariadbd = \"{}\": no MariaDB server that user {} can run",
                                                 with.mariadbd.string(), who.name));
        throw std::runtime_error(
            "MariaDB is not installed (no mariadbd in /usr/sbin, /usr/libexec or PATH): apt-get install "
            "mariadb-server-core, or "
            "set mariadbd");
    }

    std::vector<command> template_creation(const installation& of, const site& at) const override {
        const auto base = base_of(of);
        // The words of mariadb-install-db, which is a shell script around the same call.
        std::string script =
            "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n" + system_tables(base) + "\n";
        // Nobody gets in, neither anonymously nor as the root that the scripts make. mariadb.sys, the owner of the
        // system views, is locked.
        script += "DELETE FROM mysql.global_priv WHERE User <> 'mariadb.sys';\nDELETE FROM mysql.proxies_priv;\n";
        return {bootstrap(of, at, std::move(script))};
    }

    std::vector<command> completion(const installation& of, const site& at, const owner& whose) const override {
        std::string script = "FLUSH PRIVILEGES;\n";  // bootstrap knows no accounts until it has read them
        const auto add = [&script](std::string_view user, std::string_view host, const core::secret_text& verifier) {
            script += fmt::format(
                "CREATE USER {0}@'{1}' IDENTIFIED VIA mysql_native_password USING {2};\n"
                "GRANT ALL PRIVILEGES ON *.* TO {0}@'{1}' WITH GRANT OPTION;\n",
                literal(user), host, literal(verifier.reveal()));
        };
        add(administrator, "localhost", whose.administrator_verifier);
        for (const std::string_view host : {"%", "localhost"}) add(whose.master_user, host, whose.master_verifier);
        if (!whose.database.empty())
            script += fmt::format("CREATE DATABASE IF NOT EXISTS `{}` CHARACTER SET utf8mb4;\n", whose.database);
        return {bootstrap(of, at, std::move(script))};
    }

    core::secret_text verifier(const core::secret_text& password) const override {
        return native_password_hash(password);
    }

    std::vector<std::string> password_change(const owner& whose) const override {
        std::vector<std::string> all;
        for (const std::string_view host : {"%", "localhost"}) {
            all.push_back(fmt::format("ALTER USER {}@'{}' IDENTIFIED VIA mysql_native_password USING {}",
                                      literal(whose.master_user), host, literal(whose.master_verifier.reveal())));
        }
        return all;
    }

    std::vector<std::string> scaling_to(std::size_t megabytes) const override {
        // Resized in the background, in chunks, while it serves. @see MariaDB Knowledge Base,
        // "innodb_buffer_pool_size".
        return {
            fmt::format("SET GLOBAL innodb_buffer_pool_size = {}", std::clamp<std::size_t>(megabytes / 2, 16, 1U << 20U)
                                                                       << 20U),
            fmt::format("SET GLOBAL tmp_table_size = {0}", std::clamp<std::size_t>(megabytes / 16, 4, 1024) << 20U)};
    }

    command service(const installation& of, const site& at) const override {
        // Small, for many clusters on one developer's machine; durability is MariaDB's default, a flush for each
        // commit.
        return {.words = {of.program,
                          "--no-defaults",
                          "--basedir=" + base_of(of).string(),
                          "--datadir=" + at.data.string(),
                          "--tmpdir=" + at.temporary.string(),
                          "--socket=" + at.run.string() + std::string(socket_file),
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
        const std::string path = at.run.string() + std::string(socket_file);
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
            .host = {}, .port = 0, .socket = at.run.string() + std::string(socket_file), .tls = sql::tls_mode::disable};
    }

    std::string_view socket_name() const noexcept override { return socket_file; }

 private:
    static command bootstrap(const installation& of, const site& at, std::string script) {
        return {.words = {of.program, "--no-defaults", "--bootstrap", "--silent-startup",
                          "--basedir=" + base_of(of).string(), "--datadir=" + at.data.string(),
                          "--tmpdir=" + at.temporary.string(), "--log-warnings=0",
                          "--enforce-storage-engine=", "--max-allowed-packet=8M", "--net-buffer-length=16K",
                          "--lc-messages=en_US", "--innodb-buffer-pool-size=64M", log_file_size},
                .input = core::secret_text(std::move(script))};
    }

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
