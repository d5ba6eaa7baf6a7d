#include "pool/pool.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fmt/format.h>

#include "core/log.hpp"
#include "core/random.hpp"
#include "pool/budget.hpp"
#include "pool/fair_queue.hpp"
#include "pool/shared_sessions.hpp"
#include "pool/slots.hpp"
#include "pool/waiting_room.hpp"

namespace borealis::pool {
namespace {

/// To open a session that nobody waits for.
constexpr std::chrono::seconds refill_limit{30};

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

/// The wait for one thing of several: as long as the settings say, and no longer than the caller's deadline.
core::deadline end_of_wait(const settings& limits, core::clock::time_point from, core::deadline until) {
    return limits.wait > limits.wait.zero() ? until.sooner(core::deadline(from + limits.wait)) : until;
}

double seconds_since(core::clock::time_point from) {
    return std::chrono::duration<double>(core::clock::now() - from).count();
}

sql::failure too_many_wait(const settings& limits) {
    return {.kind = sql::failure_kind::busy,
            .message = fmt::format("{} calls wait for a connection of this cluster and login already; send fewer at "
                                   "once, or raise the pool's queue",
                                   limits.queue)};
}

core::awaitable<sql::result<lease>> at_once(lease what) { co_return std::move(what); }

sql::failure shutting_down() { return {.kind = sql::failure_kind::busy, .message = "The server is shutting down"}; }

}  // namespace

/// A session that is being opened, from the grant of its share to the login's end.
class opening {
 public:
    opening() = default;
    opening(pool_state& home, share unit);
    opening(opening&& other) noexcept : home_(std::exchange(other.home_, nullptr)), unit_(std::move(other.unit_)) {}
    opening& operator=(opening&& other) noexcept {
        std::swap(home_, other.home_);
        std::swap(unit_, other.unit_);
        return *this;
    }
    ~opening();

    [[nodiscard]] explicit operator bool() const { return home_ != nullptr; }
    [[nodiscard]] share take() { return std::move(unit_); }

 private:
    pool_state* home_ = nullptr;  // outlives it: who opens keeps it alive
    share unit_;
};

/// One pool key on one thread: carries out what `slots` and the budget decide. Shared by `pools`, leases, waiters and
/// background resets; the budget knows it weakly.
class pool_state final : public budget_member, public std::enable_shared_from_this<pool_state> {
 public:
    /// What the pools of all threads share.
    struct budgets {
        std::shared_ptr<key_budget> sessions, pinned, total;
    };

    pool_state(const core::executor& home, budgets shared, std::shared_ptr<pool_totals> counted)
        : home_(home),
          totals_(std::move(counted)),
          budget_(std::move(shared.sessions)),
          slots_(random_seed()),
          heads_(home),
          pins_(std::make_shared<waiting_room>(home, std::move(shared.pinned))),
          places_(std::make_shared<waiting_room>(home, std::move(shared.total), [this] { give_place(); })) {}

    void join() {
        budget_->join(weak_from_this(), home_);
        pins_->join();
        places_->join();
    }

    /// `self` keeps the state alive while the caller waits.
    static core::awaitable<sql::result<lease>> acquire(std::shared_ptr<pool_state> self, const destination& to,
                                                       core::deadline until, purpose what,
                                                       std::shared_ptr<short_statement> known);
    [[nodiscard]] std::optional<lease> join(const destination& to,
                                            const std::shared_ptr<const sql::rewritten>& statement,
                                            std::shared_ptr<short_statement>& known);
    /// A session that can be handed out without waiting. An idle one, where nobody waits for one.
    [[nodiscard]] std::optional<lease> at_hand(const destination& to, purpose what,
                                               std::shared_ptr<short_statement>& known);
    /// A lease has ended.
    void take_back(std::unique_ptr<lease::holding> what) noexcept;

    void sweep(core::clock::time_point now);
    void outdate() { close(slots_.outdate()); }
    /// Closes what is idle, refuses what waits; leased sessions close when they come home.
    void shut_down() noexcept;

    void granted(share unit) override { pass_on(std::move(unit)); }
    void asked() override;

