#include "pool/pool.hpp"

#include <list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fmt/format.h>

#include "core/random.hpp"
#include "pool/budget.hpp"
#include "pool/slots.hpp"

namespace borealis::pool {
namespace {

/// A session that does not reset within this is closed instead.
constexpr std::chrono::seconds reset_limit{5};

std::uint32_t random_seed() {
    std::uint32_t seed = 0;
    core::random_bytes(std::as_writable_bytes(std::span(&seed, 1)));
    return seed;
}

/// Counts what is under way for as long as it lives.
class underway {
 public:
    explicit underway(std::size_t& count) : count_(count) { ++count_; }
    underway(const underway&) = delete;
    underway& operator=(const underway&) = delete;
    ~underway() { --count_; }

 private:
    std::size_t& count_;
};

sql::failure shutting_down() { return {.kind = sql::failure_kind::busy, .message = "The server is shutting down"}; }

}  // namespace

/// One pool key on one thread: carries out what `slots` and the budget decide. Shared by `pools`, leases, waiters and
/// background resets; the budget knows it weakly.
class pool_state final : public budget_member, public std::enable_shared_from_this<pool_state> {
 public:
    pool_state(core::executor home, std::shared_ptr<key_budget> budget)
        : home_(std::move(home)), budget_(std::move(budget)), slots_(random_seed()) {}

    void join() { budget_->join(weak_from_this(), home_); }

    /// `self` keeps the state alive while the caller waits.
    static core::awaitable<sql::result<lease>> acquire(std::shared_ptr<pool_state> self, const destination& to,
                                                       core::deadline until);
    void come_home(std::unique_ptr<sql::connection> held, const session_origin& origin, slots::state left_in) noexcept;

    void sweep(core::clock::time_point now) { close(slots_.sweep(now)); }
    void outdate() { close(slots_.outdate()); }
    /// Closes what is idle, refuses what waits; leased sessions close when they come home.
    void shut_down() noexcept;

    void granted(share unit) override { pass_on(std::move(unit)); }
    void asked() override;

    /// Nothing is held, awaited or remembered here.
    [[nodiscard]] bool at_rest(core::clock::time_point now) const {
        const auto all = counts();
        return all.open == 0 && all.waiting == 0 && acquiring_ == 0 && !slots_.refusal(now);
    }
    [[nodiscard]] pool_counts counts() const {
        return {.open = slots_.idle() + leased_ + resetting_,
                .idle = slots_.idle(),
                .leased = leased_,
                .waiting = waiting_.size(),
                .resetting = resetting_};
    }

 private:
    /// A caller in the queue. Lives in its coroutine's frame, which may be destroyed at any time.
    struct waiter {
        waiter(std::shared_ptr<pool_state> of, core::clock::time_point now)
            : home(std::move(of)), wake(home->home_), since(now), generation(home->slots_.generation()) {
            place = home->waiting_.insert(home->waiting_.end(), this);
            queued = true;
        }
        waiter(const waiter&) = delete;
        waiter& operator=(const waiter&) = delete;
        ~waiter() {
            leave();
            // Handed something, but never came to take it.
            if (handed) home->settle(std::move(*handed));
            if (granted) home->pass_on(std::move(granted));
        }

        void leave() noexcept {
            if (!std::exchange(queued, false)) return;
            home->waiting_.erase(place);
            home->budget_->unwant(home.get(), home->waiting_.size());
        }
        /// Ends the wait; what was handed over is set before or after, by the same function.
        void call() {
            leave();
            wake.cancel();
        }

        std::shared_ptr<pool_state> home;
        core::timer wake;
        core::clock::time_point since;
        std::uint64_t generation;
        std::list<waiter*>::iterator place;
        bool queued = false;
        std::optional<session> handed;
        share granted;
        std::optional<sql::failure> refused;
    };

    void use(const destination& to) {
        close(slots_.use(to));
        if (std::exchange(maximum_, to.limits.maximum) != to.limits.maximum) budget_->set_maximum(to.limits.maximum);
    }
    lease lend(session what) {
        ++leased_;
        key_budget::lend(std::move(what.unit));
        return lease(shared_from_this(), std::move(what.held), what.origin);
    }
    [[nodiscard]] std::optional<core::clock::time_point> first_waits_since() const {
        if (waiting_.empty()) return std::nullopt;
        return waiting_.front()->since;
    }

    void grant(share unit);
    void settle(session back);
    void pass_on(share unit);
    void close(std::vector<session> all);
    void close(session what);
    void refuse_waiters(const sql::failure& why);
    static core::awaitable<void> reset(std::shared_ptr<pool_state> self, session what);
    static core::awaitable<sql::result<lease>> connect(std::shared_ptr<pool_state> self, const destination& to,
                                                       std::uint64_t generation, share unit, core::deadline until);

