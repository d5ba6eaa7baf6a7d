#include "server/server.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <functional>
#include <future>
#include <limits>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/key_ring.hpp"
#include "clusters/watcher.hpp"
#include "core/async.hpp"
#include "core/log.hpp"
#include "core/random.hpp"
#include "data_api/service.hpp"
#include "json/writer.hpp"
#include "mysql/driver.hpp"
#include "postgres/driver.hpp"
#include "server/access_log.hpp"
#include "server/admin.hpp"
#include "server/api_door.hpp"
#include "server/application.hpp"
#include "server/callers.hpp"
#include "server/cluster_sessions.hpp"
#include "server/current_config.hpp"
#include "server/directory.hpp"
#include "server/functions.hpp"
#include "server/given_sockets.hpp"
#include "server/handover.hpp"
#include "server/listening.hpp"
#include "server/logins.hpp"
#include "server/master_logins.hpp"
#include "server/metrics.hpp"
#include "server/reload.hpp"
#include "server/rotation.hpp"
#include "server/router.hpp"
#include "server/service_manager.hpp"
#include "server/session.hpp"
#include "server/tls.hpp"
#include "server/watcher.hpp"

namespace borealis::server {
namespace {

namespace asio = core::asio;
namespace fs = std::filesystem;
using asio::ip::tcp;

constexpr std::chrono::milliseconds tick_every{1'000};
/// Beyond the time that its calls have: its databases stop, and its process ends.
constexpr std::chrono::seconds former_ends_within{60};
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
core::secret_text master_password(secrets::store& in, const clusters::managed_cluster& of) {
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
        in.put(of.id, core::secret_text(login_json(of.master_user, password.reveal(), "", engine, of.id)),
               fmt::format("Master login of the managed cluster {}", of.id), secrets::store::if_exists::fail);
    if (!made) throw std::runtime_error(made.error().message);
    return password;
}

std::vector<secrets::store::declared> declared_secrets(const config& with) {
    std::vector<secrets::store::declared> all;
    for (const auto& each : with.secrets) all.push_back({.name = each.name, .arn = each.arn, .text = login_text(each)});
    return all;
}

std::vector<clusters::external_cluster> declared_external(const config& with) {
    auto all = with.external;
    for (auto& each : all)
        if (each.profile.empty()) each.profile = with.profile;
    return all;
}

/// Without their passwords.
std::vector<clusters::managed_cluster> declared_managed_clusters(const config& with) {
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
    std::vector<clusters::managed_cluster> all;
    for (const auto& each : managed) {
        all.push_back({.id = each.id,
                       .arn = each.arn,
                       .is = each.is,
                       .default_database = each.default_database,
                       .master_user = each.is == clusters::engine::postgresql ? "postgres" : "admin",
                       .master_password = {},
                       .profile = each.profile.empty() ? with.profile : each.profile,
                       .resume = each.resume,
                       .scales = each.scales,
                       .series = each.series,
                       .tags = each.tags});
    }
    return all;
}

/// `http://127.0.0.1:8080`; with TLS under a name that the certificate is valid for.
std::string url_of(std::string address, std::uint16_t port, const certificates* tls) {
    if (tls != nullptr) address = tls->name_for(address, is_loopback(address));
    const bool v6 = address.contains(':');
    return fmt::format("{}://{}{}{}:{}", tls != nullptr ? "https" : "http", v6 ? "[" : "", address, v6 ? "]" : "",
                       port);
}

/// Where processes of this machine reach us.
std::string local_url(const config& with, std::uint16_t port, const certificates* tls) {
    if (with.address == "0.0.0.0") return url_of("127.0.0.1", port, tls);
    return url_of(with.address == "::" ? "::1" : with.address, port, tls);
}

bool has_apis(const config& with) { return !with.application.file.empty() || !with.http_api.routes.empty(); }

data_api::settings api_settings(const config& with) {
    return {.transactions = with.transactions, .json_values = with.limits.json_values, .slow = with.observe.slow};
}

connection_limits limits_of_apis(const config& with) {
    auto limits = with.limits;
    limits.request = with.http_api.request;
    return limits;
}

/// Events and code packages are larger than what the Data API takes.
constexpr std::array<http::larger_body, 2> lambda_bodies = {
    {{"/2015-03-31/", lambda::invoke_api::largest_body}, {"/2021-11-15/", lambda::invoke_api::largest_body}}};

/// What follows from the rest, and from the state folder.
void complete(config& with) {
    if (with.state_folder.empty()) with.state_folder = default_state_folder();
    with.access.stored_keys = key_file::in(with.state_folder);
    with.lambda.serve |= has_apis(with);
    if (with.lambda.serve) with.limits.request.larger_bodies = lambda_bodies;
    with.rds.profile = with.profile;
}

/// `EmployeeRole` of `arn:aws:iam::123456789012:role/EmployeeRole`.
std::string name_of_role(std::string_view arn) { return std::string(arn.substr(arn.rfind('/') + 1)); }

/// The template's roles, each with the policy that the template gives it; nobody may take them on but its functions.
std::vector<auth::role> roles_of(const lambda::application& from) {
    std::vector<auth::role> roles;
    for (const auto& [arn, document] : from.role_policies) {
        auth::role one{.name = name_of_role(arn)};
        if (!document.ends_with(R"("Statement":[]})")) one.policies.push_back(document);  // none allows as little
        roles.push_back(std::move(one));
    }
    return roles;
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

}  // namespace

opened_state open_state(config& with, bool manage, const drivers* engines, lock_of_former former) {
    if (with.state_folder.empty()) with.state_folder = default_state_folder();
    opened_state made;
    made.secrets =
        std::make_unique<secrets::store>(secrets::settings{.folder = with.state_folder,
                                                           .region = with.region,
                                                           .account = with.account,
                                                           .key_file = with.secrets_key.file,
                                                           .key_file_is_given = with.secrets_key.file_is_given,
                                                           .key_text = with.secrets_key.text,
                                                           .key_name = with.secrets_key.text_name});
    clusters::settings where;
    where.folder = with.state_folder;
    where.region = with.region;
    where.account = with.account;
    where.run_as = with.run_databases_as;
    where.databases_may_connect = with.databases_may_connect;
    where.postgres_bin = with.postgres_bin;
    where.mariadbd = with.mariadbd;
    where.manage = manage;
    where.given_lock = former.given;
    where.wait_for_lock = former.wait;
    where.megabytes_per_unit = with.megabytes_per_capacity_unit;
    if (engines != nullptr) {
        where.postgresql = engines->postgresql.get();
        where.mysql = engines->mysql.get();
    }
    made.clusters = std::make_unique<clusters::registry>(where);

    made.secrets->redeclare(declared_secrets(with));
    for (auto& cluster : declared_external(with)) made.clusters->declare(std::move(cluster));
    for (auto& cluster : declared_managed_clusters(with)) {
        cluster.master_password = master_password(*made.secrets, cluster);
        made.clusters->declare(std::move(cluster));
    }
    made.clusters->restore();
    return made;
}

void check_offline(config with) {
    complete(with);
    check(with);
    if (with.tls.on()) static_cast<void>(certificates(with.tls));
    if (const auto ring =
            auth::key_ring::make(with.account, with.access.users, with.access.roles, with.access.defaults);
        !ring)
        throw std::runtime_error(ring.error().message);
    secrets::store({.region = with.region, .account = with.account}).redeclare(declared_secrets(with));
    const clusters::registry none(
        {.folder = with.state_folder, .region = with.region, .account = with.account, .manage = false});
    none.check_declared(declared_external(with), declared_managed_clusters(with));
}

struct running_server::parts {
    /// One HTTP API's listening sockets and clients on one thread.
    struct door {
        door(served_api& served, const current_config& with, const connection_limits& limits)
            : api(served), answers(served, with), clients(limits, answers) {}
        served_api& api;
        std::list<tcp_acceptor> acceptors;
        api_door answers;
        sessions clients;
    };

    /// One thread: its loop, its sockets, its share of everything.
    struct worker {
        explicit worker(parts& whole, std::uint8_t index)
            : loop(1),
              with(whole.latest),
              names(*whole.state.clusters, *whole.state.secrets, whole.outside, whole.engines, with),
              api(loop.get_executor(), index, api_settings(*with), names, whole.budgets),
              routes(with, {.data = api,
                            .secrets = *whole.state.secrets,
                            .known = *whole.known,
                            .clusters = *whole.state.clusters,
                            .rds = *whole.rds,
                            .hosted = whole.hosted.get(),
                            .turns = &whole.turns,
                            .log = whole.calls ? &whole.calls->open_lane() : nullptr,
                            .stopping = whole.stopping}),
              waits(loop.get_executor(), with->limits.busy_poll),
              clients(with->limits, routes, &waits) {}

        /// Calls that begin from now on see the other configuration.
        void reload(std::shared_ptr<const config> next) {
            with.replace(std::move(next));
            names.reload();
            api.set(api_settings(*with));
            routes.reload();
            waits.set(with->limits.busy_poll);
            clients.set_limits(with->limits);
            for (auto& one : doors) one.clients.set_limits(limits_of_apis(*with));
            if (admin) admin->set_limits(with->limits);
        }

        asio::io_context loop;
        std::list<tcp_acceptor> acceptors;
        current_config with;
        directory names;
        data_api::service api;
        router routes;
        short_waits waits;
        sessions clients;
        std::list<door> doors;                // only grows; touched on this thread once it runs
        std::optional<admin_listener> admin;  ///< On the first thread, where there is one.
        std::thread thread;
        std::atomic<std::size_t> transactions = 0;  ///< Open here, while the server stops.

        [[nodiscard]] std::size_t open() const {
            std::size_t sum = clients.open();
            for (const auto& one : doors) sum += one.clients.open();
            return sum + (admin ? admin->open() : 0);
        }
    };

    parts(config given, surroundings to)
        : with(std::move(given)),
          around(std::move(to)),
          outside(around.outside, with.remembered_logins),
          sockets(std::move(around.sockets)) {}
    parts(const parts&) = delete;
    parts& operator=(const parts&) = delete;
    ~parts() {
        // A call that outlived the drain still refers to its worker from a suspended coroutine: it is left to the end
        // of the process rather than pulled from under it.
        static auto& cut_off = *new std::vector<std::unique_ptr<worker>>;  // never destroyed
        for (auto& on : workers) {
            if (on->open() != 0) cut_off.push_back(std::move(on));
        }
    }

    core::awaitable<void> accept(worker& on, tcp_acceptor& acceptor, sessions& clients);
    void serve(worker& on, tcp_socket socket, sessions& clients);
    void close(worker& on, std::list<tcp_acceptor>& all, sessions& clients);
    core::awaitable<void> tick(worker& on);
    core::awaitable<void> drain(worker& on, core::deadline transactions_until, core::deadline until);
    static core::awaitable<thread_numbers> numbers_of(worker& on);
    core::awaitable<std::vector<thread_numbers>> gather();
    void start();
    void finish() noexcept;
    void install(lambda::application application);
    void serve_api(lambda::api_description api);
    void read_template_again();
    void reload();
    [[nodiscard]] std::string status() const;
    [[nodiscard]] fs::path handover_socket() const;
    tcp_endpoint choose_address(std::optional<predecessor>& former);
    static void listen(worker& on, std::list<tcp_acceptor>& into, std::vector<descriptor>& given, tcp_endpoint& at,
                       socket_order order, const listen_setting& setting);
    void warn_of_lost_sockets() const;
    void open_handover();
    handed_over offer();
    void take(config next);
    void on_every_thread(const std::function<void(worker&)>& what);
    lambda::function_credentials credentials_of(const lambda::function_settings& one) const;

    /// From before anybody knows of this server: a signal that comes early waits for `run`.
    struct {
        asio::io_context loop{1};
        asio::basic_signal_set<core::executor> ends{loop.get_executor(), SIGINT, SIGTERM};
        asio::basic_signal_set<core::executor> hang_up{loop.get_executor(), SIGHUP};
        asio::basic_signal_set<core::executor> logs{loop.get_executor(), SIGUSR1};
    } signals;
    config with;  ///< Of the start, for what does not change.
    surroundings around;
    std::shared_ptr<const config> latest;  ///< Touched by the start, `reload` and `finish`, one after another.
    std::unique_ptr<certificates> tls;     // null: plain HTTP
    drivers engines;
    opened_state state;
    std::optional<master_logins> master_secrets;
    std::optional<clusters::rds_api> rds;
    cluster_sessions sessions_of_clusters;
    std::optional<clusters::watcher> watch_over_clusters;
    std::unique_ptr<server::functions> hosted;  // null: no Lambda host
    std::unique_ptr<callers> known;
    outside_secrets outside;
    /// Rotations run on the first thread, which is not there yet when the routers are made.
    struct late_rotations final : secrets::rotator {
        std::unique_ptr<rotations> made;
        [[nodiscard]] bool can_rotate(const secrets::record& secret) const override {
            return made && made->can_rotate(secret);
        }
        void begin(const std::string& arn) override {
            if (made) made->begin(arn);
        }
    } turns;
    pool::shared_budgets budgets;
    std::unique_ptr<access_log> calls;  // null: none
    std::vector<std::unique_ptr<worker>> workers;
    std::vector<data_api::service*> services;
    std::atomic<std::size_t> connections = 0;
    std::atomic<bool> stopping = false;
    std::atomic<bool> shares_sockets = false;  ///< With systemd, or the server that follows this one.
    std::promise<void> asked_to_stop;
    std::uint16_t port = 0;

    mutable std::mutex apis_lock;       // held while an application is installed, and while APIs are listed
    std::list<served_api> served_apis;  // only grows: a later template may lack one, which then has no routes
    std::unique_ptr<watcher> template_watcher;
    std::optional<watchdog> pings;
    given_sockets sockets;  ///< Those not taken yet.
    std::optional<handover_door> followers;
};

core::awaitable<void> running_server::parts::accept(worker& on, tcp_acceptor& acceptor, sessions& clients) {
    seldom failing;
    seldom full;
    while (acceptor.is_open()) {
        auto [failed, socket] = co_await acceptor.async_accept(core::as_tuple);
        if (failed == asio::error::operation_aborted) co_return;
        if (failed) {  // out of descriptors, or the client is gone again: neither ends the server
            if (failed != asio::error::connection_aborted) {
                if (failing.now())
                    core::log(core::log_level::warning, "cannot accept a connection: {}", failed.message());
                core::timer pause(on.loop.get_executor(), std::chrono::milliseconds(100));
                [[maybe_unused]] const auto [ignored] = co_await pause.async_wait(core::as_tuple);
            }
            continue;
        }
        if (connections.load(std::memory_order_relaxed) >= on.with->limits.connections) {
            if (full.now()) {
                core::log(core::log_level::warning, "new connections are closed: `limits.connections` = {} are open",
                          on.with->limits.connections);
            }
            continue;
        }
        serve(on, std::move(socket), clients);
    }
}

void running_server::parts::serve(worker& on, tcp_socket socket, sessions& clients) {
    boost::system::error_code ignored;  // slower without, not wrong
    socket.set_option(tcp::no_delay(true), ignored);
    connections.fetch_add(1, std::memory_order_relaxed);
    asio::co_spawn(on.loop.get_executor(),
                   tls ? clients.serve_tls(std::move(socket), *tls) : clients.serve(std::move(socket)),
                   [this](const std::exception_ptr& thrown) {
                       connections.fetch_sub(1, std::memory_order_relaxed);
                       log_exception_of{"a connection"}(thrown);
                   });
}

/// Connections that the kernel has made for us are served, unless somebody else takes them from the same socket.
void running_server::parts::close(worker& on, std::list<tcp_acceptor>& all, sessions& clients) {
    for (auto& acceptor : all) {
        boost::system::error_code failed;
        while (!shares_sockets && !failed) {
            acceptor.non_blocking(true, failed);
            auto socket = acceptor.accept(failed);
            if (!failed) serve(on, std::move(socket), clients);
        }
        acceptor.close(failed);
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
        for (auto& one : on.doors) one.clients.sweep(now);
        on.api.tick(now);
        on.names.sweep([&on](std::string_view arn) { return on.api.uses_of(arn) != 0; });
        if (on.admin) on.admin->sweep(now);
        if (&on != workers.front().get()) continue;
        if (tls) tls->follow_files();
        if (!stopping) turns.made->tick(now);
        known->refresh();
    }
}

core::awaitable<thread_numbers> running_server::parts::numbers_of(worker& on) {
    co_return thread_numbers{
        .done = on.api.numbers(), .now = on.api.now(), .clients = on.clients.open(), .traffic = on.clients.so_far()};
}

core::awaitable<std::vector<thread_numbers>> running_server::parts::gather() {
    std::vector<thread_numbers> all;
    for (auto& on : workers) {
        auto one = co_await asio::co_spawn(on->loop.get_executor(), numbers_of(*on), core::use_awaitable);
        all.push_back(std::move(one));
    }
    if (calls) all.front().logged = calls->so_far();
    co_return all;
}

core::awaitable<void> running_server::parts::drain(worker& on, core::deadline transactions_until,
                                                   core::deadline until) {
    close(on, on.acceptors, on.clients);
    core::timer pause(on.loop.get_executor());
    const auto look_again = [&pause] {
        pause.expires_after(std::chrono::milliseconds(20));
        return pause.async_wait(core::as_tuple);
    };
    // While transactions are open, on whichever thread, connections stay as they are: their clients have to come back.
    const auto any = [this] {
        return std::ranges::any_of(workers, [](const auto& each) { return each->transactions != 0; });
    };
    while (any() && !transactions_until.passed()) {
        [[maybe_unused]] const auto [failed] = co_await look_again();
        on.api.tick(core::clock::now());
        on.transactions = on.api.now().transactions_open;
    }
    const auto drain_all = [&on](core::clock::time_point now) {
        on.clients.drain(now);
        for (auto& one : on.doors) one.clients.drain(now);
    };
    drain_all(core::clock::now());
    while (on.open() != 0 && !until.passed()) {
        [[maybe_unused]] const auto [failed] = co_await look_again();
        drain_all(core::clock::now());
    }
    co_await on.api.shut_down(core::deadline::after(std::chrono::seconds(5)));
    if (on.admin) on.admin->close();
    on.loop.stop();
}

void running_server::parts::start() {
    ::signal(SIGPIPE, SIG_IGN);  // a client that is gone is an error code, not the end
    core::set_log_level(with.log_level);
    complete(with);
    std::optional<predecessor> former;
    if (around.take_over) former = predecessor::find(handover_socket());
    auto at = choose_address(former);
    check(with);
    if (with.tls.on()) tls = std::make_unique<certificates>(with.tls);
    engines = {.postgresql = postgres::make_driver(postgres::protocol::native, with.database_sessions),
               .mysql = mysql::make_driver(mysql::protocol::native, with.database_sessions),
               .postgresql_by_library = postgres::make_driver(postgres::protocol::libpq, with.database_sessions),
               .mysql_by_library = mysql::make_driver(mysql::protocol::libmariadb, with.database_sessions)};
    lock_of_former lock;
    if (former && former->lock) {
        lock.given = former->lock.release();
    } else if (former) {  // what can go wrong should do so while the former serves
        check_offline(with);
        core::log(core::log_level::info, "takes over: waits until the former server has ended, and its databases");
        former->go();
        lock.wait = with.limits.drain + former_ends_within;
    }
    const bool at_last = lock.given >= 0;
    state = open_state(with, true, &engines, lock);
    latest = std::make_shared<const config>(with);
    known = std::make_unique<callers>(latest, *state.secrets);
    if (with.lambda.serve) hosted = std::make_unique<server::functions>(with);
    master_secrets.emplace(*state.secrets);
    master_secrets->remove_orphans(*state.clusters);
    rds.emplace(*state.clusters, *master_secrets, with.rds);
    state.clusters->attend(sessions_of_clusters);
    watch_over_clusters.emplace(*state.clusters, sessions_of_clusters);
    if (with.observe.calls.on) calls = std::make_unique<access_log>(with.observe.calls);
    const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
    const unsigned count = std::min(with.threads == 0 ? cores : with.threads, 128U);
    auto given = dealt(sockets.take("api", sockets.decide() ? nullptr : &at), count);
    for (unsigned i = 0; i < count; ++i) {
        auto& on = *workers.emplace_back(std::make_unique<worker>(*this, static_cast<std::uint8_t>(i)));
        services.push_back(&on.api);
        listen(on, on.acceptors, given[i], at, i == 0 ? socket_order::first : socket_order::further, {});
    }
    port = at.port();
    if (hosted) {
        hosted->serve(local_url(with, port, tls.get()),
                      [this](const lambda::function_settings& one) { return credentials_of(one); });
    }
    turns.made = std::make_unique<rotations>(*state.secrets, *state.clusters, engines, with.rotate_commands,
                                             workers.front()->loop.get_executor());
    if (has_apis(with)) install(read_application(with, *state.clusters, *state.secrets));
    if (!with.admin_address.empty()) {
        auto& first = *workers.front();
        const auto admin_at = endpoint_of({.name = "[admin] `listen`"}, with.admin_address, with.admin_port);
        auto ready_made = sockets.take("admin", &admin_at);
        first.admin.emplace(
            first.loop.get_executor(), with, [this] { return gather(); }, stopping,
            ready_made.empty() ? descriptor() : std::move(ready_made.front()));
        asio::co_spawn(first.loop.get_executor(), first.admin->accept(),
                       log_exception_of{"accepting admin connections"});
        core::log(core::log_level::info, "metrics: {}/metrics", first.admin->url());
    }
    for (auto& on : workers) on->api.meet(services);
    std::vector<cluster_sessions::member> members;
    for (auto& on : workers) members.push_back({on->loop.get_executor(), &on->api});
    sessions_of_clusters.meet(std::move(members));
    asio::co_spawn(workers.front()->loop.get_executor(), watch_over_clusters->run(),
                   log_exception_of{"the watch over clusters"});
    if (former) {
        warn_of_lost_sockets();
        if (at_last) {
            former->go();
            state.clusters->note_holder();
        }
    }
    sockets = given_sockets();  // nobody would ever answer there
    open_handover();
    for (auto& on : workers) {
        for (auto& acceptor : on->acceptors) {
            asio::co_spawn(on->loop.get_executor(), accept(*on, acceptor, on->clients),
                           log_exception_of{"accepting connections"});
        }
        asio::co_spawn(on->loop.get_executor(), tick(*on), log_exception_of{"a thread's clock"});
        on->thread = std::thread([loop = &on->loop, number = &on - workers.data()] {
            ::pthread_setname_np(::pthread_self(), fmt::format("loop-{}", number).c_str());
            const auto guard = asio::make_work_guard(*loop);
            loop->run();
        });
    }
    if (with.application.watch && !with.application.file.empty()) {
        template_watcher = std::make_unique<watcher>(with.application.file, [this] { read_template_again(); });
    }
}

fs::path running_server::parts::handover_socket() const { return with.state_folder / "handover"; }

/// Where the API listens, and metrics and health: where given sockets do, if these decide.
tcp_endpoint running_server::parts::choose_address(std::optional<predecessor>& former) {
    if (former) {
        for (auto& [name, socket] : former->sockets) sockets.add(std::move(socket), name);
    }
    if (sockets.decide()) {
        shares_sockets = true;
        const auto all = sockets.where("api");
        // The one that most can reach: what it needs, all need.
        const auto open = std::ranges::find_if(all, [](const auto& each) { return !each.address().is_loopback(); });
        const auto& first = open == all.end() ? all.front() : *open;
        with.address = first.address().to_string();
        with.port = first.port();
        if (const auto admin = sockets.where("admin"); !admin.empty()) {
            with.admin_address = admin.front().address().to_string();
            with.admin_port = admin.front().port();
        }
    }
    return endpoint_of({}, with.address, with.port);
}

void running_server::parts::listen(worker& on, std::list<tcp_acceptor>& into, std::vector<descriptor>& given,
                                   tcp_endpoint& at, socket_order order, const listen_setting& setting) {
    for (auto& each : given) {
        const auto there = accept_from(into.emplace_back(on.loop.get_executor()), std::move(each));
        if (at.port() == 0) at.port(there.port());
    }
    if (given.empty()) listen_on(into.emplace_back(on.loop.get_executor()), at, order, setting);
}

void running_server::parts::warn_of_lost_sockets() const {
    for (const auto* name : {"api", "admin"}) {
        for (const auto& each : sockets.where(name)) {
            core::log(core::log_level::warning,
                      "the former server listened on {}:{} too, and this one does not: what waits there is lost",
                      each.address().to_string(), each.port());
        }
    }
}

/// For a server that will follow this one.
void running_server::parts::open_handover() {
    try {
        followers.emplace(
            handover_socket(), [this] { return offer(); }, [this] { state.clusters->refuse_new(false); },
            [this] {
                core::log(core::log_level::info, "another server takes over");
                shares_sockets = true;
                if (!stopping.exchange(true)) asked_to_stop.set_value();
            });
    } catch (const std::exception& why) {
        core::log(core::log_level::warning, "no other server can take over from this one: {}", why.what());
    }
}

handed_over running_server::parts::offer() {
    handed_over all;
    for (auto& on : workers) {
        for (auto& each : on->acceptors) all.sockets.emplace_back("api", each.native_handle());
    }
    if (auto& admin = workers.front()->admin) all.sockets.emplace_back("admin", admin->socket());
    const std::lock_guard no_new_door(apis_lock);
    for (auto& on : workers) {
        for (auto& one : on->doors) {
            for (auto& each : one.acceptors) all.sockets.emplace_back("http_api:" + one.api.name, each.native_handle());
        }
    }
    state.clusters->refuse_new(true);
    if (!hosted && !state.clusters->manages_any()) all.lock = state.clusters->lock();
    return all;
}

void running_server::parts::finish() noexcept {
    stopping = true;
    followers.reset();
    pings.reset();  // it asks the loops, which end
    template_watcher.reset();
    const auto limit = (latest ? *latest : with).limits.drain;
    const auto until = core::deadline::after(limit);
    // The rest is for the calls that run then.
    const auto transactions_until = core::deadline::after(limit * 4 / 5);
    if (!workers.empty() && workers.back()->thread.joinable()) {
        on_every_thread([](worker& on) {
            on.api.begin_drain(core::clock::now());
            on.transactions = on.api.now().transactions_open;
        });
    }
    if (hosted) {
        // First the APIs and their functions, which need the rest of the server until their end.
        for (auto& on : workers) {
            asio::post(on->loop.get_executor(), [this, &on] {
                for (auto& one : on->doors) {
                    close(*on, one.acceptors, one.clients);
                    one.clients.drain(core::clock::now());
                }
            });
        }
        hosted->stop(until);
    }
    std::size_t cut_off = 0;
    for (auto& on : workers) {
        if (on->thread.joinable())
            asio::co_spawn(on->loop.get_executor(), drain(*on, transactions_until, until), log_exception_of{"a drain"});
    }
    for (auto& on : workers) {
        if (!on->thread.joinable()) continue;
        on->thread.join();
        cut_off += on->open();
        on->clients.close_all();
        for (auto& one : on->doors) one.clients.close_all();
        on->loop.restart();
        on->loop.run_for(std::chrono::milliseconds(200));  // lets what was cut off end in order
    }
    outside.finish();  // it answers to the loops
    if (cut_off != 0) core::log(core::log_level::warning, "{} calls were cut off", cut_off);
    if (state.clusters) state.clusters->stop_all();
}

/// Credentials of a session of the function's role, where the role is known; else some that sign and, where signatures
/// are checked, open nothing.
lambda::function_credentials running_server::parts::credentials_of(const lambda::function_settings& one) const {
    const auto role = name_of_role(one.role);
    if (known->ring()->find_role(role) != nullptr) {
        const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
        auto made = auth::key_ring::mint({.parent_key = {}, .role = role, .name = one.name, .policy = {}},
                                         now + 2 * with.lambda.host.process_lifetime, known->seal());
        if (made) {
            return {std::move(made->access_key_id), std::move(made->secret),
                    core::secret_text(std::move(made->session_token))};
        }
        core::log(core::log_level::error, "function {}: no credentials: {}", one.name, made.error().message);
    }
    return {"local", core::secret_text("local"), core::secret_text("")};
}

void running_server::parts::install(lambda::application application) {
    const std::lock_guard held(apis_lock);
    for (const auto& text : application.warnings) core::log(core::log_level::warning, "template: {}", text);
    known->set_template_roles(roles_of(application));
    hosted->install(application);
    for (auto& served : served_apis) {
        const auto has_its_name = [&](const lambda::api_description& one) { return one.name == served.name; };
        if (std::ranges::any_of(application.apis, has_its_name)) continue;
        auto emptied = served.gateway.load()->description();
        emptied.routes.clear();
        served.gateway.store(std::make_shared<const lambda::gateway>(std::move(emptied)));
    }
    for (auto& api : application.apis) serve_api(std::move(api));
}

void running_server::parts::serve_api(lambda::api_description api) {
    auto gateway = std::make_shared<const lambda::gateway>(std::move(api));
    const auto there = std::ranges::find(served_apis, gateway->description().name, &served_api::name);
    if (there != served_apis.end()) {
        there->gateway.store(std::move(gateway));
        return;
    }
    const listen_setting setting{.name = "`http_api.listen`", .option = "--http-api"};
    const auto further = static_cast<std::uint16_t>(served_apis.size());
    const auto wanted = with.http_api.port == 0 ? 0 : with.http_api.port + further;
    if (wanted > std::numeric_limits<std::uint16_t>::max()) {
        throw std::runtime_error("`http_api.listen`: no port is left for every API; give a lower one with --http-api");
    }
    auto at = endpoint_of(setting, with.http_api.address, static_cast<std::uint16_t>(wanted));
    auto& made = served_apis.emplace_back(with.http_api, hosted->host());
    made.name = gateway->description().name;
    made.address = with.http_api.address;
    made.gateway.store(std::move(gateway));
    auto order = socket_order::first;
    auto given = dealt(sockets.take("http_api:" + made.name, &at), workers.size());
    std::size_t index = 0;
    for (auto& on : workers) {
        const auto open = [&] {
            auto& opened = on->doors.emplace_back(made, on->with, limits_of_apis(*on->with));
            listen(*on, opened.acceptors, given[index++], at, std::exchange(order, socket_order::further), setting);
            made.port = at.port();
            for (auto& acceptor : opened.acceptors) {
                asio::co_spawn(on->loop.get_executor(), accept(*on, acceptor, opened.clients),
                               log_exception_of{"accepting connections"});
            }
        };
        if (!on->thread.joinable()) {
            open();
            continue;
        }
        std::packaged_task<void()> task(open);
        auto done = task.get_future();
        asio::post(on->loop.get_executor(), [&task] { task(); });
        done.get();
    }
    if (workers.front()->thread.joinable()) {  // at the start, whoever prints `apis` says it
        core::log(core::log_level::info, "API {} listens on {}", made.name, url_of(made.address, made.port, tls.get()));
    }
}

void running_server::parts::read_template_again() {
    try {
        install(read_application(with, *state.clusters, *state.secrets));
        core::log(core::log_level::info, "{} was read again", with.application.file.string());
    } catch (const std::exception& e) {
        core::log(core::log_level::error, "{}; what was there before goes on", e.what());
    }
}

/// Runs it on each, and waits until all have; one that does not come to it within ten seconds does it later.
void running_server::parts::on_every_thread(const std::function<void(worker&)>& what) {
    std::vector<std::future<void>> done;
    for (auto& on : workers) {
        auto task = std::make_shared<std::packaged_task<void()>>([what, to = on.get()] { what(*to); });
        done.push_back(task->get_future());
        asio::post(on->loop.get_executor(), [task] { (*task)(); });
    }
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    for (auto& each : done) {
        if (each.wait_until(until) == std::future_status::ready) each.get();
    }
}

/// All of it, or, where it throws, nothing.
void running_server::parts::take(config next) {
    complete(next);
    const auto changes = compare(*latest, next);
    check(next);
    const std::lock_guard no_template_meanwhile(apis_lock);
    auto certificate = tls ? std::optional(tls->prepare(next.tls)) : std::nullopt;
    auto ring = known->prepare(next);
    auto external = declared_external(next);
    auto managed = declared_managed_clusters(next);
    state.clusters->check_declared(external, managed);
    clusters::registry::redeclared moved;
    state.secrets->redeclare(declared_secrets(next));
    try {
        for (auto& each : managed) each.master_password = master_password(*state.secrets, each);
        moved = state.clusters->redeclare(std::move(external), std::move(managed));
    } catch (...) {
        state.secrets->redeclare(declared_secrets(*latest));
        throw;
    }

    core::set_log_level(next.log_level);
    latest = std::make_shared<const config>(std::move(next));
    if (certificate) tls->take(*std::move(certificate));
    known->take(latest, std::move(ring));
    rds->set(latest->rds);
    turns.made->set_commands(latest->rotate_commands);
    moved.gone.insert(moved.gone.end(), moved.changed.begin(), moved.changed.end());
    on_every_thread([with = latest, left = moved.gone](worker& on) {
        on.reload(with);
        for (const auto& arn : left) on.api.drop_target(arn);
    });
    for (const auto& each : changes.needs_restart)
        core::log(core::log_level::warning, "reload: {} has changed, which needs a restart", each);
    core::log(core::log_level::info, "reloaded: {}",
              changes.taken.empty() ? "nothing has changed" : listed(changes.taken));
}

void running_server::parts::reload() {
    if (calls) calls->reopen();
    around.manager.reloading();
    try {
        take(around.read_again ? around.read_again() : *latest);
        around.manager.ready(status());
    } catch (const std::exception& why) {
        core::log(core::log_level::error, "not reloaded, and everything stays as it was: {}", why.what());
        around.manager.ready(fmt::format("{}; not reloaded: {}", status(), why.what()));
    }
}

std::string running_server::parts::status() const {
    return fmt::format("serves {} clusters on {}", state.clusters->list().size(),
                       url_of(with.address, port, tls.get()));
}

running_server::running_server(config with, surroundings around)
    : parts_(std::make_unique<parts>(std::move(with), std::move(around))) {
    try {
        parts_->start();
    } catch (...) {
        parts_->finish();  // threads that were started already
        throw;
    }
}

running_server::~running_server() { parts_->finish(); }

std::string running_server::url() const { return url_of(parts_->with.address, parts_->port, parts_->tls.get()); }

std::uint16_t running_server::port() const { return parts_->port; }

std::vector<running_server::api_view> running_server::apis() const {
    const std::lock_guard held(parts_->apis_lock);
    std::vector<api_view> all;
    for (const auto& served : parts_->served_apis) {
        const auto& api = served.gateway.load()->description();
        all.push_back({.name = api.name,
                       .kind = api.kind,
                       .url = url_of(served.address, served.port, parts_->tls.get()) +
                              (api.stage == "$default" ? "" : "/" + api.stage),
                       .routes = api.routes.size()});
    }
    return all;
}

bool running_server::authenticates() const { return parts_->known->authenticate(); }

std::vector<clusters::view> running_server::clusters() const { return parts_->state.clusters->list(); }

std::string running_server::secret_of(std::string_view cluster_id) const {
    const auto known = parts_->state.secrets->describe(cluster_id);
    return known ? known->arn : "";
}

std::vector<lambda::function_state> running_server::functions() const {
    if (!parts_->hosted) return {};
    return parts_->hosted->table().list();
}

void running_server::run() {
    auto& signals = parts_->signals;
    signals.ends.async_wait([this](const boost::system::error_code& failed, int) {
        if (!failed) stop();
    });
    std::function<void(const boost::system::error_code&, int)> again = [&](const boost::system::error_code& failed,
                                                                           int) {
        if (failed) return;
        reload();
        signals.hang_up.async_wait(again);
    };
    signals.hang_up.async_wait(again);
    std::function<void(const boost::system::error_code&, int)> moved = [&](const boost::system::error_code& failed,
                                                                           int) {
        if (failed) return;
        if (parts_->calls) parts_->calls->reopen();
        signals.logs.async_wait(moved);
    };
    signals.logs.async_wait(moved);
    std::vector<core::executor> loops;
    for (auto& on : parts_->workers) loops.emplace_back(on->loop.get_executor());
    parts_->pings.emplace(parts_->around.manager, std::move(loops));
    parts_->around.manager.ready(parts_->status());
    std::thread waiting([&signals] { signals.loop.run(); });
    parts_->asked_to_stop.get_future().wait();
    parts_->around.manager.stopping();
    signals.loop.stop();
    waiting.join();
    boost::system::error_code ignored;  // then the next signal is swallowed, and the drain has its limit all the same
    signals.ends.clear(ignored);
    for (const int number : {SIGINT, SIGTERM}) ::signal(number, end_at_once);
    core::log(core::log_level::info, "stopping: no new connections; running calls have {} s",
              parts_->latest->limits.drain.count());
    parts_->finish();
}

void running_server::reload() { parts_->reload(); }

void running_server::stop() {
    if (!parts_->stopping.exchange(true)) parts_->asked_to_stop.set_value();
}

}  // namespace borealis::server