    /// Nothing is held, awaited or remembered here.
    [[nodiscard]] bool at_rest(core::clock::time_point now) const {
        const auto all = counts();
        return all.open == 0 && all.waiting == 0 && acquiring_ == 0 && !refilling_ && !slots_.refusal(now);
    }
    [[nodiscard]] pool_counts counts() const {
        return {.open = slots_.idle() + leased_ + resetting_,
                .idle = slots_.idle(),
                .leased = leased_,
                .waiting = waiting_.size() + only_joining_ + pins_->waiting(),
                .resetting = resetting_,
                .shared = shared_.size()};
    }

 private:
    /// A caller in the queue. Lives in its coroutine's frame, which may be destroyed at any time.
    struct waiter {
        /// @param joins       It takes a place on a shared session as well …
        /// @param only_joins  … or nothing else.
        waiter(std::shared_ptr<pool_state> of, std::string_view caller, core::clock::time_point now,
               std::shared_ptr<short_statement> joins, bool only_joins = false)
            : home(std::move(of)),
              wake(home->home_),
              since(now),
              generation(home->slots_.generation()),
              known(std::move(joins)),
              joins_only(only_joins) {
            if (joins_only) {
                ++home->only_joining_;
            } else {
                place = home->waiting_.add(*this, caller);
            }
            if (known) joining_place = home->joining_.add(*this, caller);
            queued = true;
        }
        waiter(const waiter&) = delete;
        waiter& operator=(const waiter&) = delete;
        ~waiter() {
            leave();
            // Handed something, but never came to take it.
            if (handed) home->settle(std::move(*handed), core::clock::now());
            if (granted) home->pass_on(granted.take());
        }

        void leave() noexcept {
            if (queued) step_out(&fair_queue<waiter>::leave);
        }
        /// Ends the wait of whose turn it is; what was handed over is set before or after, by the same function.
        void call() {
            wake.cancel();
            step_out(&fair_queue<waiter>::served);
        }
        void step_out(void (fair_queue<waiter>::*by)(const fair_queue<waiter>::place&)) {
            queued = false;
            if (known) (home->joining_.*by)(joining_place);
            if (joins_only) {
                --home->only_joining_;
                return;
            }
            (home->waiting_.*by)(place);
            home->fewer_wait();
        }

        std::shared_ptr<pool_state> home;
        core::timer wake;
        core::clock::time_point since;
        std::uint64_t generation;
        std::shared_ptr<short_statement> known;
        bool joins_only;
        fair_queue<waiter>::place place, joining_place;
        bool queued = false;
        std::optional<session> handed;
        lease joined;
        opening granted;
        std::optional<sql::failure> refused;
    };

    void use(const destination& to) {
        close(slots_.use(to));
        if (std::exchange(maximum_, to.limits.maximum) != to.limits.maximum) budget_->set_maximum(to.limits.maximum);
    }
    [[nodiscard]] const sharing& limits() const { return slots_.limits().shared; }
    [[nodiscard]] bool has_proved(const std::shared_ptr<short_statement>& known) const {
        return known != nullptr && limits().sessions > 0 && known->proved(limits().proof);
    }
    /// Alone, unless it is for a statement that may share and there is one more session to be shared.
    lease lend(session&& what, std::shared_ptr<short_statement>&& known, core::clock::time_point now);
    lease seat(shared_session& on, std::shared_ptr<short_statement> known, core::clock::time_point now);
    [[nodiscard]] std::unique_ptr<lease::holding> new_holding();
    void come_home(session&& back, slots::state left_in, core::clock::time_point now) noexcept;
    void leave(lease::holding& what, slots::state left_in, core::clock::time_point now) noexcept;
    [[nodiscard]] std::optional<session> take_idle(core::clock::time_point now) {
        std::vector<session> unfit;
        auto idle = slots_.take(now, unfit);
        if (!unfit.empty()) close(std::move(unfit));
        return idle;
    }
    [[nodiscard]] shared_session* find_shared(core::clock::time_point now) {
        return shared_.find(limits(), {.generation = slots_.generation(),
                                       .others = leased_ - shared_.size(),
                                       .wanted = waiting_.size() + only_joining_ > joining_.size() ||
                                                 budget_->wanted() || places_->wanted(),
                                       .now = now});
    }
    void serve_joining(core::clock::time_point now);
    void watch_heads(core::clock::time_point at);
    [[nodiscard]] std::optional<core::clock::time_point> first_waits_since() const {
        if (waiting_.empty()) return std::nullopt;
        return waiting_.oldest().since;
    }

