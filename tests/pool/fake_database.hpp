#pragma once
/// A database that fails on demand: what a real one will not do when told.

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include "core/async.hpp"
#include "pool/pool.hpp"
#include "sql/connection.hpp"

namespace borealis::pool {

/// Lets coroutines of one thread wait until the test opens it.
class gate {
 public:
    void shut() { shut_ = true; }
    void open() {
        shut_ = false;
        for (auto* each : std::exchange(waiting_, {})) each->cancel();
    }
    [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
    core::awaitable<void> pass() {
        if (!shut_) co_return;
        core::timer opened(co_await core::asio::this_coro::executor, core::clock::time_point::max());
        waiting_.push_back(&opened);
        co_await opened.async_wait(core::as_tuple);
    }

 private:
    bool shut_ = false;
    std::vector<core::timer*> waiting_;
};

/// What the test says and sees. Counters may be read from any thread; the rest belongs to one.
struct fake_server {
    std::atomic<int> opened = 0, closed = 0, peak = 0, resets = 0, rollbacks = 0;
    std::optional<sql::failure> connect_fails, reset_fails, rollback_fails;
    std::string standby = "-";   ///< Start of the host name that takes no writes.
    std::set<std::string> down;  ///< Hosts that cannot be reached.
    std::string right_password;  ///< Empty: any.
    bool dead = false;           ///< All sessions look dead.
    bool pipelines = false;      ///< Sessions take several plain reads at once.
    gate connecting, resetting, rolling_back;
    std::atomic<core::deadline> connect_until, reset_until;

    [[nodiscard]] int open() const { return opened - closed; }
};

class fake_connection final : public sql::connection {
 public:
    fake_connection(fake_server& of, std::string address, std::string password)
        : number(++of.opened), address_and_password(std::move(address) + "/" + std::move(password)), server_(of) {
        int seen = of.peak;
        while (of.open() > seen && !of.peak.compare_exchange_weak(seen, of.open())) {
        }
    }
    ~fake_connection() override { ++server_.closed; }

    core::awaitable<sql::result<sql::outcome>> execute(std::string_view, std::span<const sql::parameter>,
                                                       sql::row_sink&, sql::description, core::deadline) override {
        co_return sql::outcome{};
    }
    core::awaitable<sql::result<std::vector<sql::outcome>>> execute_batch(std::string_view,
                                                                          std::span<const std::vector<sql::parameter>>,
                                                                          core::deadline) override {
        co_return std::vector<sql::outcome>{};
    }
    core::awaitable<sql::result<void>> begin_reading(core::deadline until) override { return begin(until); }
    [[nodiscard]] bool only_reads() const noexcept override { return true; }
    core::awaitable<sql::result<void>> begin(core::deadline) override {
        open_transaction = true;
        co_return sql::result<void>{};
    }
    core::awaitable<sql::result<sql::commit_status>> commit(core::deadline) override {
        open_transaction = false;
        co_return sql::commit_status::committed;
    }
    core::awaitable<sql::result<void>> rollback(core::deadline) override {
        co_await server_.rolling_back.pass();
        if (server_.rollback_fails) co_return std::unexpected(*server_.rollback_fails);
        ++server_.rollbacks;
        open_transaction = false;
        co_return sql::result<void>{};
    }
    core::awaitable<sql::result<void>> reset(core::deadline until) override {
        server_.reset_until = until;
        co_await server_.resetting.pass();
        if (server_.reset_fails) co_return std::unexpected(*server_.reset_fails);
        ++server_.resets;
        open_transaction = false;
        co_return sql::result<void>{};
    }
    core::awaitable<sql::result<bool>> read_only(core::deadline) override {
        co_return address_and_password.starts_with(server_.standby);
    }
    [[nodiscard]] bool pipelines() const noexcept override { return server_.pipelines; }
    [[nodiscard]] bool usable() const noexcept override { return alive; }
    [[nodiscard]] bool in_transaction() const noexcept override { return open_transaction; }
    [[nodiscard]] std::int64_t backend_id() const noexcept override { return number; }
    void abandon() noexcept override {}
    [[nodiscard]] bool seems_dead() noexcept override { return server_.dead || dead; }

    int number;
    std::string address_and_password;
    bool alive = true;
    bool dead = false;
    bool open_transaction = false;

