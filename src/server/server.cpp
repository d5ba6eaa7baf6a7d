#include "server/server.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <stdexcept>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/async.hpp"
#include "core/log.hpp"
#include "core/random.hpp"
#include "data_api/service.hpp"
#include "json/writer.hpp"
#include "mysql/driver.hpp"
#include "postgres/driver.hpp"
#include "server/directory.hpp"
#include "server/router.hpp"
#include "server/session.hpp"

namespace borealis::server {
namespace {

namespace asio = core::asio;
using asio::ip::tcp;
using tcp_acceptor = asio::basic_socket_acceptor<tcp, core::executor>;

constexpr std::chrono::milliseconds tick_every{1'000};
/// A master password nobody has to type.
constexpr std::size_t password_length = 32;

std::string login_json(std::string_view user, std::string_view password, std::string_view database,
                       std::string_view engine, std::string_view cluster) {
    std::string out = "{";
    const auto member = [&](std::string_view name, std::string_view value) {
        if (value.empty() && name != "password") return;
        if (out.size() > 1) out += ',';
        json::append_string(out, name);
        out += ':';
        json::append_string(out, value);
    };
    member("username", user);
    member("password", password);
    member("engine", engine);
    member("dbname", database);
    member("dbClusterIdentifier", cluster);
    return out + '}';
}

/// The master login of a managed cluster: kept in the store under the cluster's name, made the first time.
core::secret_text master_password(secrets::store& in, const declared_managed& of, std::string_view user) {
    if (const auto known = in.get(of.id)) {
        json::document parser;
        const auto root = parser.parse_copy(known->text.reveal());
        const auto* password = root && (*root)->is() == json::kind::object ? (*root)->find("password") : nullptr;
        if (password == nullptr || password->is() != json::kind::string) {
            throw std::runtime_error(fmt::format(
                "the secret `{}` of the managed cluster has no password any more; delete the secret and the "
                "cluster, or put the password back",
                of.id));
        }
        return core::secret_text(std::string(password->text()));
    }
    core::secret_text password(core::random_alphanumeric(password_length));
    const auto engine = of.is == clusters::engine::postgresql ? "postgres" : "mysql";
    const auto made =
        in.put(of.id, core::secret_text(login_json(user, password.reveal(), "", engine, of.id)),
               fmt::format("Master login of the managed cluster {}", of.id), secrets::store::if_exists::fail);
    if (!made) throw std::runtime_error(made.error().message);
    return password;
}

tcp::endpoint endpoint_of(const config& with) {
    boost::system::error_code failed;
    const auto address = asio::ip::make_address(with.address, failed);
    if (failed) throw std::runtime_error(fmt::format("`listen`: `{}` is no IP address", with.address));
    return {address, with.port};
}

/// Says what happens again and again at most this often.
class seldom {
 public:
    [[nodiscard]] bool now() {
        const auto at = core::clock::now();
        if (at < next_) return false;
        next_ = at + std::chrono::seconds(5);
        return true;
    }

 private:
    core::clock::time_point next_ = core::clock::time_point::min();
};

/// For coroutines that nobody waits for.
struct log_exception_of {
    std::string_view what;
    void operator()(const std::exception_ptr& thrown) const {
        if (!thrown) return;
        try {
            std::rethrow_exception(thrown);
        } catch (const std::exception& e) {
            core::log(core::log_level::error, "{} ended in an exception: {}", what, e.what());
        }
    }
};

/// The second SIGINT or SIGTERM: whoever sends it does not want to wait. Databases end with their parent.
void end_at_once(int number) { ::_exit(128 + number); }

/// SO_REUSEPORT: each thread has a listening socket of its own, and the kernel spreads connections over them.
using reuse_port = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

}  // namespace

opened_state open_state(config& with, bool manage) {
    if (with.state_folder.empty()) with.state_folder = default_state_folder();
    opened_state made;
    made.secrets = std::make_unique<secrets::store>(
        secrets::settings{.folder = with.state_folder, .region = with.region, .account = with.account});
    clusters::settings where;
    where.folder = with.state_folder;
    where.region = with.region;
    where.account = with.account;
    where.run_as = with.run_databases_as;
    where.postgres_bin = with.postgres_bin;
    where.mariadbd = with.mariadbd;
    where.manage = manage;
    made.clusters = std::make_unique<clusters::registry>(where);

    for (const auto& secret : with.secrets) {
        made.secrets->declare(
            secret.name, secret.arn,
            core::secret_text(login_json(secret.username, secret.password.reveal(), secret.database, "", "")));
    }
    for (const auto& cluster : with.external) made.clusters->declare(cluster);
    auto managed = with.managed;
    if (with.default_clusters) {
        managed.push_back({.id = std::string(default_postgresql_id),
                           .arn = "",
                           .is = clusters::engine::postgresql,
                           .default_database = "borealis"});
        managed.push_back({.id = std::string(default_mysql_id),
                           .arn = "",
                           .is = clusters::engine::mysql,
                           .default_database = "borealis"});
    }
    for (const auto& cluster : managed) {
        const std::string user = cluster.is == clusters::engine::postgresql ? "postgres" : "admin";
        made.clusters->declare(
            clusters::managed_cluster{.id = cluster.id,
                                      .arn = cluster.arn,
                                      .is = cluster.is,
                                      .default_database = cluster.default_database,
                                      .master_user = user,
                                      .master_password = master_password(*made.secrets, cluster, user),
                                      .profile = cluster.profile});
    }
    return made;
}

struct running_server::parts {
    /// One thread: its loop, its socket, its share of everything.
    struct worker {
        explicit worker(parts& whole, std::uint8_t index)
            : loop(1),
              acceptor(loop.get_executor()),
              names(*whole.state.clusters, *whole.state.secrets, whole.engines, whole.with),
              api(loop.get_executor(), index, {.transactions = whole.with.transactions}, names, whole.budgets),
              routes(whole.with, api, *whole.state.secrets),
              clients(whole.with.limits, routes) {}