    friend class opening;
    void grant(share unit);
    void open_more();
    void fewer_wait();
    void settle(session&& back, core::clock::time_point now);
    void give(key_budget::claim to, session what);
    void pass_on(share unit);
    void close(std::vector<session> all);
    void close(session what);
    void refuse_waiters(const sql::failure& why);
    void give_place();
    static core::awaitable<void> reset(std::shared_ptr<pool_state> self, session what);
    static core::awaitable<sql::result<lease>> find_session(std::shared_ptr<pool_state> self, const destination& to,
                                                            core::deadline until,
                                                            std::shared_ptr<short_statement> known);
    static core::awaitable<sql::result<session>> connect(std::shared_ptr<pool_state> self, const destination& to,
                                                         std::uint64_t generation, share unit, core::deadline until);
    static core::awaitable<sql::result<std::unique_ptr<sql::connection>>> connect_to_writer(
        std::shared_ptr<pool_state> self, const destination& to, core::deadline until);
    static core::awaitable<void> refill(std::shared_ptr<pool_state> self, destination to, share unit);

    core::executor home_;
    std::shared_ptr<pool_totals> totals_;  ///< Of the thread.
    std::shared_ptr<key_budget> budget_;
    slots slots_;
    fair_queue<waiter> waiting_;
    fair_queue<waiter> joining_;    ///< Those of them that may share a session, and those that want nothing else.
    std::size_t only_joining_ = 0;  ///< The latter.
    short_statements statements_;
    shared_sessions shared_;
    core::timer heads_;  ///< Looks after who waits on shared sessions.
    bool watching_heads_ = false;
    std::shared_ptr<waiting_room> pins_;    ///< For sessions that transactions hold. Shared with those who wait there.
    std::shared_ptr<waiting_room> places_;  ///< For the cluster's total.
    destination last_used_;                 ///< What `refill` opens; only with a minimum.
    std::uint64_t remembered_ = 0;          ///< Generation of `last_used_`.
    std::size_t writer_ = 0;                ///< Which of the cluster's servers took writes the last time.
    bool refilling_ = false;
    std::size_t maximum_ = 0;
    std::vector<share> to_open_;  ///< Of sessions whose turn to be opened has not come; no more than wait.
    std::vector<std::unique_ptr<lease::holding>> spare_;  ///< Of leases that have ended; has room for all.
    std::size_t holdings_ = 0;                            ///< With those of leases.
    std::size_t opening_ = 0;
    std::size_t leased_ = 0;
    std::size_t resetting_ = 0;
    std::size_t acquiring_ = 0;
    bool shut_ = false;
};

core::awaitable<sql::result<lease>> pool_state::acquire(std::shared_ptr<pool_state> self, const destination& to,
                                                        core::deadline until, purpose what,
                                                        std::shared_ptr<short_statement> known) {
    const underway counted(self->acquiring_);
    if (what == purpose::statement) co_return co_await find_session(self, to, until, std::move(known));
    // Transactions wait for each other here, not in the queue of the autocommit calls.
    const auto now = core::clock::now();
    const auto most = to.limits.most_transactions();
    if (self->pins_->waiting() >= to.limits.queue) {
        ++self->totals_->refused;
        co_return std::unexpected(too_many_wait(to.limits));
    }
    share pin = co_await waiting_room::enter(self->pins_, most, end_of_wait(to.limits, now, until));
    if (!pin) {
        if (self->shut_) co_return std::unexpected(shutting_down());
        ++self->totals_->refused;
        co_return sql::fail(sql::failure_kind::busy,
                            fmt::format("Transactions hold all {} connections of this cluster and login that they may, "
                                        "for {:.1f} s; end idle transactions, or raise the pool's transactions",
                                        most, seconds_since(now)));
    }
    auto found = co_await find_session(self, to, until, nullptr);
    if (found) found->it_->pin = std::move(pin);
    co_return found;
}

core::awaitable<sql::result<lease>> pool_state::find_session(std::shared_ptr<pool_state> self, const destination& to,
                                                             core::deadline until,
                                                             std::shared_ptr<short_statement> known) {
    const auto now = core::clock::now();
    self->use(to);
    if (self->waiting_.size() + self->only_joining_ >= to.limits.queue) {
        ++self->totals_->refused;
        co_return std::unexpected(too_many_wait(to.limits));
    }
    if (self->has_proved(known) && self->shared_.keeps_moving(self->limits(), now)) {
        // A place comes free sooner than a session of one's own would answer: that only adds to the database's load.
        waiter me(self, to.caller, now, known, true);
        me.wake.expires_at(std::min(end_of_wait(to.limits, now, until).at(), now + self->limits().proof.slow / 4));
        co_await me.wake.async_wait(core::as_tuple);
        me.leave();
        if (me.joined) co_return std::move(me.joined);
        if (self->shut_) co_return std::unexpected(shutting_down());
    }
    const auto generation = self->slots_.generation();
    if (self->waiting_.empty()) {
        if (auto idle = self->take_idle(now)) co_return self->lend(std::move(*idle), std::move(known), now);
        if (auto refusal = self->slots_.refusal(now)) co_return std::unexpected(std::move(*refusal));
    }

    waiter me(self, to.caller, now, self->has_proved(known) ? known : nullptr);
    const auto how = self->leased_ + self->resetting_ > 0 ? key_budget::need::more : key_budget::need::some;
    if (auto unit = self->budget_->take_or_want(self.get(), now, how)) self->grant(std::move(*unit));
    const auto end = end_of_wait(to.limits, now, until).at();
    if (me.queued && how == key_budget::need::more) {
        me.wake.expires_at(std::min(end, now + key_budget::patience));
        co_await me.wake.async_wait(core::as_tuple);
        if (me.queued) self->budget_->press(self.get(), key_budget::need::longer);
    }
    if (me.queued) {
        me.wake.expires_at(end);
        co_await me.wake.async_wait(core::as_tuple);
    }
    const bool others_opened = !self->to_open_.empty();
    me.leave();
    if (me.joined) co_return std::move(me.joined);
    if (me.handed) {
        auto mine = std::move(*me.handed);
        me.handed.reset();
        co_return self->lend(std::move(mine), std::move(known), core::clock::now());
    }
    if (me.refused) co_return std::unexpected(std::move(*me.refused));
    if (!me.granted) {
        ++self->totals_->refused;
        if (others_opened) {
            co_return sql::fail(sql::failure_kind::busy,
                                fmt::format("The database is slow to take new connections: {} were being opened, and "
                                            "none came to this call for {:.1f} s; send fewer calls at once, or raise "
                                            "the pool's opens_at_once",
                                            self->opening_, seconds_since(now)));
        }
        co_return sql::fail(
            sql::failure_kind::busy,
            fmt::format("All {} connections of this cluster and login stayed busy for {:.1f} s; end idle "
                        "transactions, send fewer calls at once, or raise the pool's maximum",
                        to.limits.maximum, seconds_since(now)));
    }
    auto turn = std::move(me.granted);
    auto opened = co_await connect(self, to, generation, turn.take(), until);
    if (!opened) co_return std::unexpected(std::move(opened.error()));
    if (to.limits.minimum > 0 && std::exchange(self->remembered_, generation) != generation) {
        self->last_used_ = to;
        self->last_used_.caller = {};
        self->last_used_.connecting = nullptr;
    }
    co_return self->lend(std::move(*opened), std::move(known), core::clock::now());
}

std::optional<lease> pool_state::at_hand(const destination& to, purpose what, std::shared_ptr<short_statement>& known) {
    use(to);
    if (slots_.idle() == 0 || !waiting_.empty() || only_joining_ >= to.limits.queue) return std::nullopt;
    const auto now = core::clock::now();
    if (has_proved(known) && shared_.keeps_moving(limits(), now)) return std::nullopt;
    share pin;
    if (what == purpose::transaction) {
        pin = pins_->enter_at_once(to.limits.most_transactions());
        if (!pin) return std::nullopt;
    }
    auto idle = take_idle(now);
    if (!idle) return std::nullopt;
    auto made = lend(std::move(*idle), std::move(known), now);
    made.it_->pin = std::move(pin);
    return made;
}

// ---- leases

std::unique_ptr<lease::holding> pool_state::new_holding() {
    if (spare_.empty()) {
        spare_.reserve(holdings_ + 1);
        auto made = std::make_unique<lease::holding>();
        ++holdings_;
        return made;
    }
    auto made = std::move(spare_.back());
    spare_.pop_back();
    return made;
}

lease pool_state::lend(session&& what, std::shared_ptr<short_statement>&& known, core::clock::time_point now) {
    ++leased_;
    key_budget::lend(what.unit);
    if (has_proved(known) && what.held->pipelines() && shared_.size() < limits().sessions) {
        auto made = seat(shared_.host(std::move(what), now), std::move(known), now);
        serve_joining(now);
        return made;
    }
    auto made = new_holding();
    made->home = shared_from_this();
    made->used = what.held.get();
    made->held = std::move(what.held);
    made->place = std::move(what.place);
    made->origin = what.origin;
    made->since = now;
    if (known != nullptr) known->began(now);
    made->known = std::move(known);
    return lease(std::move(made));
}

void pool_state::take_back(std::unique_ptr<lease::holding> what) noexcept {
    const auto now = core::clock::now();
    const auto left_in = what->discarded ? slots::state::discarded
                         : what->tainted ? slots::state::tainted
                                         : slots::state::clean;
    if (what->shared != nullptr) {
        leave(*what, left_in, now);
    } else {
        if (what->known)
            what->known->observe({.took = now - what->since, .beside = leased_, .ended = now}, what->bytes,
                                 limits().proof);
        come_home({std::move(what->place), share(), std::move(what->held), what->origin}, left_in, now);
    }
    *what = {};
    spare_.push_back(std::move(what));
}

// ---- shared sessions

lease pool_state::seat(shared_session& on, std::shared_ptr<short_statement> known, core::clock::time_point now) {
    auto made = new_holding();
    made->home = shared_from_this();
    made->used = on.what.held.get();
    made->shared = &on;
    made->as = &shared_.join(on, known->usual(), now);
    known->joined(now);
    made->known = std::move(known);
    if (on.guests.size() > 1) watch_heads(on.head_since + limits().proof.slow);
    return lease(std::move(made));
}

std::optional<lease> pool_state::join(const destination& to, const std::shared_ptr<const sql::rewritten>& statement,
                                      std::shared_ptr<short_statement>& known) {
    if (to.limits.shared.sessions == 0 || shut_) return std::nullopt;
    known = statements_.find(statement);
    if (!known->proved(to.limits.shared.proof)) return std::nullopt;
    use(to);
    if (!joining_.empty()) return std::nullopt;  // they came first
    const auto now = core::clock::now();
    auto* found = find_shared(now);
    if (waiting_.empty() && shared_.worth_another(found, limits())) {
        if (auto idle = take_idle(now)) return lend(std::move(*idle), std::move(known), now);
    }
    if (found == nullptr) return std::nullopt;
    ++totals_->joined;
    return seat(*found, std::move(known), now);
}

/// There is room: whoever waits for it comes in, callers taking turns.
void pool_state::serve_joining(core::clock::time_point now) {
    while (!joining_.empty()) {
        auto* const found = find_shared(now);
        if (found == nullptr) return;
        auto& first = joining_.next();
        // One that came with another password must prove that password.
        if (first.generation != slots_.generation()) return;
        ++totals_->joined;
        first.joined = seat(*found, first.known, now);
        first.call();
    }
}

/// A guest is gone.
void pool_state::leave(lease::holding& what, slots::state left_in, core::clock::time_point now) noexcept {
    auto& which = *what.shared;
    auto& who = *what.as;
    what.known->observe_shared({.took = shared_sessions::took(which, who, now),
                                .waited = which.head_since > who.since,
                                .sessions = shared_.size(),
                                .most_sessions = limits().sessions,
                                .ended = now},
                               what.bytes, limits().proof);
    which.left_in = std::max(which.left_in, left_in);
    if (which.guests.size() == 1 && !joining_.empty()) serve_joining(now);  // else it would go home
    if (auto last = shared_.leave(which, who, now)) {
        come_home(std::move(last->what), last->left_in, now);
    } else if (!joining_.empty()) {
        serve_joining(now);
    }
}

/// Looks at `at`, and as long as somebody waits behind another, whether that takes too long. A timer a call would cost
/// more than it helps: one that fires in vain, now and then, does not.
void pool_state::watch_heads(core::clock::time_point at) {
    if (std::exchange(watching_heads_, true)) return;
    heads_.expires_at(at);
    heads_.async_wait([weak = weak_from_this()](const boost::system::error_code& why) {
        const auto self = std::static_pointer_cast<pool_state>(weak.lock());
        if (self == nullptr || why) return;
        self->watching_heads_ = false;
        if (const auto next = self->shared_.move_on(self->limits(), core::clock::now(), self->totals_->moved_on))
            self->watch_heads(*next);
    });
}

sql::beside_call& lease::call() const { return it_->as->call; }
bool lease::moved_on() const { return it_ != nullptr && it_->as != nullptr && it_->as->moved_on; }

core::awaitable<sql::result<session>> pool_state::connect(std::shared_ptr<pool_state> self, const destination& to,
                                                          std::uint64_t generation, share unit, core::deadline until) {
    share place;
    if (to.limits.cluster_maximum != 0) {
        const auto now = core::clock::now();
        place =
            co_await waiting_room::enter(self->places_, to.limits.cluster_maximum, end_of_wait(to.limits, now, until));
        if (!place) {
            self->pass_on(std::move(unit));
            if (self->shut_) co_return std::unexpected(shutting_down());
            ++self->totals_->refused;
            co_return sql::fail(sql::failure_kind::busy,
                                fmt::format("All {} connections that the cluster may have stayed busy for {:.1f} s; "
                                            "send fewer calls at once, or raise the pool's cluster_maximum",
                                            to.limits.cluster_maximum, seconds_since(now)));
        }
    }
    auto limit = until;
    if (to.limits.connect_timeout > to.limits.connect_timeout.zero()) {
        limit = until.sooner(core::deadline::after(to.limits.connect_timeout));
    }
    const auto since = core::clock::now();
    sql::result<std::unique_ptr<sql::connection>> opened;
    try {
        if (to.others.empty()) {
            opened = co_await to.driver->connect(to.endpoint, to.login, to.database, limit);
        } else {
            opened = co_await connect_to_writer(self, to, limit);
        }
    } catch (const std::system_error& exhausted) {  // no descriptor, no thread: the machine's limits, not a bug
        core::log(core::log_level::warning, "pool: no session can be opened: {}", exhausted.what());
        opened = sql::fail(sql::failure_kind::unreachable, "The database cannot be reached.");
    }
    const auto now = core::clock::now();
    if (to.connecting != nullptr) *to.connecting += now - since;
    ++(opened ? self->totals_->opened : self->totals_->connect_failed);
    if (!opened) {
        // A caller with little time left says nothing about the database.
        if (opened.error().kind == sql::failure_kind::unreachable && !until.passed(now)) {
            self->slots_.connect_failed(opened.error(), now);
            self->refuse_waiters(opened.error());
        }
        place = {};
        self->pass_on(std::move(unit));
        co_return std::unexpected(std::move(opened.error()));
    }
    self->slots_.connected();
    co_return session{std::move(place), std::move(unit), std::move(*opened), self->slots_.born(generation, now)};
}

/// Asks the servers of the cluster in turn, beginning with the one that took writes the last time.
core::awaitable<sql::result<std::unique_ptr<sql::connection>>> pool_state::connect_to_writer(
    std::shared_ptr<pool_state> self, const destination& to, core::deadline until) {
    const std::size_t count = 1 + to.others.size();
    const std::size_t first = self->writer_ < count ? self->writer_ : 0;
    sql::failure last{.kind = sql::failure_kind::unreachable,
                      .message = "None of the cluster's servers accepts writes."};
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t which = (first + i) % count;
        const auto& server = which == 0 ? to.endpoint : to.others[which - 1];
        // One that swallows packets must leave time for the next.
        const auto limit = until.at() == core::clock::time_point::max()
                               ? until
                               : core::deadline::after(until.left() / static_cast<int>(count - i));
        auto opened = co_await to.driver->connect(server, to.login, to.database, limit);
        if (!opened) {
            if (opened.error().kind == sql::failure_kind::login) co_return opened;  // the same everywhere
            if (last.sqlstate.empty()) last.message = std::move(opened.error().message);
            continue;
        }
        const auto standby = co_await (*opened)->read_only(limit);
        if (standby && !*standby) {
            self->writer_ = which;
            co_return opened;
        }
        if (standby) last.message = "None of the cluster's servers accepts writes.";
    }
    co_return std::unexpected(std::move(last));
}

