#include "mysql/open.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>
#include <errmsg.h>
#include <fcntl.h>
#include <mysql/plugin_auth.h>
#include <mysqld_error.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/log.hpp"
#include "sql/keepalive.hpp"

namespace borealis::mysql {
namespace {

namespace asio = core::asio;

/// libmariadb's st_mysql_client_plugin_AUTHENTICATION. Its header, mysql/client_plugin.h, includes one that Debian does
/// not ship (ma_compress.h, libmariadb-dev 10.11).
struct authentication_plugin {
    MYSQL_CLIENT_PLUGIN_HEADER
    int (*authenticate_user)(MYSQL_PLUGIN_VIO* vio, MYSQL* on);
};
constexpr int authentication_plugin_type = 2;
constexpr unsigned int authentication_plugin_version = 0x0100;

constexpr const char* check_name = "borealis_check_tls";

/// Those that never show the password to a server it was not meant for.
constexpr const char* plugins = "mysql_native_password,caching_sha2_password,sha256_password,client_ed25519";
constexpr const char* plugins_over_tls =
    "mysql_native_password,caching_sha2_password,sha256_password,client_ed25519,mysql_clear_password";

/// What the attempt that runs on this thread asks for; check_tls() knows no other way to learn it.
thread_local sql::tls_mode tls_wanted = sql::tls_mode::disable;

/// libmariadb 3.3 leaves Nagle's algorithm on: two small writes in a row, as the end of a TLS handshake and the login
/// that follows it, cost the 40 ms of a delayed acknowledgement.
void send_at_once(int fd) {
    const int yes = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);  // fails on a Unix socket, which needs it not
}

/// A client plugin that libmariadb runs between the server's greeting and the first byte we send about the login.
/// It closes two holes of libmariadb 3.3 (plugins/auth/my_auth.c, caching_sha2_pw.c): with TLS asked for, but not by
/// MYSQL_OPT_SSL_VERIFY_SERVER_CERT, a server that offers none gets the login in clear; and then caching_sha2_password
/// takes the connection for an encrypted one and sends the password itself. It proves nothing by itself: the server
/// asks for its own plugin next.
int check_tls(MYSQL_PLUGIN_VIO* vio, MYSQL* on) {
    send_at_once(::mysql_get_socket(on));
    if ((on->server_capabilities & CLIENT_SSL) == 0) {
        if (tls_wanted != sql::tls_mode::prefer) {
            on->net.last_errno = CR_SSL_CONNECTION_ERROR;
            std::strcpy(on->net.last_error, "TLS is required, but the server does not offer it");
            std::strcpy(on->net.sqlstate, "HY000");
            return CR_ERROR;
        }
        on->options.use_ssl = 0;
    }
    ::mysql_options(on, MARIADB_OPT_RESTRICTED_AUTH, tls_wanted == sql::tls_mode::prefer ? plugins : plugins_over_tls);
    static constexpr unsigned char nothing = 0;
    return vio->write_packet(vio, &nothing, 0) != 0 ? CR_ERROR : CR_OK;
}

/// Shared by the thread that connects and the coroutine that waits for it; whoever comes last closes the handle.
struct attempt {
    attempt(std::shared_ptr<opening_count> of, sql::endpoint where, sql::login who, std::string what,
            std::chrono::seconds limit, const sql::session_settings& settings)
        : count(std::move(of)),
          to(std::move(where)),
          as(std::move(who)),
          database(std::move(what)),
          timeout(limit),
          with(settings) {}
    attempt(const attempt&) = delete;
    attempt& operator=(const attempt&) = delete;
    ~attempt() {
        if (done >= 0) ::close(done);
    }

