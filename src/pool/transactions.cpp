#include "pool/transactions.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
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
    core::random_bytes(std::as_writable_bytes(std::span(bytes)));
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

struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
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
    bool running = false;
    bool too_old = false;
};

/// Shared by `transactions`, held transactions and the rollbacks in the background.
class transaction_table : public std::enable_shared_from_this<transaction_table> {
 public:
    using entry = held_transaction::entry;

    transaction_table(core::executor home, std::uint8_t home_index, transaction_settings limits)
        : home_(std::move(home)), home_index_(home_index), limits_(limits) {}

    std::optional<std::string> adopt(lease session, binding to) {
        session.taint();
        if (draining_ || open_.size() >= limits_.maximum) return std::nullopt;
        const auto now = core::clock::now();
        auto made = std::make_shared<entry>(entry{make_id(home_index_), std::move(session), std::move(to), now, now});
        auto id = made->id;
        open_.emplace(id, std::move(made));
        return id;
    }

    std::expected<held_transaction, transaction_refusal> hold(std::string_view id, const binding& as) {
        const auto found = open_.find(id);
        if (found == open_.end()) return std::unexpected(reason_for(id));
        auto& it = *found->second;
        if (as.resource_arn != it.to.resource_arn || as.secret_arn != it.to.secret_arn || as.caller != it.to.caller) {
            return std::unexpected(transaction_refusal::unknown);
        }
        if (!as.database.empty() && as.database != it.to.database)
            return std::unexpected(transaction_refusal::other_database);
        if (it.running) return std::unexpected(transaction_refusal::running);
        it.running = true;
        return held_transaction(shared_from_this(), found->second);
    }

    void reap(core::clock::time_point now) {
        std::vector<std::shared_ptr<entry>> past;
        for (auto& [id, each] : open_) {
            each->too_old = each->too_old || now - each->born >= limits_.age;
            if (!each->running && (each->too_old || now - each->last_used >= limits_.idle)) past.push_back(each);
        }
        for (const auto& each : past)
            roll_back(*each, transaction_refusal::expired, core::deadline(now + rollback_limit));
    }

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
        }
    }

    /// Takes it out of the table and gives its session back.
    void finish(entry& it, transaction_refusal why) {
        const auto session = forget(it, why);
        notice_rest();
    }

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
    [[nodiscard]] bool at_rest() const { return open_.empty() && rolling_back_ == 0; }
    void notice_rest() {
        if (!at_rest()) return;
        for (const auto& each : std::exchange(drains_, {})) {
            if (const auto waiting = each.lock()) waiting->cancel();
        }
    }

    [[nodiscard]] transaction_refusal reason_for(std::string_view id) const {
        if (id.size() != id_characters) return transaction_refusal::unknown;
        const auto found = finished_.find(fingerprint_of(id));
        return found == finished_.end() ? transaction_refusal::unknown : found->second;
    }

    [[nodiscard]] lease forget(entry& it, transaction_refusal why) {
        auto session = std::move(it.session);
        const auto print = fingerprint_of(it.id);
        if (const auto found = open_.find(it.id); found != open_.end()) open_.erase(found);  // may end `it`
        if (limits_.remembered == 0) return session;
        if (by_age_.size() >= limits_.remembered) {
            finished_.erase(by_age_.front());
            by_age_.pop_front();
        }
        finished_.emplace(print, why);
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
    static core::awaitable<void> roll_back_session(counter counted, lease session, core::deadline until) {
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
    std::unordered_map<std::string, std::shared_ptr<entry>, text_hash, std::equal_to<>> open_;
    std::unordered_map<fingerprint, transaction_refusal, fingerprint_hash> finished_;
    std::deque<fingerprint> by_age_;
    std::vector<std::weak_ptr<core::timer>> drains_;  ///< Who waits for rest; cancelled when it is there.
    std::size_t rolling_back_ = 0;
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

void held_transaction::end(ending how) {
    const auto it = std::exchange(held_, nullptr);
    home_->finish(*it, how == ending::ended ? transaction_refusal::ended : transaction_refusal::aborted);
}

transactions::transactions(core::executor home, std::uint8_t home_index, transaction_settings limits)
    : table_(std::make_shared<transaction_table>(std::move(home), home_index, limits)) {}

transactions::~transactions() { table_->clear(); }

std::optional<std::string> transactions::adopt(lease session, binding to) {
    return table_->adopt(std::move(session), std::move(to));
}

std::expected<held_transaction, transaction_refusal> transactions::hold(std::string_view id, const binding& as) {
    return table_->hold(id, as);
}

void transactions::reap(core::clock::time_point now) { table_->reap(now); }

core::awaitable<void> transactions::end_all(core::deadline until) { return transaction_table::end_all(table_, until); }

std::size_t transactions::open() const { return table_->open(); }
std::size_t transactions::open(std::string_view resource_arn) const { return table_->open(resource_arn); }

std::optional<std::uint8_t> transactions::home_of(std::string_view id) {
    if (id.size() != id_characters) return std::nullopt;
    const auto bytes = core::decode_base64(id);
    if (!bytes || bytes->size() != id_bytes) return std::nullopt;
    const auto index = static_cast<std::uint8_t>((*bytes)[0] ^ (*bytes)[1]);
    if (index == 255) return std::nullopt;
    return index;
}

}  // namespace borealis::pool