void pool_state::sweep(core::clock::time_point now) {
    const auto minimum = slots_.limits().minimum;
    const auto open = budget_->open();
    close(slots_.sweep(now, open > minimum ? open - minimum : 0));
    if (minimum == 0 || refilling_ || shut_ || slots_.refusal(now)) return;
    if (remembered_ != slots_.generation()) return;  // nobody has logged in like this yet
    if (budget_->open() >= std::min(minimum, maximum_)) return;
    auto unit = budget_->take();
    if (!unit) return;
    refilling_ = true;
    core::asio::co_spawn(home_, refill(shared_from_this(), last_used_, std::move(*unit)), core::asio::detached);
}

/// Opens one session that nobody asked for yet; each sweep at most one.
core::awaitable<void> pool_state::refill(std::shared_ptr<pool_state> self, destination to, share unit) {
    const underway counted(self->acquiring_);
    auto opened =
        co_await connect(self, to, self->slots_.generation(), std::move(unit), core::deadline::after(refill_limit));
    self->refilling_ = false;
    if (opened) self->settle(std::move(*opened), core::clock::now());
}

void pool_state::come_home(session&& back, slots::state left_in, core::clock::time_point now) noexcept {
    --leased_;
    back.unit = budget_->adopt();
    if (shut_) {
        ++totals_->closed;
        return;
    }
    switch (slots_.judge(*back.held, back.origin, left_in, now)) {
        case slots::verdict::keep:
            return settle(std::move(back), now);
        case slots::verdict::close:
            return close(std::move(back));
        case slots::verdict::reset:
            core::asio::co_spawn(home_, reset(shared_from_this(), std::move(back)), core::asio::detached);
    }
}

