#include "pool/transactions.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <list>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "core/base64.hpp"
#include "core/random.hpp"

namespace borealis::pool {
namespace {

/// 138 bytes make 184 characters of base64 without padding, as long as the ids of old.
constexpr std::size_t id_bytes = 138;
constexpr std::size_t id_characters = 184;

/// A rollback that takes longer is left to the database, by closing the session.
constexpr std::chrono::seconds rollback_limit{5};

/// All random but the second byte, which is the home index under the first as a mask: nobody shall see a pattern and
/// rely on it.
std::string make_id(std::uint8_t home_index) {
    std::array<char, id_bytes> bytes{};
    core::take_random_bytes(std::as_writable_bytes(std::span(bytes)));
    bytes[1] = static_cast<char>(bytes[0] ^ static_cast<char>(home_index));
    std::string id;
    core::append_base64(id, {bytes.data(), bytes.size()});
    return id;
}

/// What is kept of a finished id: 144 of its random bits.
using fingerprint = std::array<char, 24>;

fingerprint fingerprint_of(std::string_view id) {
    fingerprint print{};
    id.substr(4, print.size()).copy(print.data(), print.size());
    return print;
}

struct fingerprint_hash {
    std::size_t operator()(const fingerprint& of) const noexcept {
        std::size_t first = 0;  // random already
        std::memcpy(&first, of.data(), sizeof first);
        return first;
    }
};

/// What became of a finished transaction.
struct past {
    transaction_refusal why;
    // Only where commits may be repeated:
    std::size_t owner;  ///< owner_of() its binding
    core::clock::time_point at;
};

std::size_t owner_of(binding_view of) {
    const std::hash<std::string_view> one;
    return (one(of.resource_arn) * 31 + one(of.secret_arn)) * 31 + one(of.caller);
}

/// Ids are random already; what is asked for may be anything, but is never put into the table.
struct id_hash {
    std::size_t operator()(std::string_view id) const noexcept {
        std::size_t first = 0;
        std::memcpy(&first, id.data(), std::min(id.size(), sizeof first));
        return first;
    }
};

}  // namespace

///     adopt ──► idle ⇄ running ──► ended | aborted
///                 │        └─ too old, draining: on release ─┐
///                 └─ idle too long, too old, draining ──► rolling back ──► expired | aborted
struct held_transaction::entry {
    std::string id;
    lease session;
    binding to;
    core::clock::time_point born;
    core::clock::time_point last_used;
    std::shared_ptr<const void> kept;
    std::size_t calls = 0;  ///< The running one included.
    bool running = false;
    bool too_old = false;
    struct turn;
    std::list<std::weak_ptr<turn>> waiting = {};  ///< For their turn, the next one in front.
};

/// One that waits. Gone when its call is.
struct held_transaction::entry::turn {
    explicit turn(const core::executor& on) : bell(on) {}
    core::timer bell;       ///< Cancelled when it is this one's turn, or the transaction is over.
    held_transaction held;  ///< Then.
    bool over = false;      ///< The transaction.
};

/// Shared by `transactions`, held transactions and the rollbacks in the background.
class transaction_table : public std::enable_shared_from_this<transaction_table> {
 public:
    using entry = held_transaction::entry;

    transaction_table(core::executor home, std::uint8_t home_index, transaction_settings limits)
        : home_(std::move(home)), home_index_(home_index), limits_(limits) {}

    std::optional<std::string> adopt(lease session, binding to, std::shared_ptr<const void> kept) {
        if (limits_.always_reset) session.taint();
        if (drain_began_ || draining_ || open_.size() >= limits_.maximum) return std::nullopt;
        const auto now = core::clock::now();
        auto made = std::make_shared<entry>(
            entry{make_id(home_index_), std::move(session), std::move(to), now, now, std::move(kept)});
        std::optional<std::string> id(made->id);
        open_.emplace(made->id, made);
        return id;
    }

    std::expected<held_transaction, transaction_refusal> hold(std::string_view id, binding_view as) {
        const auto found = open_.find(id);
        if (found == open_.end()) return std::unexpected(reason_for(id, as));
        auto& it = *found->second;
        if (as.resource_arn != it.to.resource_arn || as.secret_arn != it.to.secret_arn || as.caller != it.to.caller) {
            return std::unexpected(transaction_refusal::unknown);
        }
        if (!as.database.empty() && as.database != it.to.database)
            return std::unexpected(transaction_refusal::other_database);
        if (it.running) return std::unexpected(transaction_refusal::running);
        it.running = true;
        ++it.calls;
        return held_transaction(shared_from_this(), found->second);
    }

    static core::awaitable<std::expected<held_transaction, transaction_refusal>> hold_in_turn(
        std::shared_ptr<transaction_table> table, std::string id, binding as, core::deadline until) {
        auto held = table->hold(id, as);
        if (held || held.error() != transaction_refusal::running) co_return held;
        const auto mine = std::make_shared<entry::turn>(table->home_);
        mine->bell.expires_at(until.at());
        table->open_.find(id)->second->waiting.push_back(mine);
        co_await mine->bell.async_wait(core::as_tuple);
        if (mine->held) co_return std::move(mine->held);
        co_return std::unexpected(mine->over ? table->reason_for(id, as) : transaction_refusal::running);
    }

