#include "postgres/driver.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/log.hpp"
#include "postgres/canceller.hpp"
#include "postgres/errors.hpp"
#include "postgres/handles.hpp"
#include "postgres/libpq.hpp"
#include "postgres/libpq_session.hpp"
#include "postgres/native_session.hpp"
#include "postgres/socket_watch.hpp"

namespace borealis::postgres {
namespace {

namespace asio = core::asio;
using boost::system::error_code;
using sql::failure;
using sql::failure_kind;

/// A path under which there is never a file: libpq then looks at none, not even at those of the home directory.
constexpr const char* no_file = "/dev/null/none";
constexpr const char* system_bundle = "/etc/ssl/certs/ca-certificates.crt";

/// Start-up values are what DISCARD ALL goes back to, and they outrank those of ALTER ROLE and ALTER DATABASE.
constexpr const char* session_options =
    "-c TimeZone=UTC -c DateStyle=ISO,MDY -c IntervalStyle=postgres -c bytea_output=hex -c extra_float_digits=1"
    " -c standard_conforming_strings=on";

failure unreachable(std::string message) { return {.kind = failure_kind::unreachable, .message = std::move(message)}; }

failure too_late() { return unreachable("The database did not answer in time."); }

/// See make_driver(). Each of libpq's variables is PG and capital letters (PQconndefaults() would load libpq for it).
void clear_environment() {
    std::vector<std::string> found;
    for (char* const* one = environ; one != nullptr && *one != nullptr; ++one) {
        const std::string_view line(*one);
        const auto name = line.substr(0, line.find('='));
        if (name.starts_with("PG") && std::ranges::all_of(name, [](char c) { return c >= 'A' && c <= 'Z'; }))
            found.emplace_back(name);
    }
    for (const auto& name : found) ::unsetenv(name.c_str());
}

const char* mode_name(sql::tls_mode mode) {
    switch (mode) {
        case sql::tls_mode::disable:
            return "disable";
        case sql::tls_mode::prefer:
            return "prefer";
        case sql::tls_mode::require:
            return "require";
        case sql::tls_mode::verify_ca:
            return "verify-ca";
        case sql::tls_mode::verify_full:
            return "verify-full";
    }
    return "verify-full";
}

std::string file_or_none(const std::string& file) { return file.empty() ? no_file : file; }

std::string root_file(const sql::endpoint& to) {
    if (!to.tls_ca_file.empty()) return to.tls_ca_file;
    const bool verifies = to.tls == sql::tls_mode::verify_ca || to.tls == sql::tls_mode::verify_full;
    // With sslmode=require libpq would verify as soon as it finds a root certificate.
    return verifies && ::access(system_bundle, R_OK) == 0 ? system_bundle : no_file;
}

struct parameters {
    std::vector<const char*> names;
    std::vector<const char*> values;

    void add(const char* name, const char* value) {
        names.push_back(name);
        values.push_back(value);
    }
};

using addresses = std::vector<std::string>;
using resolver = asio::ip::basic_resolver<asio::ip::tcp, core::executor>;

/// A name look-up that somebody may stop waiting for: getaddrinfo cannot be interrupted.
struct look_up {
    explicit look_up(const core::executor& home) : names(home), alarm(home) {}
    resolver names;
    core::timer alarm;
    bool done = false;
    error_code failed;
    addresses found;
};

core::awaitable<sql::result<addresses>> resolve(const std::string& host, core::deadline until) {
    error_code not_numeric;
    asio::ip::make_address(host, not_numeric);
    if (!not_numeric) co_return addresses{host};
    const auto shared = std::make_shared<look_up>(co_await asio::this_coro::executor);  // with the handler below
    shared->alarm.expires_at(until.at());
    shared->names.async_resolve(host, "", [shared](error_code ec, const resolver::results_type& all) {
        shared->done = true;
        shared->failed = ec;
        for (const auto& one : all) {
            auto text = one.endpoint().address().to_string();
            if (std::ranges::find(shared->found, text) == shared->found.end()) shared->found.push_back(std::move(text));
        }
        shared->alarm.cancel();
    });
    while (!shared->done && !until.passed()) co_await shared->alarm.async_wait(core::as_tuple);
    if (!shared->done) co_return std::unexpected(too_late());
    if (shared->failed || shared->found.empty()) {
        core::log(core::log_level::warning, "postgres: cannot resolve {}: {}", host, shared->failed.message());
        co_return std::unexpected(unreachable("The database's host name cannot be resolved."));
    }
    co_return std::move(shared->found);
}

/// Whether libpq is there; what is missing is logged. The first call loads it.
bool loads_libpq() {
    try {
        return PQlibVersion() != 0;
    } catch (const std::runtime_error& problem) {
        core::log(core::log_level::error, "postgres: {}", problem.what());
        return false;
    }
}

void drop_notice(void* /*unused*/, const pg_result* /*unused*/) {}

class postgres_driver final : public sql::driver {
 public:
    postgres_driver(protocol spoken, const sql::session_settings& with)
        : spoken_(spoken), canceller_(std::make_shared<canceller>()), with_(with) {}

    [[nodiscard]] sql::dialect speaks() const noexcept override { return sql::dialect::postgresql; }

