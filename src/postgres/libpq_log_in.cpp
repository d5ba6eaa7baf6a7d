#include "postgres/libpq_log_in.hpp"

#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "core/log.hpp"
#include "postgres/errors.hpp"
#include "postgres/libpq.hpp"
#include "postgres/socket_watch.hpp"
#include "postgres/start_up.hpp"

namespace borealis::postgres {
namespace {

namespace asio = core::asio;
using sql::failure;
using sql::failure_kind;

/// A path under which there is never a file: libpq then looks at none, not even at those of the home directory.
constexpr const char* no_file = "/dev/null/none";
constexpr const char* system_bundle = "/etc/ssl/certs/ca-certificates.crt";

failure unreachable(std::string message) { return {.kind = failure_kind::unreachable, .message = std::move(message)}; }

failure too_late() { return unreachable("The database did not answer in time."); }

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

/// A FATAL that came together with the end of the log-in.
void take_notice(void* ended, const pg_result* notice) {
    const char* const severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    const std::string_view text = severity == nullptr ? "" : severity;
    if (text == "FATAL" || text == "PANIC" || text == "ERROR") *static_cast<bool*>(ended) = true;
}

struct release_cancel {
    void operator()(pg_cancel* which) const noexcept { PQfreeCancel(which); }
};

class libpq_cancel final : public cancel_request {
 public:
    explicit libpq_cancel(pg_conn* of) : of_(PQgetCancel(of)) {
        if (of_ == nullptr) throw std::runtime_error("libpq: out of memory");
    }

    [[nodiscard]] std::string send() const override {
        std::array<char, 256> why{};
        return PQcancel(of_.get(), why.data(), static_cast<int>(why.size())) != 0 ? "" : why.data();
    }

 private:
    std::unique_ptr<pg_cancel, release_cancel> of_;
};

}  // namespace

core::awaitable<sql::result<connection_handle>> log_in_by_libpq(const sql::endpoint& to, const std::string& address,
                                                                const sql::login& as, const std::string& database,
                                                                const sql::session_settings& settings,
                                                                core::deadline until) {
    if (!loads_libpq()) {
        co_return std::unexpected(unreachable("The server has no client library for PostgreSQL (libpq)."));
    }
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
    with.add("dbname", database.empty() ? default_database : database.c_str());
    with.add("passfile", no_file);
    with.add("sslmode", mode_name(to.tls));
    with.add("sslrootcert", root.c_str());
    with.add("sslcert", certificate.c_str());
    with.add("sslkey", key.c_str());
    with.add("sslcrl", no_file);
    with.add("gssencmode", "disable");
    with.add("application_name", application_name);
    with.add("client_encoding", "UTF8");
    with.add("options", session_options);
    const auto idle = fmt::to_string(settings.keepalive_idle.count());
    const auto interval = fmt::to_string(settings.keepalive_interval.count());
    const auto count = fmt::to_string(settings.keepalive_count);
    const auto unanswered = fmt::to_string(settings.user_timeout.count());
    with.add("keepalives", settings.keepalive_idle.count() != 0 ? "1" : "0");
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
    socket_watch socket(co_await asio::this_coro::executor);
    auto state = PQstatus(c) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (state != PGRES_POLLING_OK) {
        if (state == PGRES_POLLING_FAILED) {
            core::log(core::log_level::warning, "postgres: {}", PQerrorMessage(c));
            if (PQconnectionNeedsPassword(c) != 0) {
                co_return std::unexpected(needs_password(as.user));
            }
            co_return std::unexpected(connect_failure_of(PQerrorMessage(c)));
        }
        // libpq may have opened another socket, perhaps under the same number.
        socket.watch(PQsocket(c));
        const auto how = co_await socket.wait(state == PGRES_POLLING_READING ? interest::read : interest::write, until);
        socket.unwatch();
        if (how == waited::timed_out) co_return std::unexpected(too_late());
        state = PQconnectPoll(c);
    }
    co_return std::move(made);
}

std::shared_ptr<const cancel_request> cancels_of(pg_conn* which) { return std::make_shared<libpq_cancel>(which); }

std::optional<established> hand_over(connection_handle& made) {
    pg_conn* const c = made.get();
    void* const tls = PQsslStruct(c, "OpenSSL");
    // libpq may have been built with another TLS library than ours.
    if (PQsslInUse(c) != 0 && tls == nullptr) return std::nullopt;
    if (PQsetnonblocking(c, 1) != 0) throw std::runtime_error("libpq: out of memory");
    established out;
    out.descriptor = PQsocket(c);
    out.tls = tls;
    out.backend_id = PQbackendPID(c);
    out.cancels = cancels_of(c);
    // What came together with the end of the log-in is in libpq's buffer: whole messages that nobody has asked for. Of
    // a part of one, which no server sends by itself, the rest would make no sense to us: the session would be over.
    PQsetNoticeReceiver(c, take_notice, &out.ended);
    if (PQisBusy(c) != 0) out.ended = true;
    while (auto* unwanted = PQnotifies(c)) PQfreemem(unwanted);
    PQsetNoticeReceiver(c, drop_notice, nullptr);
    out.by_libpq = std::move(made);
    return out;
}

}  // namespace borealis::postgres