    core::executor home_;
    std::shared_ptr<key_budget> budget_;
    slots slots_;
    std::list<waiter*> waiting_;  ///< In order of arrival.
    std::size_t maximum_ = 0;
    std::size_t leased_ = 0;
    std::size_t resetting_ = 0;
    std::size_t acquiring_ = 0;
    bool shut_ = false;
};

core::awaitable<sql::result<lease>> pool_state::acquire(std::shared_ptr<pool_state> self, const destination& to,
                                                        core::deadline until) {
    const underway counted(self->acquiring_);
    const auto now = core::clock::now();
    self->use(to);
    const auto generation = self->slots_.generation();
    if (self->waiting_.empty()) {
        std::vector<session> unfit;
        auto idle = self->slots_.take(now, unfit);
        self->close(std::move(unfit));
        if (idle) co_return self->lend(std::move(*idle));
        if (auto refusal = self->slots_.refusal(now)) co_return std::unexpected(std::move(*refusal));
    }

    waiter me(self, now);
    if (auto unit = self->budget_->take_or_want(self.get(), now)) self->grant(std::move(*unit));
    if (me.queued) {
        auto wait_until = until;
        if (to.limits.wait > to.limits.wait.zero()) wait_until = until.sooner(core::deadline(now + to.limits.wait));
        me.wake.expires_at(wait_until.at());
        co_await me.wake.async_wait(core::as_tuple);
    }
    me.leave();
    if (me.handed) {
        auto mine = std::move(*me.handed);
        me.handed.reset();
        co_return self->lend(std::move(mine));
    }
    if (me.refused) co_return std::unexpected(std::move(*me.refused));
    if (!me.granted) {
        const std::chrono::duration<double> waited = core::clock::now() - now;
        co_return sql::fail(
            sql::failure_kind::busy,
            fmt::format("All {} connections of this cluster and login stayed busy for {:.1f} s; end idle "
                        "transactions, send fewer calls at once, or raise the pool's maximum",
                        to.limits.maximum, waited.count()));
    }
    auto unit = std::move(me.granted);
    co_return co_await connect(self, to, generation, std::move(unit), until);
}

core::awaitable<sql::result<lease>> pool_state::connect(std::shared_ptr<pool_state> self, const destination& to,
                                                        std::uint64_t generation, share unit, core::deadline until) {
    auto limit = until;
    if (to.limits.connect_timeout > to.limits.connect_timeout.zero()) {
        limit = until.sooner(core::deadline::after(to.limits.connect_timeout));
    }
    auto opened = co_await to.driver->connect(to.endpoint, to.login, to.database, limit);
    const auto now = core::clock::now();
    if (!opened) {
        // A caller with little time left says nothing about the database.
        if (opened.error().kind == sql::failure_kind::unreachable && !until.passed(now)) {
            self->slots_.connect_failed(opened.error(), now);
            self->refuse_waiters(opened.error());
        }
        self->pass_on(std::move(unit));
        co_return std::unexpected(std::move(opened.error()));
    }
    self->slots_.connected();
    co_return self->lend({std::move(unit), std::move(*opened), self->slots_.born(generation, now)});
}

void pool_state::come_home(std::unique_ptr<sql::connection> held, const session_origin& origin,
                           slots::state left_in) noexcept {
    --leased_;
    session back{budget_->adopt(), std::move(held), origin};
    if (shut_) return;
    switch (slots_.judge(*back.held, origin, left_in, core::clock::now())) {
        case slots::verdict::keep:
            return settle(std::move(back));
        case slots::verdict::close:
            return close(std::move(back));
        case slots::verdict::reset:
            core::asio::co_spawn(home_, reset(shared_from_this(), std::move(back)), core::asio::detached);
    }
}

core::awaitable<void> pool_state::reset(std::shared_ptr<pool_state> self, session what) {
    const underway counted(self->resetting_);
    const auto done = co_await what.held->reset(core::deadline::after(reset_limit));
    if (self->shut_) co_return;
    const bool clean = done && self->slots_.judge(*what.held, what.origin, slots::state::clean, core::clock::now()) ==
                                   slots::verdict::keep;
    if (clean) {
        self->settle(std::move(what));
    } else {
        self->close(std::move(what));
    }
}

/// Gives a clean session to whoever has waited longest, or lets it rest.
void pool_state::settle(session back) {
    if (shut_) return;
    if (const auto other = budget_->claim_for_another(this, first_waits_since())) {
        back.held.reset();
        return budget_->deliver(*other, std::move(back.unit));
    }
    if (waiting_.empty()) return slots_.keep(std::move(back), core::clock::now());
    auto& first = *waiting_.front();
    // One that came with another password must prove that password.
    if (first.generation != back.origin.generation) return close(std::move(back));
    first.handed = std::move(back);
    first.call();
}

void pool_state::pass_on(share unit) {
    if (shut_ || budget_->exceeded()) return;
    if (const auto other = budget_->claim_for_another(this, first_waits_since())) {
        return budget_->deliver(*other, std::move(unit));
    }
    if (!waiting_.empty()) grant(std::move(unit));
}

void pool_state::grant(share unit) {
    auto& first = *waiting_.front();
    first.granted = std::move(unit);
    first.call();
}

void pool_state::close(session what) {
    what.held.reset();
    pass_on(std::move(what.unit));
}

void pool_state::close(std::vector<session> all) {
    for (auto& each : all) close(std::move(each));
}

void pool_state::asked() {
    if (slots_.idle() == 0) return;
    const auto other = budget_->claim_for_another(this, first_waits_since());
    if (!other) return;
    if (auto oldest = slots_.take_oldest()) {
        oldest->held.reset();
        budget_->deliver(*other, std::move(oldest->unit));
    }
}

void pool_state::refuse_waiters(const sql::failure& why) {
    while (!waiting_.empty()) {
        auto& first = *waiting_.front();
        first.refused = why;
        first.call();
    }
}

void pool_state::shut_down() noexcept {
    shut_ = true;
    refuse_waiters(shutting_down());
    (void)slots_.outdate();
    budget_->leave(this);
}

lease::lease(std::shared_ptr<pool_state> home, std::unique_ptr<sql::connection> held, session_origin origin)
    : home_(std::move(home)), held_(std::move(held)), origin_(origin) {}

lease::lease(lease&& other) noexcept
    : home_(std::move(other.home_)),
      held_(std::move(other.held_)),
      origin_(other.origin_),
      tainted_(other.tainted_),
      discarded_(other.discarded_) {}

lease& lease::operator=(lease&& other) noexcept {
    if (this != &other) {
        give_back();
        home_ = std::move(other.home_);
        held_ = std::move(other.held_);
        origin_ = other.origin_;
        tainted_ = other.tainted_;
        discarded_ = other.discarded_;
    }
    return *this;
}

lease::~lease() { give_back(); }

void lease::give_back() noexcept {
    if (!held_) return;
    const auto home = std::move(home_);
    home->come_home(std::move(held_), origin_,
                    discarded_ ? slots::state::discarded : (tainted_ ? slots::state::tainted : slots::state::clean));
}

shared_budgets::shared_budgets() : table_(std::make_shared<budget_table>()) {}
shared_budgets::~shared_budgets() = default;

struct pools::parts {
    struct key {
        std::string target, user, database;
    };
    struct key_view {
        std::string_view target, user, database;
        key_view(const key& of) : target(of.target), user(of.user), database(of.database) {}
        key_view(const destination& of) : target(of.target), user(of.login.user), database(of.database) {}
        friend bool operator==(const key_view&, const key_view&) = default;
    };
    struct hash {
        using is_transparent = void;
        std::size_t operator()(const key_view& of) const noexcept {
            const std::hash<std::string_view> one;
            return (one(of.target) * 31 + one(of.user)) * 31 + one(of.database);
        }
    };
    struct equal {
        using is_transparent = void;
        bool operator()(const key_view& a, const key_view& b) const noexcept { return a == b; }
    };