    void reap(core::clock::time_point now) {
        std::vector<std::shared_ptr<entry>> past;
        for (auto& [id, each] : open_) {
            each->too_old = each->too_old || now - each->born >= limits_.age;
            if (!each->running && (each->too_old || is_idle(*each, now))) past.push_back(each);
        }
        for (const auto& each : past)
            roll_back(*each, transaction_refusal::expired, core::deadline(now + rollback_limit));
    }

    void begin_drain(core::clock::time_point now) { drain_began_ = now; }

    static core::awaitable<void> end_all(std::shared_ptr<transaction_table> table, core::deadline until) {
        table->roll_back_idle(until);
        if (table->at_rest()) co_return;
        const auto rest = std::make_shared<core::timer>(table->home_);
        rest->expires_at(until.at());
        table->drains_.push_back(rest);
        co_await rest->async_wait(core::as_tuple);
    }

    /// A call has ended without ending its transaction.
    void release(entry& it) {
        it.running = false;
        it.last_used = core::clock::now();
        if (gone_ || !it.session->usable()) {
            finish(it, transaction_refusal::aborted);
        } else if (it.too_old) {
            roll_back(it, transaction_refusal::expired, core::deadline(it.last_used + rollback_limit));
        } else if (draining_) {
            roll_back(it, transaction_refusal::aborted, core::deadline(it.last_used + rollback_limit));
        } else {
            hand_on(it);
        }
    }

    /// Takes it out of the table and gives its session back.
    void finish(entry& it, transaction_refusal why) {
        const auto session = forget(it, why);
        notice_rest();
    }

    void set_limits(transaction_settings limits) { limits_ = limits; }

    [[nodiscard]] const transaction_totals& totals() const { return totals_; }
    [[nodiscard]] std::size_t open() const { return open_.size(); }
    [[nodiscard]] std::size_t open(std::string_view resource_arn) const {
        return static_cast<std::size_t>(std::ranges::count_if(
            open_, [&](const auto& each) { return each.second->to.resource_arn == resource_arn; }));
    }

    /// The owner goes: sessions go home now, except those in use.
    void clear() {
        draining_ = true;
        gone_ = true;
        std::erase_if(open_, [](const auto& each) { return !each.second->running; });
    }

 private:
    [[nodiscard]] bool is_idle(const entry& it, core::clock::time_point now) const {
        if (drain_began_ && now - std::max(it.last_used, *drain_began_) >= limits_.drain) return true;
        return now - it.last_used >= limits_.idle;
    }
    [[nodiscard]] bool at_rest() const { return open_.empty() && rolling_back_ == 0; }
    void notice_rest() {
        if (!at_rest()) return;
        for (const auto& each : std::exchange(drains_, {})) {
            if (const auto waiting = each.lock()) waiting->cancel();
        }
    }

    [[nodiscard]] transaction_refusal reason_for(std::string_view id, binding_view as) const {
        if (id.size() != id_characters) return transaction_refusal::unknown;
        const auto found = finished_.find(fingerprint_of(id));
        if (found == finished_.end()) return transaction_refusal::unknown;
        const auto& it = found->second;
        if (it.why != transaction_refusal::committed) return it.why;
        const bool repeats = core::clock::now() < it.at + limits_.repeat_commit && it.owner == owner_of(as);
        return repeats ? transaction_refusal::committed : transaction_refusal::ended;
    }

    /// To the next that waits.
    void hand_on(entry& it) {
        while (!it.waiting.empty()) {
            const auto next = it.waiting.front().lock();
            it.waiting.pop_front();
            // Gone, or its time is over although it has not noticed yet.
            if (next == nullptr || next->bell.expiry() <= core::clock::now()) continue;
            it.running = true;
            ++it.calls;
            next->held = held_transaction(shared_from_this(), open_.find(it.id)->second);
            next->bell.cancel();
            return;
        }
    }

    void count(transaction_refusal why) {
        switch (why) {
            case transaction_refusal::committed:
                ++totals_.committed;
                break;
            case transaction_refusal::ended:
                ++totals_.rolled_back;
                break;
            case transaction_refusal::expired:
                ++totals_.expired;
                break;
            default:
                ++totals_.aborted;
        }
    }

    [[nodiscard]] lease forget(entry& it, transaction_refusal why) {
        count(why);
        auto session = std::move(it.session);
        for (const auto& each : std::exchange(it.waiting, {})) {
            if (const auto waits = each.lock()) {
                waits->over = true;
                waits->bell.cancel();
            }
        }
        const auto print = fingerprint_of(it.id);
        past end{.why = why, .owner = 0, .at = {}};
        if (limits_.repeat_commit.count() != 0) {
            end.owner = owner_of(it.to);
            end.at = core::clock::now();
        }
        if (const auto found = open_.find(it.id); found != open_.end()) open_.erase(found);  // may end `it`
        if (limits_.remembered == 0) return session;
        while (by_age_.size() >= limits_.remembered) {  // more than one where the limit was lowered
            finished_.erase(by_age_.front());
            by_age_.pop_front();
        }
        finished_.emplace(print, end);
        by_age_.push_back(print);
        return session;
    }