core::awaitable<void> pool_state::reset(std::shared_ptr<pool_state> self, session what) {
    const underway counted(self->resetting_);
    ++self->totals_->reset;
    const auto done = co_await what.held->reset(core::deadline::after(self->slots_.limits().reset_timeout));
    if (self->shut_) co_return;
    const auto now = core::clock::now();
    const bool clean =
        done && self->slots_.judge(*what.held, what.origin, slots::state::clean, now) == slots::verdict::keep;
    if (clean) {
        self->settle(std::move(what), now);
    } else {
        self->close(std::move(what));
    }
}

/// Gives a clean session to whoever has waited longest, or lets it rest.
void pool_state::settle(session&& back, core::clock::time_point now) {
    if (shut_) return;
    if (const auto other = budget_->claim_for_another(this, first_waits_since())) {
        return give(*other, std::move(back));
    }
    if (waiting_.empty()) {
        // Nobody of this key needs it, somebody of another key of the cluster does.
        if (back.place && places_->wanted()) return close(std::move(back));
        slots_.keep(std::move(back), now);
        // One more may be shared: whoever waits for a place has the first on it.
        if (!joining_.empty() && shared_.size() < limits().sessions) joining_.next().call();
        return;
    }
    auto& first = waiting_.next();
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
    to_open_.push_back(std::move(unit));
    open_more();
}