    std::shared_ptr<pool_state> find(const destination& to) {
        if (const auto known = all.find(key_view(to)); known != all.end()) return known->second;
        // No part may hold NUL: both engines refuse it in names, and an ARN has none.
        auto budget = budgets->find(to.target + '\0' + to.login.user + '\0' + to.database, to.limits.maximum);
        auto made = std::make_shared<pool_state>(home, std::move(budget));
        made->join();
        all.emplace(key{to.target, to.login.user, to.database}, made);
        return made;
    }

    core::executor home;
    std::shared_ptr<budget_table> budgets;
    std::unordered_map<key, std::shared_ptr<pool_state>, hash, equal> all;
};

pools::pools(core::executor home, shared_budgets& budgets)
    : parts_(std::make_unique<parts>(parts{std::move(home), budgets.table_, {}})) {}

pools::~pools() {
    for (auto& [key, each] : parts_->all) each->shut_down();
}

core::awaitable<sql::result<lease>> pools::acquire(const destination& to, core::deadline until) {
    return pool_state::acquire(parts_->find(to), to, until);
}

void pools::sweep(core::clock::time_point now) {
    for (auto at = parts_->all.begin(); at != parts_->all.end();) {
        at->second->sweep(now);
        if (at->second->at_rest(now)) {
            at->second->shut_down();
            at = parts_->all.erase(at);
        } else {
            ++at;
        }
    }
}

void pools::drop_target(const std::string& target) {
    for (auto& [key, each] : parts_->all) {
        if (key.target == target) each->outdate();
    }
}

void pools::drop_all() {
    for (auto& [key, each] : parts_->all) each->outdate();
}

pool_counts pools::counts() const {
    pool_counts sum;
    for (const auto& [key, each] : parts_->all) {
        const auto one = each->counts();
        sum.open += one.open;
        sum.idle += one.idle;
        sum.leased += one.leased;
        sum.waiting += one.waiting;
        sum.resetting += one.resetting;
    }
    return sum;
}

pool_counts pools::counts(const std::string& target) const {
    pool_counts sum;
    for (const auto& [key, each] : parts_->all) {
        if (key.target != target) continue;
        const auto one = each->counts();
        sum.open += one.open;
        sum.idle += one.idle;
        sum.leased += one.leased;
        sum.waiting += one.waiting;
        sum.resetting += one.resetting;
    }
    return sum;
}

}  // namespace borealis::pool