    /// Counts one rollback for as long as it lives, however it ends.
    class counter {
     public:
        explicit counter(std::shared_ptr<transaction_table> of) : of_(std::move(of)) { ++of_->rolling_back_; }
        counter(counter&&) noexcept = default;
        counter& operator=(counter&&) = delete;
        ~counter() {
            if (!of_) return;
            --of_->rolling_back_;
            of_->notice_rest();
        }

     private:
        std::shared_ptr<transaction_table> of_;
    };

    void roll_back(entry& it, transaction_refusal why, core::deadline until) {
        core::asio::co_spawn(home_, roll_back_session(counter(shared_from_this()), forget(it, why), until),
                             core::asio::detached);
    }
    static core::awaitable<void> roll_back_session([[maybe_unused]] counter counted, lease session,
                                                   core::deadline until) {
        const auto done = co_await session->rollback(until);
        if (!done) session.discard();
    }

    void roll_back_idle(core::deadline until) {
        draining_ = true;
        std::vector<std::shared_ptr<entry>> idle;
        for (auto& [id, each] : open_) {
            if (!each->running) idle.push_back(each);
        }
        for (const auto& each : idle) roll_back(*each, transaction_refusal::aborted, until);
    }

    core::executor home_;
    std::uint8_t home_index_;
    transaction_settings limits_;
    std::unordered_map<std::string_view, std::shared_ptr<entry>, id_hash> open_;  ///< By its id, where it stands.
    std::unordered_map<fingerprint, past, fingerprint_hash> finished_;
    std::deque<fingerprint> by_age_;
    std::vector<std::weak_ptr<core::timer>> drains_;  ///< Who waits for rest; cancelled when it is there.
    transaction_totals totals_;
    std::size_t rolling_back_ = 0;
    std::optional<core::clock::time_point> drain_began_;
    bool draining_ = false;
    bool gone_ = false;
};

held_transaction::held_transaction(std::shared_ptr<transaction_table> home, std::shared_ptr<entry> held)
    : home_(std::move(home)), held_(std::move(held)) {}

held_transaction::held_transaction(held_transaction&&) noexcept = default;

held_transaction& held_transaction::operator=(held_transaction&& other) noexcept {
    std::swap(home_, other.home_);
    std::swap(held_, other.held_);
    return *this;
}

held_transaction::~held_transaction() {
    if (held_) home_->release(*held_);
}

sql::connection& held_transaction::session() const { return *held_->session; }
const binding& held_transaction::bound_to() const { return held_->to; }

bool held_transaction::is_first() const { return held_->calls == 1; }

void held_transaction::taint() { held_->session.taint(); }

void held_transaction::end(ending how) {
    const auto it = std::exchange(held_, nullptr);
    const auto why = [how] {
        switch (how) {
            case ending::committed:
                return transaction_refusal::committed;
            case ending::rolled_back:
                return transaction_refusal::ended;
            case ending::aborted:
                break;
        }
        return transaction_refusal::aborted;
    };
    home_->finish(*it, why());
}

transactions::transactions(core::executor home, std::uint8_t home_index, transaction_settings limits)
    : table_(std::make_shared<transaction_table>(std::move(home), home_index, limits)) {}

transactions::~transactions() { table_->clear(); }

std::optional<std::string> transactions::adopt(lease session, binding to, std::shared_ptr<const void> kept) {
    return table_->adopt(std::move(session), std::move(to), std::move(kept));
}

std::expected<held_transaction, transaction_refusal> transactions::hold(std::string_view id, binding_view as) {
    return table_->hold(id, as);
}

core::awaitable<std::expected<held_transaction, transaction_refusal>> transactions::hold_in_turn(std::string_view id,
                                                                                                 binding as,
                                                                                                 core::deadline until) {
    return transaction_table::hold_in_turn(table_, std::string(id), std::move(as), until);
}

void transactions::reap(core::clock::time_point now) { table_->reap(now); }

void transactions::begin_drain(core::clock::time_point now) { table_->begin_drain(now); }

core::awaitable<void> transactions::end_all(core::deadline until) { return transaction_table::end_all(table_, until); }

void transactions::set_limits(transaction_settings limits) { table_->set_limits(limits); }

transaction_totals transactions::totals() const { return table_->totals(); }

std::size_t transactions::open() const { return table_->open(); }
std::size_t transactions::open(std::string_view resource_arn) const { return table_->open(resource_arn); }

std::optional<std::uint8_t> transactions::home_of(std::string_view id) {
    if (id.size() != id_characters) return std::nullopt;
    const auto bytes = core::decode_base64(id.substr(0, 4));  // whether it is one of ours, its home knows
    if (!bytes || bytes->size() < 2) return std::nullopt;
    const auto index = static_cast<std::uint8_t>((*bytes)[0] ^ (*bytes)[1]);
    if (index == 255) return std::nullopt;
    return index;
}

}  // namespace borealis::pool