 private:
    fake_server& server_;
};

class fake_driver final : public sql::driver {
 public:
    explicit fake_driver(fake_server& of) : server_(of) {}
    [[nodiscard]] sql::dialect speaks() const noexcept override { return sql::dialect::postgresql; }
    core::awaitable<sql::result<std::unique_ptr<sql::connection>>> connect(const sql::endpoint& to,
                                                                           const sql::login& as, const std::string&,
                                                                           core::deadline until) override {
        server_.connect_until = until;
        co_await server_.connecting.pass();
        if (server_.down.contains(to.host)) co_return sql::fail(sql::failure_kind::unreachable, to.host + " is down");
        if (server_.connect_fails) co_return std::unexpected(*server_.connect_fails);
        if (!server_.right_password.empty() && as.password.reveal() != server_.right_password) {
            co_return sql::fail(sql::failure_kind::login, "password authentication failed");
        }
        co_return std::make_unique<fake_connection>(server_, to.host, as.password.reveal());
    }

 private:
    fake_server& server_;
};

/// One thread's worth: a server, pools, and helpers that run coroutines on the calling thread.
class bench {
 public:
    explicit bench(shared_budgets& budgets) : pools_(std::in_place, context_.get_executor(), budgets) {
        to.target = "arn:aws:rds:eu-central-1:1:cluster:c";
        to.driver = &driver_;
        to.endpoint.host = "one";
        to.login = {"user", core::secret_text("right")};
        to.limits.maximum = 2;
    }

    using slot = std::optional<sql::result<lease>>;

    /// Begins to acquire; `into` is set when it is over.
    void begin_acquire(slot& into, core::deadline until = core::deadline()) { begin_acquire(into, to, until); }
    void begin_acquire(slot& into, destination what, core::deadline until = core::deadline()) {
        spawn(acquire_into(pools(), std::move(what), until, into));
        settle();
    }
    /// One that is there at once.
    lease acquire() { return acquire(to); }
    lease acquire(destination what) {
        slot got;
        begin_acquire(got, std::move(what));
        return std::move(got.value().value());
    }
    sql::failure fail_to_acquire(core::deadline until = core::deadline()) {
        slot got;
        begin_acquire(got, until);
        return std::move(got.value().error());
    }

    /// A place at hand for a read.
    std::optional<lease> join(const std::shared_ptr<const sql::rewritten>& read) { return join(to, read); }
    std::optional<lease> join(const destination& what, const std::shared_ptr<const sql::rewritten>& read) {
        std::shared_ptr<short_statement> known;
        return pools().join(what, read, known);
    }
    /// join(), else acquire().
    void begin_read(slot& into, const std::shared_ptr<const sql::rewritten>& read) { begin_read(into, to, read); }
    void begin_read(slot& into, destination what, const std::shared_ptr<const sql::rewritten>& read) {
        spawn(read_into(pools(), std::move(what), read, into));
        settle();
    }

    void spawn(core::awaitable<void> what) {
        core::asio::co_spawn(context_.get_executor(), std::move(what), core::asio::detached);
    }
    /// Runs what can run without waiting for a clock.
    void settle() {
        context_.restart();
        context_.poll();
    }
    void run_for(std::chrono::milliseconds time) {
        context_.restart();
        context_.run_for(time);
    }

    [[nodiscard]] pools& pools() { return *pools_; }
    void end_pools() { pools_.reset(); }
    [[nodiscard]] core::asio::io_context& context() { return context_; }
    static fake_connection& fake(const lease& of) { return dynamic_cast<fake_connection&>(*of); }

    fake_server server;
    destination to;

 private:
    static core::awaitable<void> acquire_into(class pools& from, destination what, core::deadline until, slot& into) {
        into = co_await from.acquire(what, until);
    }

    static core::awaitable<void> read_into(class pools& from, destination what,
                                           std::shared_ptr<const sql::rewritten> read, slot& into) {
        std::shared_ptr<short_statement> known;
        if (auto place = from.join(what, read, known)) {
            into = std::move(*place);
        } else {
            into = co_await from.acquire(what, core::deadline(), purpose::statement, known);
        }
    }

    fake_driver driver_{server};
    core::asio::io_context context_{1};
    std::optional<class pools> pools_;
};

}  // namespace borealis::pool