/// A few at a time: a hundred logins at once take the database's CPU from those who could be served, and most of who
/// waits for one is helped sooner by a session that comes home.
void pool_state::open_more() {
    while (!to_open_.empty() && !waiting_.empty() && opening_ < slots_.limits().opens_at_once) {
        auto unit = std::move(to_open_.back());
        to_open_.pop_back();
        if (const auto other = budget_->claim_for_another(this, first_waits_since())) {
            budget_->deliver(*other, std::move(unit));
            continue;
        }
        auto& first = waiting_.next();
        first.granted = opening(*this, std::move(unit));
        first.call();
    }
}

/// Nothing is wanted for those who do not wait any more.
void pool_state::fewer_wait() {
    const auto left = waiting_.size();
    budget_->unwant(this, left > to_open_.size() ? left - to_open_.size() : 0);
    while (to_open_.size() > waiting_.size()) {
        const auto unit = std::move(to_open_.back());
        to_open_.pop_back();
    }
}

opening::opening(pool_state& home, share taken) : home_(&home), unit_(std::move(taken)) { ++home.opening_; }

opening::~opening() {
    if (home_ == nullptr) return;
    --home_->opening_;
    home_->open_more();
}

void pool_state::close(session what) {
    ++totals_->closed;
    what.held.reset();
    what.place = {};
    pass_on(std::move(what.unit));
}