    std::shared_ptr<opening_count> count;
    sql::endpoint to;
    sql::login as;
    std::string database;
    std::chrono::seconds timeout;
    sql::session_settings with;
    int done = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    // Written by the thread before `finished`, read by the coroutine after.
    handle made;
    bool refused = false;
    sql::failure problem;
    std::atomic<bool> finished = false;
};

/// Debian's, Fedora's and Alpine's places of the system's certificate authorities.
std::string system_authorities() {
    for (const char* path :
         {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"}) {
        std::error_code ignored;  // a file we may not look at is no candidate
        if (std::filesystem::exists(path, ignored)) return path;
    }
    return "/etc/ssl/certs/ca-certificates.crt";
}

handle try_once(const attempt& of, sql::tls_mode tls, sql::failure& problem) {
    const bool local = !of.to.socket.empty();
    if (local) tls = sql::tls_mode::disable;
    handle made(::mysql_init(nullptr));
    if (!made) {
        problem.message = "out of memory";
        return nullptr;
    }
    MYSQL* const on = made.get();
    const unsigned int seconds = static_cast<unsigned int>(of.timeout.count());
    const unsigned int protocol = local ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    const unsigned int no_files = 0;
    ::mysql_options(on, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
    ::mysql_options(on, MYSQL_OPT_PROTOCOL, &protocol);
    ::mysql_options(on, MYSQL_OPT_LOCAL_INFILE, &no_files);
    ::mysql_options(on, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    ::mysql_options(on, MYSQL_OPT_CONNECT_ATTR_RESET, nullptr);
    ::mysql_options4(on, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "borealis");
    ::mysql_options(on, MARIADB_OPT_RESTRICTED_AUTH, tls == sql::tls_mode::disable ? plugins : check_name);
    tls_wanted = tls;
    if (tls != sql::tls_mode::disable) {
        const my_bool yes = 1;
        ::mysql_options(on, MYSQL_DEFAULT_AUTH, check_name);
        ::mysql_options(on, MYSQL_OPT_SSL_ENFORCE, &yes);
        ::mysql_options(on, MARIADB_OPT_TLS_VERSION, "TLSv1.2,TLSv1.3");
        // libmariadb checks the chain when it has an authority, and the name when told so.
        if (tls >= sql::tls_mode::verify_ca) {
            const std::string authorities = of.to.tls_ca_file.empty() ? system_authorities() : of.to.tls_ca_file;
            ::mysql_options(on, MYSQL_OPT_SSL_CA, authorities.c_str());
        }
        if (tls == sql::tls_mode::verify_full) ::mysql_options(on, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
        if (!of.to.tls_certificate_file.empty()) {
            ::mysql_options(on, MYSQL_OPT_SSL_CERT, of.to.tls_certificate_file.c_str());
            ::mysql_options(on, MYSQL_OPT_SSL_KEY, of.to.tls_key_file.c_str());
        }
    }
    MYSQL* const connected = ::mysql_real_connect(
        on, local ? nullptr : of.to.host.c_str(), of.as.user.c_str(), of.as.password.reveal().c_str(),
        of.database.empty() ? nullptr : of.database.c_str(), of.to.port, local ? of.to.socket.c_str() : nullptr,
        CLIENT_FOUND_ROWS | CLIENT_MULTI_RESULTS);
    if (connected == nullptr) {
        problem.code = static_cast<int>(::mysql_errno(on));
        problem.message = ::mysql_error(on);
        problem.sqlstate = ::mysql_sqlstate(on);
        return nullptr;
    }
    // From here on by the non-blocking calls. Over TLS they call SSL_read, which looks at the descriptor's own mode.
    ::mysql_options(on, MYSQL_OPT_NONBLOCK, nullptr);
    const int fd = ::mysql_get_socket(on);
    send_at_once(fd);
    sql::set_keepalive(fd, of.with);
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    return made;
}

/// Errors of the server's own, which its owner should see; those of the library say that we did not get through to it.
bool is_servers_own(const sql::failure& problem) {
    constexpr int shutting_down = 1053;
    return problem.code > 0 && (problem.code < CR_MIN_ERROR || problem.code > CR_MAX_ERROR) && problem.code < 5000 &&
           problem.code != shutting_down;
}

void connect_here(const std::shared_ptr<attempt>& of) {
    sql::failure problem;
    of->made = try_once(*of, of->to.tls, problem);
    if (!of->made && of->to.tls == sql::tls_mode::prefer && problem.code == CR_SSL_CONNECTION_ERROR) {
        of->made = try_once(*of, sql::tls_mode::disable, problem);
    }
    if (of->made) return;
    of->refused = is_servers_own(problem);
    of->problem = std::move(problem);
}

void run_attempt(std::shared_ptr<attempt> of) {
    connect_here(of);
    const auto count = of->count;
    of->finished.store(true, std::memory_order_release);
    const std::uint64_t one = 1;
    // The counter of a fresh eventfd cannot overflow, so that the write cannot fail.
    [[maybe_unused]] const auto ignored = ::write(of->done, &one, sizeof one);
    of.reset();
    count->remove();
}

/// A thread that takes no signals: those belong to the server's own threads. False where none is left.
bool start_thread(const std::shared_ptr<attempt>& of) {
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    of->count->add();
    bool started = true;
    try {
        std::thread(run_attempt, of).detach();
    } catch (const std::system_error&) {
        of->count->remove();
        started = false;
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
}

sql::failure as_failure(const attempt& of) {
    if (of.refused) {
        sql::failure told = of.problem;
        told.kind = sql::failure_kind::login;
        return told;
    }
    // The library's own text of this one quotes memory that is no longer the plugin's name.
    const bool not_allowed = of.problem.code == CR_PLUGIN_NOT_ALLOWED;
    core::log(core::log_level::warning, "mysql: connecting to {} failed: {} ({})",
              of.to.socket.empty() ? fmt::format("{}:{}", of.to.host, of.to.port) : of.to.socket,
              not_allowed ? "authentication method not allowed" : of.problem.message, of.problem.code);
    switch (of.problem.code) {
        case CR_SSL_CONNECTION_ERROR:
            return {sql::failure_kind::unreachable, "A TLS connection to the database could not be made."};
        case CR_AUTH_PLUGIN_CANNOT_LOAD:
        case CR_PLUGIN_NOT_ALLOWED:
            return {sql::failure_kind::unreachable,
                    "The database asks for an authentication method that is not supported or not allowed without TLS."};
        default:
            return {sql::failure_kind::unreachable, "The database cannot be reached."};
    }
}

}  // namespace

void prepare_library() {
    static std::once_flag once;
    std::call_once(once, [] {
        static authentication_plugin plugin = {
            .type = authentication_plugin_type,
            .interface_version = authentication_plugin_version,
            .name = check_name,
            .author = "Borealis",
            .desc = "Refuses a server without TLS where TLS is asked for",
            .version = {1, 0, 0},
            .license = "",
            .mysql_api = nullptr,
            .init = nullptr,
            .deinit = nullptr,
            .options = nullptr,
            .authenticate_user = check_tls,
        };
        if (::mysql_server_init(0, nullptr, nullptr) != 0) throw std::runtime_error("libmariadb cannot be initialised");
        const handle scratch(::mysql_init(nullptr));
        // The library wants the plugin's common head, as its own plugins give it.
        auto* head = reinterpret_cast<st_mysql_client_plugin*>(&plugin);
        if (!scratch || ::mysql_client_register_plugin(scratch.get(), head) == nullptr) {
            throw std::runtime_error("libmariadb does not take our TLS check");
        }
    });
}

core::awaitable<sql::result<handle>> open(std::shared_ptr<opening_count> count, sql::endpoint to, sql::login as,
                                          std::string database, core::deadline until,
                                          const sql::session_settings& with) {
    using namespace std::chrono_literals;
    const auto left = std::min<core::clock::duration>(until.left(), 60s);
    if (left <= 0s) co_return sql::fail(sql::failure_kind::unreachable, "The database did not answer in time.");
    // libmariadb would take the name of the user we run as.
    if (as.user.empty()) {
        co_return std::unexpected(sql::failure{.kind = sql::failure_kind::login,
                                               .message = "Access denied: the login names no user",
                                               .sqlstate = "28000",
                                               .code = ER_ACCESS_DENIED_ERROR});
    }
    // libmariadb takes a comma for a list of hosts.
    if (to.socket.empty() && (to.host.empty() || to.host.find(',') != std::string::npos)) {
        co_return sql::fail(sql::failure_kind::unreachable, "The database's host name is not one.");
    }
    const auto executor = co_await asio::this_coro::executor;
    const auto mine = std::make_shared<attempt>(std::move(count), std::move(to), std::move(as), std::move(database),
                                                std::chrono::ceil<std::chrono::seconds>(left), with);
    // Nothing is thrown: one may be opened to end a statement that has been sent, whose caller must be told the truth.
    const auto cannot = [](std::string_view what) {
        core::log(core::log_level::warning, "mysql: no connection can be opened: {}", what);
        return sql::fail(sql::failure_kind::unreachable, "The database cannot be reached.");
    };
    if (mine->done < 0) co_return cannot("no descriptor is left");

    // The descriptor is the attempt's: the thread may still need it when we are gone.
    struct borrowed : asio::posix::basic_stream_descriptor<core::executor> {
        using basic_stream_descriptor::basic_stream_descriptor;
        borrowed(const borrowed&) = delete;
        borrowed& operator=(const borrowed&) = delete;
        ~borrowed() { release(); }
    };
    borrowed signal(executor);
    boost::system::error_code unwatched;
    signal.assign(mine->done, unwatched);
    if (unwatched) co_return cannot(unwatched.message());
    if (!start_thread(mine)) co_return cannot("no thread is left");
    // The alarm only cancels the wait; it is gone before `signal`, with the frame.
    core::timer alarm(executor, until.at());
    const auto rang = std::make_shared<borrowed*>(&signal);
    struct silence {
        const std::shared_ptr<borrowed*>& of;
        ~silence() { *of = nullptr; }
    } const silenced{rang};
    alarm.async_wait([rang](const boost::system::error_code& ec) {
        if (!ec && *rang != nullptr) (*rang)->cancel();
    });
    // Asio may report a descriptor ready without its being so, when it has just given up another that was.
    while (!mine->finished.load(std::memory_order_acquire)) {
        const auto [ec] = co_await signal.async_wait(asio::posix::descriptor_base::wait_read, core::as_tuple);
        if (ec || until.passed()) {
            co_return sql::fail(sql::failure_kind::unreachable, "The database did not answer in time.");
        }
    }
    if (!mine->made) co_return std::unexpected(as_failure(*mine));
    co_return std::move(mine->made);
}

}  // namespace borealis::mysql