    core::awaitable<sql::result<std::unique_ptr<sql::connection>>> connect(const sql::endpoint& to,
                                                                           const sql::login& as,
                                                                           const std::string& database,
                                                                           core::deadline until) override {
        if (!loads_libpq())
            co_return std::unexpected(unreachable("The server has no client library for PostgreSQL (libpq)."));
        // libpq takes an empty user for the one the program runs as, and every text up to its first zero byte.
        if (as.user.empty()) {
            co_return std::unexpected(failure{.kind = failure_kind::login,
                                              .message = "no PostgreSQL user name specified in startup packet",
                                              .sqlstate = "28000",
                                              .severity = "FATAL"});
        }
        for (const std::string* text : {&as.user, &as.password.reveal(), &database}) {
            if (text->find('\0') == std::string::npos) continue;
            co_return std::unexpected(failure{.kind = failure_kind::login,
                                              .message = "invalid byte sequence for encoding \"UTF8\": 0x00",
                                              .sqlstate = "22021",
                                              .severity = "FATAL"});
        }
        addresses all = {""};
        if (to.socket.empty()) {
            auto found = co_await resolve(to.host, until);
            if (!found) co_return std::unexpected(std::move(found.error()));
            all = std::move(*found);
        }
        failure last = too_late();
        for (std::size_t i = 0; i < all.size(); ++i) {
            // An address that swallows packets must leave time for the next.
            const auto share = until.at() == core::clock::time_point::max()
                                   ? until
                                   : core::deadline::after(until.left() / static_cast<int>(all.size() - i));
            auto made = co_await connect_to(to, all[i], as, database, share);
            if (made || made.error().kind == failure_kind::login) co_return made;
            last = std::move(made.error());
        }
        co_return std::unexpected(std::move(last));
    }

 private:
    core::awaitable<sql::result<std::unique_ptr<sql::connection>>> connect_to(const sql::endpoint& to,
                                                                              const std::string& address,
                                                                              const sql::login& as,
                                                                              const std::string& database,
                                                                              core::deadline until) {
        const core::executor home = co_await asio::this_coro::executor;
        const std::string port = fmt::to_string(to.port);
        const std::string root = root_file(to);
        const std::string certificate = file_or_none(to.tls_certificate_file);
        const std::string key = file_or_none(to.tls_key_file);
        parameters with;
        with.add("host", to.socket.empty() ? to.host.c_str() : to.socket.c_str());
        if (!address.empty()) with.add("hostaddr", address.c_str());
        with.add("port", port.c_str());
        with.add("user", as.user.c_str());
        with.add("password", as.password.reveal().c_str());
        with.add("dbname", database.empty() ? "postgres" : database.c_str());
        with.add("passfile", no_file);
        with.add("sslmode", mode_name(to.tls));
        with.add("sslrootcert", root.c_str());
        with.add("sslcert", certificate.c_str());
        with.add("sslkey", key.c_str());
        with.add("sslcrl", no_file);
        with.add("gssencmode", "disable");
        with.add("application_name", "borealis");
        with.add("client_encoding", "UTF8");
        with.add("options", session_options);
        const auto idle = fmt::to_string(with_.keepalive_idle.count());
        const auto interval = fmt::to_string(with_.keepalive_interval.count());
        const auto count = fmt::to_string(with_.keepalive_count);
        const auto unanswered = fmt::to_string(with_.user_timeout.count());
        with.add("keepalives", with_.keepalive_idle.count() != 0 ? "1" : "0");
        with.add("keepalives_idle", idle.c_str());
        with.add("keepalives_interval", interval.c_str());
        with.add("keepalives_count", count.c_str());
        with.add("tcp_user_timeout", unanswered.c_str());  // also bounds a cancel request's connect
        with.add(nullptr, nullptr);

        connection_handle made(PQconnectStartParams(with.names.data(), with.values.data(), 0));
        if (made == nullptr) throw std::bad_alloc();
        pg_conn* const c = made.get();
        PQsetNoticeReceiver(c, drop_notice, nullptr);
        PQsetErrorVerbosity(c, PQERRORS_VERBOSE);  // see connect_failure_of()
        socket_watch socket(home);
        auto state = PQstatus(c) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
        while (state != PGRES_POLLING_OK) {
            if (state == PGRES_POLLING_FAILED) {
                core::log(core::log_level::warning, "postgres: {}", PQerrorMessage(c));
                if (PQconnectionNeedsPassword(c) != 0) {
                    co_return std::unexpected(
                        failure{.kind = failure_kind::login,
                                .message = fmt::format("password authentication failed for user \"{}\"", as.user),
                                .sqlstate = "28P01",
                                .severity = "FATAL"});
                }
                co_return std::unexpected(connect_failure_of(PQerrorMessage(c)));
            }
            // libpq may have opened another socket, perhaps under the same number.
            socket.watch(PQsocket(c));
            const auto how =
                co_await socket.wait(state == PGRES_POLLING_READING ? interest::read : interest::write, until);
            socket.unwatch();
            if (how == waited::timed_out) co_return std::unexpected(too_late());
            state = PQconnectPoll(c);
        }
        // libpq may have been built with another TLS library than ours.
        const bool reachable = PQsslInUse(c) == 0 || PQsslStruct(c, "OpenSSL") != nullptr;
        if (spoken_ == protocol::native && reachable) {
            co_return std::make_unique<native_session>(home, std::move(made), canceller_, with_);
        }
        co_return std::make_unique<libpq_session>(home, std::move(made), canceller_, with_.statements);
    }

    protocol spoken_;
    std::shared_ptr<canceller> canceller_;  // shared with the sessions, which may outlive the driver
    const sql::session_settings with_;
};

}  // namespace

std::unique_ptr<sql::driver> make_driver(protocol spoken, const sql::session_settings& with) {
    static std::once_flag cleared;
    std::call_once(cleared, clear_environment);
    return std::make_unique<postgres_driver>(spoken, with);
}

std::unique_ptr<sql::driver> make_driver(const sql::session_settings& with) {
    return make_driver(protocol::native, with);
}

}  // namespace borealis::postgres