void pool_state::close(std::vector<session> all) {
    for (auto& each : all) close(std::move(each));
}

/// A caller for another key of this cluster waits: an idle session here makes room.
void pool_state::give_place() {
    if (auto oldest = slots_.take_oldest()) close(std::move(*oldest));
}

void pool_state::asked() {
    if (slots_.idle() == 0) return;
    const auto other = budget_->claim_for_another(this, first_waits_since());
    if (!other) return;
    if (auto oldest = slots_.take_oldest()) give(*other, std::move(*oldest));
}

/// To another thread's caller.
void pool_state::give(key_budget::claim to, session what) {
    ++totals_->closed;
    what.held.reset();
    budget_->deliver(to, std::move(what.unit));
    // Nothing comes back to our own callers any more.
    if (!waiting_.empty() && leased_ + resetting_ + slots_.idle() == 0) budget_->press(this, key_budget::need::some);
}

void pool_state::refuse_waiters(const sql::failure& why) {
    while (!waiting_.empty()) {
        auto& first = waiting_.next();
        first.refused = why;
        first.call();
    }
}

void pool_state::shut_down() noexcept {
    shut_ = true;
    to_open_.clear();
    refuse_waiters(shutting_down());
    while (!joining_.empty()) joining_.next().call();
    pins_->shut();
    places_->shut();
    totals_->closed += slots_.outdate().size();
    budget_->leave(this);
}