        asio::io_context loop;
        tcp_acceptor acceptor;
        directory names;
        data_api::service api;
        router routes;
        sessions clients;
        std::thread thread;
    };

    explicit parts(config given) : with(std::move(given)) {}
    parts(const parts&) = delete;
    parts& operator=(const parts&) = delete;
    ~parts() {
        // A call that outlived the drain still refers to its worker from a suspended coroutine: it is left to the end
        // of the process rather than pulled from under it.
        static auto& cut_off = *new std::vector<std::unique_ptr<worker>>;  // never destroyed
        for (auto& on : workers) {
            if (on->clients.open() != 0) cut_off.push_back(std::move(on));
        }
    }

    core::awaitable<void> accept(worker& on);
    core::awaitable<void> tick(worker& on);
    core::awaitable<void> drain(worker& on, core::deadline until);
    void start();
    void finish() noexcept;

    config with;
    opened_state state;
    drivers engines;
    pool::shared_budgets budgets;
    std::vector<std::unique_ptr<worker>> workers;
    std::vector<data_api::service*> services;
    std::atomic<std::size_t> connections = 0;
    std::atomic<bool> stopping = false;
    std::promise<void> asked_to_stop;
    std::uint16_t port = 0;
};

core::awaitable<void> running_server::parts::accept(worker& on) {
    seldom failing;
    seldom full;
    while (!stopping) {
        auto [failed, socket] = co_await on.acceptor.async_accept(core::as_tuple);
        if (failed == asio::error::operation_aborted || stopping) co_return;
        if (failed) {  // out of descriptors, or the client is gone again: neither ends the server
            if (failed != asio::error::connection_aborted) {
                if (failing.now())
                    core::log(core::log_level::warning, "cannot accept a connection: {}", failed.message());
                core::timer pause(on.loop.get_executor(), std::chrono::milliseconds(100));
                [[maybe_unused]] const auto [ignored] = co_await pause.async_wait(core::as_tuple);
            }
            continue;
        }
        if (connections.load(std::memory_order_relaxed) >= with.limits.connections) {
            if (full.now()) {
                core::log(core::log_level::warning, "new connections are closed: `limits.connections` = {} are open",
                          with.limits.connections);
            }
            continue;
        }
        boost::system::error_code ignored;  // slower without, not wrong
        socket.set_option(tcp::no_delay(true), ignored);
        connections.fetch_add(1, std::memory_order_relaxed);
        asio::co_spawn(on.loop.get_executor(), on.clients.serve(std::move(socket)),
                       [this](const std::exception_ptr& thrown) {
                           connections.fetch_sub(1, std::memory_order_relaxed);
                           log_exception_of{"a connection"}(thrown);
                       });
    }
}

core::awaitable<void> running_server::parts::tick(worker& on) {
    core::timer clock(on.loop.get_executor());
    while (true) {
        clock.expires_after(tick_every);
        const auto [failed] = co_await clock.async_wait(core::as_tuple);
        if (failed) co_return;
        const auto now = core::clock::now();
        on.clients.sweep(now);
        on.api.tick(now);
    }
}

core::awaitable<void> running_server::parts::drain(worker& on, core::deadline until) {
    boost::system::error_code ignored;  // it is closed either way
    on.acceptor.close(ignored);
    on.clients.drain();
    core::timer pause(on.loop.get_executor());
    while (on.clients.open() != 0 && !until.passed()) {
        pause.expires_after(std::chrono::milliseconds(20));
        [[maybe_unused]] const auto [failed] = co_await pause.async_wait(core::as_tuple);
        on.clients.drain();
    }
    co_await on.api.shut_down(core::deadline::after(std::chrono::seconds(5)));
    on.loop.stop();
}

void running_server::parts::start() {
    ::signal(SIGPIPE, SIG_IGN);  // a client that is gone is an error code, not the end
    core::set_log_level(with.log_level);
    auto at = endpoint_of(with);
    check(with);
    state = open_state(with, true);
    engines = {.postgresql = postgres::make_driver(), .mysql = mysql::make_driver()};
    const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
    const unsigned count = std::min(with.threads == 0 ? cores : with.threads, 128U);
    for (unsigned i = 0; i < count; ++i) {
        auto& on = *workers.emplace_back(std::make_unique<worker>(*this, static_cast<std::uint8_t>(i)));
        services.push_back(&on.api);
        try {
            on.acceptor.open(at.protocol());
            on.acceptor.set_option(tcp_acceptor::reuse_address(true));
            // The first socket binds alone, so that a port which somebody else serves is an error and not a shared one.
            if (i == 0) {
                tcp_acceptor probe(on.loop.get_executor());
                probe.open(at.protocol());
                probe.set_option(tcp_acceptor::reuse_address(true));
                probe.bind(at);
                if (at.port() != 0) probe.listen();
            }
            on.acceptor.set_option(reuse_port(true));
            on.acceptor.bind(at);
            on.acceptor.listen(4096);
        } catch (const boost::system::system_error& e) {
            throw std::runtime_error(
                fmt::format("`listen`: cannot listen on {}:{}: {}; give another address or port with --listen",
                            with.address, at.port(), e.code().message()));
        }
        if (at.port() == 0) at.port(on.acceptor.local_endpoint().port());
    }
    port = at.port();
    for (auto& on : workers) on->api.meet(services);
    for (auto& on : workers) {
        asio::co_spawn(on->loop.get_executor(), accept(*on), log_exception_of{"accepting connections"});
        asio::co_spawn(on->loop.get_executor(), tick(*on), log_exception_of{"a thread's clock"});
        on->thread = std::thread([loop = &on->loop] {
            const auto guard = asio::make_work_guard(*loop);
            loop->run();
        });
    }
}

void running_server::parts::finish() noexcept {
    stopping = true;
    const auto until = core::deadline::after(with.limits.drain);
    std::size_t cut_off = 0;
    for (auto& on : workers) {
        if (on->thread.joinable())
            asio::co_spawn(on->loop.get_executor(), drain(*on, until), log_exception_of{"a drain"});
    }
    for (auto& on : workers) {
        if (!on->thread.joinable()) continue;
        on->thread.join();
        cut_off += on->clients.open();
        on->clients.close_all();
        on->loop.restart();
        on->loop.run_for(std::chrono::milliseconds(200));  // lets what was cut off end in order
    }
    if (cut_off != 0) core::log(core::log_level::warning, "{} calls were cut off", cut_off);
    if (state.clusters) state.clusters->stop_all();
}

running_server::running_server(config with) : parts_(std::make_unique<parts>(std::move(with))) {
    try {
        parts_->start();
    } catch (...) {
        parts_->finish();  // threads that were started already
        throw;
    }
}

running_server::~running_server() { parts_->finish(); }

std::string running_server::url() const {
    const auto& address = parts_->with.address;
    const bool v6 = address.find(':') != std::string::npos;
    return fmt::format("http://{}{}{}:{}", v6 ? "[" : "", address, v6 ? "]" : "", parts_->port);
}

std::uint16_t running_server::port() const { return parts_->port; }

std::vector<clusters::view> running_server::clusters() const { return parts_->state.clusters->list(); }

std::string running_server::secret_of(std::string_view cluster_id) const {
    const auto known = parts_->state.secrets->describe(cluster_id);
    return known ? known->arn : "";
}

void running_server::run() {
    asio::io_context loop(1);
    asio::basic_signal_set<core::executor> signals(loop.get_executor(), SIGINT, SIGTERM);
    signals.async_wait([this](const boost::system::error_code& failed, int) {
        if (!failed) stop();
    });
    std::thread waiting([&loop] { loop.run(); });
    parts_->asked_to_stop.get_future().wait();
    loop.stop();
    waiting.join();
    boost::system::error_code ignored;  // then the next signal is swallowed, and the drain has its limit all the same
    signals.clear(ignored);
    for (const int number : {SIGINT, SIGTERM}) ::signal(number, end_at_once);
    core::log(core::log_level::info, "stopping: no new connections; running calls have {} s",
              parts_->with.limits.drain.count());
    parts_->finish();
}

void running_server::stop() {
    if (!parts_->stopping.exchange(true)) parts_->asked_to_stop.set_value();
}

}  // namespace borealis::server