void lease::give_back() noexcept {
    std::unique_ptr<holding> mine(std::exchange(it_, nullptr));
    const auto home = std::move(mine->home);
    home->take_back(std::move(mine));
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

    auto add(const destination& to) {
        // No part may hold NUL: both engines refuse it in names, and an ARN has none.
        const auto name = to.target + '\0' + to.login.user + '\0' + to.database;
        auto made = std::make_shared<pool_state>(
            home,
            pool_state::budgets{.sessions = budgets->find(name, to.limits.maximum),
                                .pinned = budgets->find(name + '\0', to.limits.most_transactions()),
                                .total = budgets->find(to.target, to.limits.cluster_maximum)},
            totals);
        made->join();
        return all.emplace(key{to.target, to.login.user, to.database}, std::move(made)).first;
    }

    /// @return Good until the pool is dropped.
    const std::shared_ptr<pool_state>& find(const destination& to) {
        // Where there are few of them, it is the same as the last time: to compare is cheaper than to hash.
        if (last != nullptr && key_view(last->first) == key_view(to)) return last->second;
        auto known = all.find(key_view(to));
        if (known == all.end()) known = add(to);
        last = &*known;
        return last->second;
    }

    core::executor home;
    std::shared_ptr<budget_table> budgets;
    std::shared_ptr<pool_totals> totals = std::make_shared<pool_totals>();
    std::unordered_map<key, std::shared_ptr<pool_state>, hash, equal> all;
    const std::pair<const key, std::shared_ptr<pool_state>>* last = nullptr;  ///< The one found last.
};

pools::pools(core::executor home, shared_budgets& budgets)
    : parts_(std::make_unique<parts>(
          parts{.home = std::move(home), .budgets = budgets.table_, .all = {}, .last = nullptr})) {}

pools::~pools() {
    for (auto& [key, each] : parts_->all) each->shut_down();
}

std::optional<lease> pools::join(const destination& to, const std::shared_ptr<const sql::rewritten>& statement,
                                 std::shared_ptr<short_statement>& known) {
    return parts_->find(to)->join(to, statement, known);
}

core::awaitable<sql::result<lease>> pools::acquire(const destination& to, core::deadline until, purpose what,
                                                   std::shared_ptr<short_statement> known) {
    const auto& in = parts_->find(to);
    // Nearly all find one: no frame that could wait is made for them.
    if (auto found = in->at_hand(to, what, known)) return at_once(*std::move(found));
    return pool_state::acquire(in, to, until, what, std::move(known));
}

void pools::sweep(core::clock::time_point now) {
    for (auto at = parts_->all.begin(); at != parts_->all.end();) {
        at->second->sweep(now);
        if (at->second->at_rest(now)) {
            at->second->shut_down();
            parts_->last = nullptr;
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

pool_totals pools::totals() const { return *parts_->totals; }

pool_counts pools::counts() const {
    pool_counts sum;
    for (const auto& [key, each] : parts_->all) sum += each->counts();
    return sum;
}

pool_counts pools::counts(const std::string& target) const {
    pool_counts sum;
    for (const auto& [key, each] : parts_->all)
        if (key.target == target) sum += each->counts();
    return sum;
}

std::map<std::string, pool_counts> pools::counts_by_target() const {
    std::map<std::string, pool_counts> all;
    for (const auto& [key, each] : parts_->all) all[key.target] += each->counts();
    return all;
}

}  // namespace borealis::pool
