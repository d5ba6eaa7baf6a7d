#include "postgres/native_session.hpp"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <exception>
#include <stdexcept>

#include <boost/asio/post.hpp>
#include <sys/socket.h>

#include "core/log.hpp"
#include "postgres/errors.hpp"
#include "postgres/set_columns.hpp"
#include "postgres/socket_watch.hpp"

namespace borealis::postgres {
namespace {

using namespace std::chrono_literals;
using sql::failure;
using sql::failure_kind;

constexpr int most_reads = 4;                        // of one session before others get their turn
constexpr std::size_t flush_at = 32UL * 1024;        // octets that calls beside each other gather before they are sent
constexpr std::size_t most_held = 1024UL * 1024;     // of an answer that a cancel request may have hit
constexpr std::size_t most_dropped = 1024UL * 1024;  // of an unwanted answer, before it is cancelled …
constexpr auto unwanted_time = 50ms;                 // … as it is when it takes longer to come
constexpr int repeats_beside = 2;                    // of a call whose statement was gone
constexpr std::size_t section_sets = 1024;           // of a batch, per round trip
constexpr std::size_t section_octets = 256UL * 1024;
constexpr std::size_t merged_from = 64;  // sets: for fewer, asking about the table costs more than they do
constexpr std::string_view merged_portal = "borealis_sets";

const char* copy_message(char type) {
    switch (type) {
        case 'G':
            return "execute: unexpected message: CopyInResponse";
        case 'H':
            return "execute: unexpected message: CopyOutResponse";
        default:
            return "execute: unexpected message: CopyBothResponse";
    }
}

}  // namespace

class native_session::call final : public sql::abandonable {
 public:
    enum class manner : std::uint8_t { alone, beside };

    call(native_session& at, core::deadline until, manner how = manner::alone)
        : home(&at), limit(until), beside(how == manner::beside), place_(at.calls_.size()) {
        home->calls_.push_back(this);
        if (!beside) ++home->alone_;
    }
    call(const call&) = delete;
    call& operator=(const call&) = delete;
    /// One whose coroutine is destroyed while it waits leaves an answer unread.
    ~call() {
        if (name != nullptr) name->names(nullptr);
        if (home == nullptr) return;
        if (own != nullptr) home->statements_.retire(*own);
        auto* const last = home->calls_.back();
        home->calls_[place_] = last;
        last->place_ = place_;
        home->calls_.pop_back();
        if (beside) return;
        --home->alone_;
        if (!over) home->broken_ = true;
    }

    void abandon() noexcept override {
        if (home == nullptr || cancelling) return;
        limit = core::deadline(core::clock::time_point::min());
        home->look_at(limit);
    }
    /// For a further statement of ours within the call.
    void again(core::deadline until) {
        limit = until;
        cancelling = false;
    }

    native_session* home;  // null once the session is gone: a loop that is torn down destroys frames in its own order
    core::deadline limit;
    std::string_view text = {};
    std::span<const sql::parameter> parameters = {};
    sql::row_sink* sink = nullptr;
    sql::description wanted = sql::description::types;
    std::shared_ptr<statement> which = nullptr;  // the last one used
    sql::beside_call* name = nullptr;
    const bool beside;
    bool writes = false;      // beside others; it ends only by what the database says of it
    bool fallbacks = false;   // types left open are declared
    bool cancelling = false;  // at the database
    bool late = false;        // cancelling because the caller's deadline passed
    bool stale = false;       // the last failure was server_error::stale
    bool hit = false;         // the last failure was a cancellation of somebody else's
    bool told = false;        // the sink knows its columns: a second run would tell it again
    bool sent = false;        // what the caller wants done has been sent: from now on its outcome may be unknown
    int repeats = 0;          // because a statement was not what it had been
    std::shared_ptr<statement> own = nullptr;  // that no other call uses
    bool over = false;

 private:
    std::size_t place_;  // among those of the session
};

class native_session::exchange {
 public:
    exchange(native_session& at, call& of) : home(&at), owner(of), from_(at.channel_.position()) {}
    exchange(const exchange&) = delete;
    exchange& operator=(const exchange&) = delete;
    virtual ~exchange() {
        if (home == nullptr) return;
        if (where != nullptr) home->leave(*this);
        if (joined) return;
        // Something threw while it was put together.
        auto& out = home->channel_.outgoing();
        out.resize(out.size() - static_cast<std::size_t>(home->channel_.position() - from_));
    }

    /// Whatever is neither an error, nor the end, nor sent without having been asked for.
    virtual void take(const message& what) = 0;

    void fail(server_error&& error) {
        if (failed) return;
        owner.stale = error.stale;
        fail(std::move(error.what));
    }
    void fail(failure&& what) { failed = std::make_unique<failure>(std::move(what)); }
    /// To be called when it has been answered.
    void check() const {
        if (thrown) std::rethrow_exception(thrown);
    }
    [[nodiscard]] std::uint64_t from() const { return from_; }

    native_session* home;  // null once that is gone
    call& owner;
    place* where = nullptr;  // in the line, until it is answered
    bool joined = false;
    std::unique_ptr<failure> failed = nullptr;  // apart, since nearly none does
    std::exception_ptr thrown = nullptr;        // by a sink, or memory was short

 protected:
    void violation() { home->dismiss("the server does not keep to the protocol", false); }

 private:
    std::uint64_t from_;
};

/// One command of our own, as a Query.
class native_session::command_exchange final : public exchange {
 public:
    using exchange::exchange;
    void take(const message& what) override {
        if (what.type == 'I') return;
        const auto told = what.type == 'C' ? read_command_tag(what.body) : std::nullopt;
        if (!told) return violation();
        tag = *told;
    }
    std::string tag;
};

/// One question of our own.
class native_session::question_exchange final : public exchange {
 public:
    using exchange::exchange;
    void take(const message& what) override {
        if (what.type == '1' || what.type == '2' || what.type == 'C') return;
        const int count = what.type == 'D' ? count_columns(what.body) : -1;
        if (count < 0) return violation();
        auto& cells = home->cells_;
        cells.resize(static_cast<std::size_t>(count));
        if (!read_row(what.body, cells)) return violation();
        auto& row = rows.emplace_back();
        for (const auto& cell : cells) row.emplace_back(cell.text);
    }
    answer_rows rows;
};

class native_session::description_exchange final : public exchange {
 public:
    using exchange::exchange;
    void take(const message& what) override {
        switch (what.type) {
            case '1':
            case '3':
            case 't':
                return;
            case 'T':
                returns_rows = true;
                if (!read_row_description(what.body, fields)) violation();
                return;
            case 'n':
                return;
            default:
                violation();
        }
    }
    std::vector<result_field> fields;
    bool returns_rows = false;
};

/// Runs a prepared statement.
class native_session::run_exchange final : public exchange {
 public:
    /// @param announced  The sink knows the columns already.
    /// @param which  From then on the one that the call has used last.
    run_exchange(native_session& at, call& of, std::shared_ptr<statement> which, on_stop rest, bool announced)
        : exchange(at, of), which_(*which), rest_(rest), announced_(announced), rows_(which->returns_rows) {
        of.which = std::move(which);
        auto& out = at.channel_.outgoing();
        before_ = at.append_begin();
        append_bind(out, which_.name, at.binding_);
        if (!which_.planned || which_.full) append_describe_portal(out);
        append_execute_and_sync(out);
        of.sent = true;
        if (announced_) count_octets();
    }

    void take(const message& what) override {
        if (before_ > 0) {
            if (what.type == 'C') --before_;
            return;
        }
        switch (what.type) {
            case '2':
                return;
            case 'T':
                return describe(what.body);
            case 'n':
                rows_ = false;
                return;
            case 'D':
                return take_row(what.body);
            case 'C': {
                const auto tag = read_command_tag(what.body);
                if (!tag) return violation();
                complete_ = true;
                if (rows_) return announce();
                out_.affected = affected_by(*tag);
                clears_ = clears_statements(*tag);
                return;
            }
            case 'I':
                complete_ = true;
                return;
            case 'G':
            case 'H':
            case 'W':
                fail(failure{.kind = failure_kind::unsupported, .message = copy_message(what.type)});
                return home->dismiss("a COPY that nobody will end", false);
            default:
                violation();
        }
    }

    /// To be called when it has been answered.
    sql::result<sql::outcome> conclude() {
        if (before_ > 0 && home != nullptr) home->to_begin_ = home->status_ == 'I';
        check();
        if (!failed && clears_) home->statements_.clear();
        if (!failed) return out_;
        // Whatever the server says after a stop (that it was cancelled, as a rule) is of no interest.
        if (out_.stopped && !owner.late) return out_;
        // After the last row comes the commit: a session that ends there leaves open whether it happened.
        if (complete_ && ends_session(*failed)) fail(lost());
        return std::unexpected(home->judge(owner, std::move(*failed)));
    }

 private:
    void describe(std::string_view body) {
        auto& fields = home->fields_;
        if (!read_row_description(body, fields)) return violation();
        rows_ = true;
        which_.returns_rows = true;
        if (which_.describes(fields)) return;
        // FETCH and EXECUTE may have been prepared before what they name.
        changed_ = true;
        which_.describe_as(fields, home->types_);
    }

    void announce() {
        if (out_.has_rows || failed) return;
        out_.has_rows = true;
        if (!announced_) {
            owner.told = true;
            owner.sink->columns(which_.columns);
            count_octets();
        } else if (changed_) {
            fail(failure{.kind = failure_kind::internal, .message = "The result changed its columns."});
            cancel();
        }
    }

    void count_octets() {
        decodes_ = std::ranges::any_of(
            which_.columns, [](const auto& one) { return one.type == sql::type_class::bytes && !one.is_array; });
    }

    void take_row(std::string_view body) {
        rows_ = true;
        announce();
        if (failed || out_.stopped) {
            dropped_ += body.size();
            if (owner.beside && !owner.cancelling && dropped_ > most_dropped) cancel();
            return;
        }
        auto& cells = home->cells_;
        cells.resize(which_.columns.size());
        if (!read_row(body, cells)) return violation();
        std::size_t octets = body.size();  // counts as the wire does, but for bytea
        if (decodes_) {
            for (std::size_t i = 0; i < cells.size(); ++i) {
                octets -= cells[i].text.size() - octets_of(which_.columns[i], cells[i].text);
            }
        }
        if (owner.sink->row(cells, octets) == sql::flow::more) return;
        out_.stopped = true;
        if (rest_ == on_stop::cancel) cancel();
    }

    void cancel() {
        owner.cancelling = true;
        home->press();
    }

    statement& which_;        // the call's: the cache may forget it
    std::size_t before_ = 0;  // commands whose end has not come
    on_stop rest_;
    bool announced_;
    bool rows_;
    bool changed_ = false;
    bool complete_ = false;
    bool clears_ = false;
    bool decodes_ = false;
    std::size_t dropped_ = 0;
    sql::outcome out_;
};

/// Sets of a batch, one after the other up to the first failure.
class native_session::batch_exchange final : public exchange {
 public:
    batch_exchange(native_session& at, call& of, std::vector<sql::outcome>& done) : exchange(at, of), done_(done) {}

    /// The next set is `home->binding_`.
    void add(std::string_view text) {
        auto& out = home->channel_.outgoing();
        auto which = home->statements_.find(text, home->binding_.types());
        if (which == nullptr) {
            which = home->statements_.add(text, home->binding_.types());
            made_.push_back(which);
            steps_.push_back({which, true});
            home->append_closes();
            append_parse(out, which->name, which->text, which->types);
            append_describe_statement(out, which->name);
        }
        steps_.push_back({which, false});
        if (steps_.size() == 1) rows_ = which->returns_rows;
        append_bind(out, which->name, home->binding_);
        if (!which->planned) append_describe_portal(out);
        append_execute(out);
    }

    void take(const message& what) override {
        if (what.type == '3' || what.type == 't' || what.type == '2') return;
        if (at_ >= steps_.size()) return violation();
        auto& step = steps_[at_];
        switch (what.type) {
            case '1':
                if (!step.prepares) return violation();
                ++prepared_well_;
                return;
            case 'T':
            case 'n':
                rows_ = what.type == 'T';
                if (step.prepares) describe(*step.which, what);
                return;
            case 'D':
                rows_ = true;  // and they are dropped
                return;
            case 'C': {
                const auto tag = read_command_tag(what.body);
                if (step.prepares || !tag) return violation();
                return end_step({.has_rows = rows_, .affected = rows_ ? 0 : affected_by(*tag)});
            }
            case 'I':
                if (step.prepares) return violation();
                return end_step({});
            case 'G':
            case 'H':
            case 'W':
                fail(failure{.kind = failure_kind::unsupported, .message = copy_message(what.type)});
                return home->dismiss("a COPY that nobody will end", false);
            default:
                violation();
        }
    }

    /// To be called when it has been answered.
    void conclude() {
        check();
        // An error after the last step is a deferred constraint's, which speaks up at the Sync.
        if (failed && at_ < steps_.size()) {
            const auto& culprit = *steps_[at_].which;
            if (owner.stale) {
                home->statements_.retire(culprit);
            } else if (is_gone(*failed, culprit.name)) {
                home->statements_.erase(culprit);
            }
        }
        for (std::size_t i = prepared_well_; i < made_.size(); ++i) home->statements_.erase(*made_[i]);
    }

 private:
    struct step {
        std::shared_ptr<statement> which;
        bool prepares;
    };

    void describe(statement& which, const message& what) {
        auto& fields = home->fields_;
        fields.clear();
        if (what.type == 'T' && !read_row_description(what.body, fields)) return violation();
        which.returns_rows = rows_;
        // What it takes to describe the rest is asked for with the first use outside a batch.
        if (unknown_types(fields, home->types_).empty()) which.describe_as(fields, home->types_);
        next_step();
    }
    void end_step(sql::outcome out) {
        if (!failed) done_.push_back(out);
        next_step();
    }
    void next_step() {
        ++at_;
        rows_ = at_ < steps_.size() && steps_[at_].which->returns_rows;
    }

    std::vector<sql::outcome>& done_;
    std::vector<step> steps_;
    std::vector<std::shared_ptr<statement>> made_;
    std::size_t at_ = 0;
    std::size_t prepared_well_ = 0;
    bool rows_ = false;

    friend class native_session;
};

/// All rows of many sets as one statement, behind a savepoint.
class native_session::merge_exchange final : public exchange {
 public:
    using exchange::exchange;

    void put_command(std::string_view text) {
        auto& out = home->channel_.outgoing();
        append_parse(out, "", text, {});
        made_.push_back(nullptr);
        append_bind(out, "", std::span<const std::string>());
        append_execute(out);
    }
    /// Prepares it where it is not yet.
    std::shared_ptr<statement> use(std::string_view text, std::span<const oid> types) {
        auto known = home->statements_.find(text, types);
        if (known == nullptr) {
            known = home->statements_.add(text, types);
            home->append_closes();
            append_parse(home->channel_.outgoing(), known->name, known->text, known->types);
            made_.push_back(known);
        }
        used_.push_back(known);
        return known;
    }
    void put(const set_columns& sets, std::span<const oid> types, const plain_insert& how) {
        auto& out = home->channel_.outgoing();
        made_.resize(home->append_begin());
        put_command("SAVEPOINT borealis_batch");
        const auto insert = use(how.merged, types);
        const auto asking = use(merges_query, {});
        // To bind it locks the table; so what is then asked about it stays true.
        sets.append_bind(out, merged_portal, insert->name);
        append_bind(out, asking->name, std::span(&how.table, 1));
        append_execute(out);
        append_execute(out, merged_portal);
        append_close_portal(out, merged_portal);
        put_command("RELEASE SAVEPOINT borealis_batch");
        append_sync(out);
    }

    void take(const message& what) override {
        switch (what.type) {
            case '1':
                ++prepared_well_;
                return;
            case '2':
            case '3':
            case 'D':
                return;
            case 'C': {
                const auto tag = read_command_tag(what.body);
                if (!tag) return violation();
                affected += affected_by(*tag);
                return;
            }
            default:
                violation();
        }
    }

    /// To be called when it has been answered.
    void conclude() {
        check();
        for (const auto& each : used_) {
            if (failed && is_gone(*failed, each->name)) home->statements_.erase(*each);
        }
        for (std::size_t i = prepared_well_; i < made_.size(); ++i) {
            if (made_[i] != nullptr) home->statements_.erase(*made_[i]);
        }
    }

    std::int64_t affected = 0;

 private:
    std::vector<std::shared_ptr<statement>> made_;  // in the order in which they are parsed; null: without a name
    std::vector<std::shared_ptr<statement>> used_;
    std::size_t prepared_well_ = 0;
};

// ---- beginning and end

native_session::native_session(const core::executor& home, established connected, std::shared_ptr<canceller> cancels,
                               const sql::session_settings& with)
    : connection_(std::move(connected)),
      canceller_(std::move(cancels)),
      channel_(home, connection_.descriptor, connection_.tls, *this),
      in_(std::move(connection_.behind)),
      statements_(with.statements),
      backend_id_(connection_.backend_id),
      broken_(connection_.ended),
      merges_(with.batches_at_once),
      begins_later_(with.quick_begin) {
    pump();
}

native_session::~native_session() {
    for (auto* each : calls_) each->home = nullptr;
    for (auto& at : line_) {
        if (at.to != nullptr) at.to->home = nullptr;
    }
    // libpq says so itself.
    if (connection_.by_us.get() >= 0)
        (void)::send(connection_.descriptor, terminate.data(), terminate.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

bool native_session::usable() const noexcept { return !broken_ && (line_.empty() || alone_ == 0); }

void native_session::abandon() noexcept {
    for (auto* each : calls_) {
        if (!each->beside) each->abandon();
    }
}

bool native_session::seems_dead() noexcept {
    if (broken_ || !line_.empty()) return broken_;
    for (int looks = 0; looks < 8; ++looks) {
        if (channel_.looks_quiet()) return false;
        // A notification, a changed setting or a TLS ticket may have come, or a FATAL.
        const auto room = in_.prepare();
        std::size_t got = 0;
        const auto how = channel_.receive(room, got);
        if (how == channel::state::closed) broken_ = true;
        in_.commit(got);
        pump();
        if (broken_) break;
    }
    return true;
}

// ---- the line

void native_session::join(exchange& which) {
    which.joined = true;
    if (broken_) {  // its end came together with the answer to what was sent before
        which.fail(closed());
        return;
    }
    if (ticket_ != nullptr && which.owner.beside && ticket_->done()) ticket_.reset();
    const bool exposed = ticket_ != nullptr && which.owner.beside;
    line_.push_back({.to = &which, .from = which.from(), .exposed = exposed, .held = exposed});
    which.where = &line_.back();
}

/// Nobody waits for its answer any more.
void native_session::leave(exchange& which) noexcept {
    which.where->to = nullptr;
    if (which.where != &line_.front()) return;
    which.where->drained = core::deadline::after(unwanted_time);
    look_at(which.where->drained);
}

core::awaitable<void> native_session::answered(exchange& which) {
    return core::asio::async_initiate<const core::asio::use_awaitable_t<core::executor>, void()>(
        [this, &which](waiter wake) {
            if (which.where == nullptr) return core::asio::post(std::move(wake));
            which.where->wakes.emplace(std::move(wake));
            // From here on something on the event loop sees to it that it is called.
            channel_.want();
            if (which.owner.beside && channel_.position() - channel_.sent() < flush_at) {
                channel_.call_soon();
            } else if (channel_.flush() == channel::state::blocked) {
                channel_.want();
            }
            if (line_.size() == 1) next_look_ = core::deadline();
            look_at(which.owner.limit);
        },
        core::use_awaitable);
}

/// Looks at the time at that point, if not before.
void native_session::look_at(core::deadline when) {
    next_look_ = next_look_.sooner(when);
    channel_.ring_at(next_look_);
}

void native_session::turned() {
    if (!broken_ && channel_.flush() == channel::state::blocked) channel_.want();
    resume();
}

void native_session::ready() {
    if (!broken_) channel_.flush();
    for (int reads = 0; reads < most_reads && !broken_ && !line_.empty(); ++reads) {
        const auto room = in_.prepare();
        std::size_t got = 0;
        const auto how = channel_.receive(room, got);
        if (how == channel::state::blocked) break;
        if (how == channel::state::closed) {
            holding_ = false;
            pump();
            dismiss("the server has closed the connection", false);
            break;
        }
        in_.commit(got);
        pump();
        if (got < room.size() && !channel_.holds_octets()) break;
    }
    if (!broken_ && !line_.empty()) channel_.want();
    resume();
}

/// Reads what has come.
void native_session::pump() {
    while (!broken_) {
        if (!line_.empty() && line_.front().held) {
            if (holding_ && in_.unread() < most_held && !in_.holds_end()) return;
            line_.front().held = false;
            line_.front().fails = in_.holds_error();
        }
        const auto next = in_.next();
        if (!next) break;
        take(*next);
    }
    if (!broken_ && in_.failed()) dismiss("the server does not keep to the protocol", false);
}

void native_session::take(const message& what) {
    switch (what.type) {
        case 'N':
        case 'S':
        case 'A':
            return;
        case 'E': {
            auto error = read_error(what.body);
            if (!error || line_.empty())
                break;  // one that answers nothing announces that the server closes the session
            const bool ends = ends_session(error->what);
            if (auto* const to = line_.front().to) to->fail(std::move(*error));
            if (ends) dismiss("the server has ended the session", true);
            return;
        }
        case 'Z': {
            const auto status = read_ready(what.body);
            if (!status || line_.empty()) break;
            status_ = *status;
            answer(line_.front());
            line_.pop_front();
            pressing_ = false;
            if (line_.empty()) return;
            if (line_.front().to == nullptr) {
                line_.front().drained = core::deadline::after(unwanted_time);
                look_at(line_.front().drained);
            } else if (line_.front().to->owner.writes) {
                look_at(line_.front().to->owner.limit);
            }
            return;
        }
        default:
            if (line_.empty()) break;
            auto& head = line_.front();
            if (head.to == nullptr) return drop(head, what);
            if (head.fails && what.type == 'D') return;  // it may be run again, and must not have told its sink
            try {
                head.to->take(what);
            } catch (...) {
                head.to->thrown = std::current_exception();
                dismiss("a result could not be taken", false);
            }
            return;
    }
    dismiss("the server does not keep to the protocol", false);
}

void native_session::drop(place& at, const message& what) {
    if (what.type == 'G' || what.type == 'H' || what.type == 'W') return dismiss("a COPY that nobody will end", false);
    at.dropped += what.body.size();
    if (at.dropped > most_dropped && !pressing_) press();
}

/// Whoever waits for it goes on with the next resume().
void native_session::answer(place& at) {
    if (at.to == nullptr) return;
    auto& which = *std::exchange(at.to, nullptr);
    auto& owner = which.owner;
    which.where = nullptr;
    owner.hit = at.exposed && which.failed && which.failed->sqlstate == "57014" && !owner.late && !owner.cancelling;
    if (!at.wakes) return;  // it is waited for together with one behind it
    resuming_.push_back(std::move(*at.wakes));
    at.wakes.reset();
}

/// The session is over; answers all that wait.
/// @param ended_by_server  It said so, to the one at the head: nothing behind that was begun.
void native_session::dismiss(std::string_view why, bool ended_by_server) {
    if (std::exchange(broken_, true)) return;
    if (!line_.empty()) core::log(core::log_level::warning, "postgres: session {}: {}", backend_id_, why);
    for (auto& at : line_) {
        if (at.to == nullptr) continue;
        const bool begun = at.from < channel_.sent() && (!ended_by_server || &at == &line_.front());
        if (!at.to->failed) at.to->fail(begun ? lost() : closed());
        answer(at);
    }
    line_.clear();
    pressing_ = false;
}

/// The coroutines that wait for what has been answered go on. They may destroy this.
void native_session::resume() {
    if (resuming_.empty()) return;
    if (resuming_.size() == 1) {
        auto one = std::move(resuming_.front());
        resuming_.clear();
        return one();
    }
    auto all = std::exchange(resuming_, {});
    for (auto& each : all) each();
}

void native_session::torn_down() noexcept {
    std::vector<waiter> all = std::exchange(resuming_, {});
    for (auto& at : line_) {
        if (at.wakes) all.push_back(std::move(*at.wakes));
        at.wakes.reset();
    }
    // Their frames go with them, and perhaps this.
}

// ---- time and cancelling

void native_session::rang() {
    next_look_ = core::deadline();
    if (broken_ || line_.empty()) return;
    const auto now = core::clock::now();
    place& head = line_.front();
    if (pressing_) {
        if (give_up_.passed(now)) {
            dismiss("the database does not heed a cancel request", false);
        } else if (press_again_.passed(now)) {
            press();
        }
    } else if (head.to == nullptr ? head.drained.passed(now) : head.to->owner.limit.passed(now)) {
        if (head.to != nullptr) head.to->owner.late = head.to->owner.cancelling = true;
        press();
    }
    core::deadline next;
    for (auto& at : line_) {
        if (&at == &line_.front()) {
            next = pressing_ ? press_again_ : at.to == nullptr ? at.drained : at.to->owner.limit;
        } else if (at.to != nullptr && at.to->owner.writes) {
            // Looked at when its turn has come.
        } else if (at.to != nullptr && at.to->owner.limit.passed(now)) {
            // It waits behind others: its answer is dropped when it comes.
            at.to->owner.late = true;
            if (!at.to->failed) at.to->fail(cancelled(backend_id_));
            answer(at);
        } else if (at.to != nullptr) {
            next = next.sooner(at.to->owner.limit);
        }
    }
    if (!broken_) look_at(next);
    resume();
}

/// Asks the database to cancel what is at the head of the line.
void native_session::press() {
    if (!std::exchange(pressing_, true)) give_up_ = core::deadline::after(cancel_grace);
    // One at a time; when the queue is full the next press tries again.
    if (ticket_ == nullptr || ticket_->done()) ticket_ = canceller_->submit(connection_.cancels);
    press_again_ = core::deadline::after(cancel_again).sooner(give_up_);
    for (auto& at : line_) {
        if (&at != &line_.front()) at.exposed = at.held = at.to != nullptr;
    }
    look_at(press_again_);
}

/// Waits until a cancel request under way can no longer hit what the session does next.
core::awaitable<void> native_session::settle() {
    const auto until = core::deadline::after(cancel_grace);
    const auto ticket = ticket_;
    if (ticket != nullptr && !broken_) {
        socket_watch bell(co_await core::asio::this_coro::executor);
        bell.watch(ticket->descriptor());
        auto how = waited::ready;
        while (!ticket->done() && how == waited::ready) how = co_await bell.wait(interest::read, until);
        if (!ticket->done()) dismiss("a cancel request is not taken", false);
    }
    ticket_.reset();
}

/// Before a call that runs alone: lets unwanted answers to earlier calls, and cancel requests for them, come to rest.
core::awaitable<sql::result<void>> native_session::come_to_rest(call& now) {
    if (!line_.empty()) {
        command_exchange x(*this, now);
        append_sync(channel_.outgoing());
        join(x);
        co_await answered(x);
        x.check();
        if (x.failed) co_return std::unexpected(judge(now, std::move(*x.failed)));
    }
    co_await settle();
    co_return sql::result<void>();
}

// ---- failures

sql::result<void> native_session::may_start(core::deadline until) const {
    if (!usable()) return std::unexpected(closed());
    if (until.passed()) return std::unexpected(too_late(backend_id_));
    return {};
}

/// The one place that decides what a failure of a call is.
sql::failure native_session::judge(const call& now, failure what) {
    if (what.kind == failure_kind::lost && !now.sent) what.kind = failure_kind::unreachable;
    if (now.late && ((broken_ && !now.writes) || what.sqlstate == "57014")) return cancelled(backend_id_);
    return what;
}

/// Nothing was executed, or a cancel request meant for another call hit this one: is it worth another attempt? Forgets
/// statements that no longer are what they were.
bool native_session::worth_repeating(call& now, const failure& what, bool alone) {
    const bool changed = now.stale;
    const bool gone = now.which != nullptr && is_gone(what, now.which->name);
    if (changed && now.which != nullptr) statements_.retire(*now.which);
    if (gone) statements_.erase(*now.which);
    if (broken_ || now.told || !alone || now.late) return false;
    const bool again = now.hit || ((changed || gone) && now.repeats < (now.beside ? repeats_beside : 1));
    if (again && !now.hit) ++now.repeats;
    now.sent = now.sent && !again;
    now.stale = false;
    now.hit = false;
    return again;
}

// ---- statements of our own

core::awaitable<sql::result<std::string>> native_session::command(call& now, const char* text, const char* before) {
    std::optional<command_exchange> first;
    if (before != nullptr) {
        first.emplace(*this, now);
        append_query(channel_.outgoing(), before);
        join(*first);
    }
    command_exchange x(*this, now);
    append_query(channel_.outgoing(), text);
    // Of our own commands only this one's outcome matters to the caller; the others end with the session.
    now.sent = std::string_view(text) == "COMMIT";
    join(x);
    co_await answered(x);
    if (first) first->check();
    x.check();
    if (first && first->failed) co_return std::unexpected(judge(now, std::move(*first->failed)));
    if (x.failed) co_return std::unexpected(judge(now, std::move(*x.failed)));
    co_return std::move(x.tag);
}

core::awaitable<sql::result<answer_rows>> native_session::ask(call& now, const char* text,
                                                              std::span<const std::string> values) {
    question_exchange x(*this, now);
    auto& out = channel_.outgoing();
    append_parse(out, "", text, {});
    append_bind(out, "", values);
    append_execute(out);
    append_sync(out);
    join(x);
    co_await answered(x);
    x.check();
    if (x.failed) co_return std::unexpected(judge(now, std::move(*x.failed)));
    co_return std::move(x.rows);
}

// ---- preparing and describing

/// Closes statements that nobody needs. The server does not mind names that it does not know.
void native_session::append_closes() {
    auto& names = statements_.to_close();
    for (const auto& name : names) append_close_statement(channel_.outgoing(), name);
    names.clear();
}

/// What the transaction begins with, where it has not. Without a Sync of its own: should it fail, the server passes
/// over what comes with it.
/// @return How many commands that is.
std::size_t native_session::append_begin() {
    if (!std::exchange(to_begin_, false)) return 0;
    auto& out = channel_.outgoing();
    for (const auto* const text : {"BEGIN", forget_sequences}) {
        append_parse(out, "", text, {});
        append_bind(out, "", std::span<const std::string>());
        append_execute(out);
    }
    return 2;
}

/// Before what is not sent with it.
core::awaitable<sql::result<void>> native_session::begin_now(call& now) {
    if (!std::exchange(to_begin_, false)) co_return sql::result<void>();
    auto tag = co_await command(now, "BEGIN", forget_sequences);
    if (!tag) {
        to_begin_ = !broken_ && status_ == 'I';
        co_return std::unexpected(std::move(tag.error()));
    }
    co_return sql::result<void>();
}

/// Calls beside this one have used the binding while it waited.
void native_session::bind_again(const call& now) {
    // It has been bound before: it cannot fail.
    [[maybe_unused]] const auto bound = binding_.bind(now.parameters);
    if (now.fallbacks) binding_.use_fallbacks();
}

core::awaitable<sql::result<std::shared_ptr<statement>>> native_session::prepared(call& now, bool& fresh) {
    fresh = false;
    now.which = nullptr;
    // What calls beside this one prepare may fail, or be closed to make room, each time before this one has used it: in
    // the end it has one of its own.
    const bool own = now.repeats == repeats_beside;
    auto known = own ? nullptr : statements_.find(now.text, binding_.types());
    if (own && now.own != nullptr && std::ranges::equal(now.own->types, binding_.types())) known = now.own;
    if (known != nullptr) {
        now.which = known;
        if (!known->described) {
            fresh = true;
            if (auto done = co_await describe(now, *known); !done) co_return std::unexpected(std::move(done.error()));
        }
        co_return known;
    }
    if (has_zero_byte(now.text)) co_return std::unexpected(zero_byte());
    fresh = true;
    auto made = own ? statements_.unlisted(now.text, binding_.types()) : statements_.add(now.text, binding_.types());
    if (own) now.own = made;
    description_exchange x(*this, now);
    auto& out = channel_.outgoing();
    append_closes();
    append_parse(out, made->name, made->text, made->types);
    append_describe_statement(out, made->name);
    append_sync(out);
    join(x);
    co_await answered(x);
    if (x.failed && x.failed->kind == failure_kind::timeout) {
        statements_.retire(*made);  // its answer has not come
    } else if (x.failed || x.thrown) {
        statements_.erase(*made);
    }
    x.check();
    if (x.failed) co_return std::unexpected(judge(now, std::move(*x.failed)));
    if (auto taken = co_await take_description(now, *made, x); !taken) {
        co_return std::unexpected(std::move(taken.error()));
    }
    now.which = made;
    co_return made;
}

/// Finds out whether the server can infer the types of the parameters that leave it to it, once a text, their types
/// and session; where it cannot, the binding's fallbacks are declared. Inside a transaction a savepoint keeps the
/// attempt from spoiling it.
core::awaitable<sql::result<void>> native_session::infer(call& now) {
    auto key = inference_key(now.text, binding_.types());
    const auto known = inferable_.find(key);
    if (known != inferable_.end() && !known->second) {
        now.fallbacks = true;
        binding_.use_fallbacks();
    }
    if (known != inferable_.end() || has_zero_byte(now.text)) co_return sql::result<void>();
    if (inferable_.size() >= most_learnt) inferable_.clear();
    const bool within = in_transaction();
    if (within) {
        if (auto kept = co_await command(now, "SAVEPOINT borealis_infers"); !kept)
            co_return std::unexpected(std::move(kept.error()));
    }
    bool fresh = false;
    const auto inferred = co_await prepared(now, fresh);
    const bool cannot = !inferred && !broken_ && inferred.error().sqlstate.starts_with("42");
    if (!inferred && !cannot) co_return std::unexpected(inferred.error());
    if (within && cannot) {
        if (auto undone = co_await command(now, "ROLLBACK TO SAVEPOINT borealis_infers"); !undone)
            co_return std::unexpected(std::move(undone.error()));
    }
    if (within) {
        if (auto released = co_await command(now, "RELEASE SAVEPOINT borealis_infers"); !released)
            co_return std::unexpected(std::move(released.error()));
    }
    if (cannot) {
        now.fallbacks = true;
        bind_again(now);
        const auto declared = co_await prepared(now, fresh);
        if (!declared) co_return std::unexpected(inferred.error());  // no better: the statement is at fault
    }
    bind_again(now);
    inferable_.emplace(std::move(key), !cannot);
    co_return sql::result<void>();
}

core::awaitable<sql::result<void>> native_session::describe(call& now, statement& which) {
    description_exchange x(*this, now);
    append_describe_statement(channel_.outgoing(), which.name);
    append_sync(channel_.outgoing());
    join(x);
    co_await answered(x);
    x.check();
    if (x.failed) co_return std::unexpected(judge(now, std::move(*x.failed)));
    auto taken = co_await take_description(now, which, x);
    co_return taken;
}

core::awaitable<sql::result<void>> native_session::take_description(call& now, statement& which,
                                                                    const description_exchange& from) {
    const auto unknown = unknown_types(from.fields, types_);
    if (!unknown.empty()) {
        if (types_.size() > most_learnt) types_.forget();
        const std::string list = list_of(unknown);
        auto rows = co_await ask(now, types_query, std::span(&list, 1));
        if (!rows) co_return std::unexpected(std::move(rows.error()));
        learn_types(types_, *rows);
    }
    // A call beside this one may have been quicker; its sink looks at those columns.
    if (now.beside && which.described) co_return sql::result<void>();
    which.describe_as(from.fields, types_);
    which.returns_rows = from.returns_rows;
    co_return sql::result<void>();
}

core::awaitable<sql::result<void>> native_session::ask_origins(call& now, statement& which) {
    const auto parameters = origins_to_ask(which);
    if (!parameters.empty()) {
        auto rows = co_await ask(now, origins_query, parameters);
        if (!rows) co_return std::unexpected(std::move(rows.error()));
        learn_origins(which, *rows);
    }
    which.full = true;
    co_return sql::result<void>();
}

// ---- running

core::awaitable<sql::result<sql::outcome>> native_session::run(call& now, std::shared_ptr<statement> which,
                                                               on_stop rest, bool announced) {
    run_exchange x(*this, now, std::move(which), rest, announced);
    join(x);
    co_await answered(x);
    co_return x.conclude();
}

/// Outside a transaction, for a result that the sink may want guarded.
core::awaitable<sql::result<sql::outcome>> native_session::run_asking(call& now, std::shared_ptr<statement> which,
                                                                      bool fresh) {
    // The sink is asked once: so the columns must be those of now, not those of an earlier use.
    if (!fresh) {
        const bool full = which->full;
        if (auto done = co_await describe(now, *which); !done) co_return std::unexpected(std::move(done.error()));
        if (full) {
            if (auto done = co_await ask_origins(now, *which); !done)
                co_return std::unexpected(std::move(done.error()));
        }
    }
    now.told = true;
    if (now.sink->columns(which->columns) == sql::reception::plain) {
        auto plain = co_await run(now, std::move(which), on_stop::cancel, true);
        co_return plain;
    }
    if (auto begun = co_await command(now, "BEGIN"); !begun) co_return std::unexpected(std::move(begun.error()));
    auto out = co_await run(now, std::move(which), on_stop::cancel, true);
    co_await settle();
    if (broken_) co_return out;
    const bool keep = out.has_value() && !out->stopped;
    if (now.cancelling) now.again(core::deadline::after(cancel_grace));
    auto ended = co_await command(now, keep ? "COMMIT" : "ROLLBACK");
    if (keep && !ended) {
        if (broken_ && !ended.error().sqlstate.empty()) co_return std::unexpected(lost());  // as in commit()
        co_return std::unexpected(std::move(ended.error()));
    }
    co_return out;
}

/// Whatever the statement takes; the binding is that of the call.
/// @return Nothing when a call beside others has to run alone.
core::awaitable<sql::result<std::optional<sql::outcome>>> native_session::attempt(call& now) {
    const bool alone = !in_transaction();
    // A text that cannot be prepared spoils its transaction.
    if (auto begun = co_await begin_now(now); !begun) co_return std::unexpected(std::move(begun.error()));
    if (binding_.infers() && statements_.find(now.text, binding_.types()) == nullptr) {
        if (auto inferred = co_await infer(now); !inferred) co_return std::unexpected(std::move(inferred.error()));
    }
    bool fresh = false;
    auto found = co_await prepared(now, fresh);
    if (!found) co_return std::unexpected(std::move(found.error()));
    auto which = *std::move(found);
    if (now.beside && (which->asks || !which->planned)) co_return std::nullopt;
    if (now.wanted == sql::description::full && !which->full) {
        if (auto done = co_await ask_origins(now, *which); !done) co_return std::unexpected(std::move(done.error()));
    }
    bind_again(now);
    sql::result<sql::outcome> out;
    if (alone && which->asks) {
        out = co_await run_asking(now, std::move(which), fresh);
    } else {
        const auto rest = alone && (!now.beside || now.writes) ? on_stop::cancel : on_stop::drop;
        out = co_await run(now, std::move(which), rest, false);
    }
    if (!out) co_return std::unexpected(std::move(out.error()));
    co_return *out;
}

core::awaitable<sql::result<sql::outcome>> native_session::execute(std::string_view text,
                                                                   std::span<const sql::parameter> parameters,
                                                                   sql::row_sink& sink, sql::description wanted,
                                                                   core::deadline until) {
    if (auto ok = may_start(until); !ok) co_return std::unexpected(std::move(ok.error()));
    call now(*this, until);
    now.text = text;
    now.parameters = parameters;
    now.sink = &sink;
    now.wanted = wanted;
    if (ticket_ != nullptr || !line_.empty()) {
        if (auto rested = co_await come_to_rest(now); !rested) {
            now.over = true;
            co_return std::unexpected(std::move(rested.error()));
        }
    }
    if (auto ok = binding_.bind(parameters); !ok) {
        now.over = true;
        co_return std::unexpected(std::move(ok.error()));
    }
    sql::result<std::optional<sql::outcome>> out;
    auto known = statements_.find(text, binding_.types());
    const bool alone = !in_transaction();
    if (known != nullptr && known->described && (wanted == sql::description::types || known->full) &&
        (!alone || !known->asks)) {
        // One message to the server, one answer, and no coroutine but this.
        run_exchange x(*this, now, std::move(known), alone ? on_stop::cancel : on_stop::drop, false);
        join(x);
        co_await answered(x);
        out = x.conclude();
    } else {
        out = co_await attempt(now);
    }
    while (!out && worth_repeating(now, out.error(), alone)) {
        bind_again(now);
        out = co_await attempt(now);
    }
    if (ticket_ != nullptr) co_await settle();
    now.over = true;
    if (!out) co_return std::unexpected(std::move(out.error()));
    co_return **out;
}

core::awaitable<sql::result<std::optional<sql::outcome>>> native_session::execute_beside(
    std::string_view text, std::span<const sql::parameter> parameters, sql::row_sink& sink, sql::description wanted,
    core::deadline until, sql::beside_call& name) {
    if (auto ok = may_start(until); !ok) co_return std::unexpected(std::move(ok.error()));
    // A description in full is compared each time, and may change under the sink of a call beside.
    if (in_transaction() || wanted == sql::description::full) co_return std::nullopt;
    if (auto ok = binding_.bind(parameters); !ok) co_return std::unexpected(std::move(ok.error()));
    auto known = statements_.find(text, binding_.types());
    if (known == nullptr ? !is_planned(text) : !known->planned || (known->described && known->asks)) {
        co_return std::nullopt;
    }
    call now(*this, until, call::manner::beside);
    now.text = text;
    now.parameters = parameters;
    now.sink = &sink;
    now.wanted = wanted;
    now.name = &name;
    now.writes = name.writes;
    name.names(&now);
    sql::result<std::optional<sql::outcome>> out;
    if (known != nullptr && known->described) {
        run_exchange x(*this, now, std::move(known), now.writes ? on_stop::cancel : on_stop::drop, false);
        join(x);
        co_await answered(x);
        out = x.conclude();
    } else {
        out = co_await attempt(now);
    }
    while (!out && worth_repeating(now, out.error(), true)) {
        bind_again(now);
        out = co_await attempt(now);
    }
    co_return out;
}

// ---- batches

/// Sends as many sets as one round trip may take, and reads their outcomes.
/// @return How many sets that were.
core::awaitable<sql::result<std::size_t>> native_session::batch_section(
    call& now, std::span<const std::vector<sql::parameter>> sets, std::vector<sql::outcome>& done) {
    std::size_t octets = 0;
    std::size_t count = 0;
    std::optional<failure> failed;
    batch_exchange x(*this, now, done);
    for (; count < sets.size() && count < section_sets && octets < section_octets; ++count) {
        if (auto bound = binding_.bind(sets[count]); !bound) {
            failed = std::move(bound.error());  // the sets before it still run: the first failure is the one to report
            break;
        }
        if (binding_.infers()) {
            const auto known = inferable_.find(inference_key(now.text, binding_.types()));
            if (known != inferable_.end() && !known->second) binding_.use_fallbacks();
        }
        octets += binding_.octets();
        x.add(now.text);
    }
    append_sync(channel_.outgoing());
    now.sent = true;
    join(x);
    co_await answered(x);
    x.conclude();
    if (x.failed) co_return std::unexpected(judge(now, std::move(*x.failed)));
    if (failed) co_return std::unexpected(std::move(*failed));
    co_return count;
}

/// Inserts the rows of as many sets as one round trip may take, as one statement. Where that does not come to the same
/// as one set after the other, or fails, nothing has happened: then which set fails, how, and what is left of those
/// before it is found out by running them one after the other.
/// @return How many sets that were; none when they are to be run one after the other.
core::awaitable<sql::result<std::size_t>> native_session::merged_section(
    call& now, const plain_insert& of, std::span<const std::vector<sql::parameter>> sets,
    std::vector<sql::outcome>& done) {
    set_columns columns(sets.front().size());
    while (columns.rows() < sets.size() && columns.rows() < section_sets && columns.octets() < section_octets) {
        if (!binding_.bind(sets[columns.rows()]) || !columns.add(binding_)) co_return 0U;
    }
    const auto types = columns.types();
    if (types.empty()) co_return 0U;
    merge_exchange x(*this, now);
    x.put(columns, types, of);
    now.sent = true;
    join(x);
    co_await answered(x);
    x.conclude();
    if (!x.failed && x.affected == static_cast<std::int64_t>(columns.rows())) {
        done.resize(done.size() + columns.rows(), {.affected = 1});
        co_return columns.rows();
    }
    if (!x.failed) x.fail(failure{.kind = failure_kind::internal, .message = "The rows of a batch were lost."});
    if (status_ == 'I' || broken_ || now.late || now.cancelling || x.failed->kind != failure_kind::database ||
        x.failed->sqlstate == "57014") {
        to_begin_ = status_ == 'I';
        co_return std::unexpected(judge(now, std::move(*x.failed)));
    }
    if (x.failed->sqlstate == "22012" || x.failed->sqlstate.starts_with("42")) {
        if (unmergeable_.size() >= most_learnt) unmergeable_.clear();
        unmergeable_.emplace(now.text);
    }
    for (const auto* const text : {"ROLLBACK TO SAVEPOINT borealis_batch", "RELEASE SAVEPOINT borealis_batch"}) {
        if (auto undone = co_await command(now, text); !undone) co_return std::unexpected(std::move(undone.error()));
    }
    co_return 0U;
}

core::awaitable<sql::result<std::vector<sql::outcome>>> native_session::execute_batch(
    std::string_view text, std::span<const std::vector<sql::parameter>> sets, core::deadline until) {
    if (auto ok = may_start(until); !ok) co_return std::unexpected(std::move(ok.error()));
    if (has_zero_byte(text)) co_return std::unexpected(zero_byte());
    call now(*this, until);
    now.text = text;
    std::vector<sql::outcome> done;
    done.reserve(sets.size());
    std::optional<failure> failed;
    if (auto rested = co_await come_to_rest(now); !rested) failed = std::move(rested.error());
    std::optional<plain_insert> plain;
    if (!failed && merges_ && (status_ == 'T' || to_begin_) && sets.size() >= merged_from &&
        !unmergeable_.contains(std::string(text)))
        plain = plain_insert_of(text, sets.front().size());
    while (plain && sets.size() >= merged_from) {
        const auto count = co_await merged_section(now, *plain, sets, done);
        if (!count) failed = count.error();
        if (!count || *count == 0) break;
        sets = sets.subspan(*count);
    }
    if (!failed && !sets.empty()) {
        if (auto begun = co_await begin_now(now); !begun) failed = std::move(begun.error());
    }
    for (const auto& set : sets) {  // the first that leaves types open answers for all
        if (failed || !binding_.bind(set) || !binding_.infers()) continue;
        now.parameters = set;
        auto inferred = co_await infer(now);
        if (!inferred) failed = std::move(inferred.error());
        break;
    }
    while (!failed && !sets.empty()) {
        const auto count = co_await batch_section(now, sets, done);
        if (count) {
            sets = sets.subspan(*count);
        } else {
            failed = count.error();
        }
    }
    co_await settle();
    now.over = true;
    if (failed) co_return std::unexpected(std::move(*failed));
    co_return done;
}

// ---- transactions

core::awaitable<sql::result<std::string>> native_session::transact(const char* text, core::deadline until,
                                                                   const char* before) {
    if (auto ok = may_start(until); !ok) co_return std::unexpected(std::move(ok.error()));
    call now(*this, until);
    if (ticket_ != nullptr || !line_.empty()) {
        if (auto rested = co_await come_to_rest(now); !rested) {
            now.over = true;
            co_return std::unexpected(std::move(rested.error()));
        }
    }
    auto tag = co_await command(now, text, before);
    if (ticket_ != nullptr) co_await settle();
    now.over = true;
    co_return tag;
}

core::awaitable<sql::result<void>> native_session::begin(core::deadline until) {
    if (auto ok = may_start(until); !ok) co_return std::unexpected(std::move(ok.error()));
    if (begins_later_) {
        to_begin_ = true;
        co_return sql::result<void>();
    }
    auto tag = co_await transact("BEGIN", until, forget_sequences);
    if (!tag) co_return std::unexpected(std::move(tag.error()));
    co_return sql::result<void>();
}

core::awaitable<sql::result<bool>> native_session::read_only(core::deadline until) {
    if (auto ok = may_start(until); !ok) co_return std::unexpected(std::move(ok.error()));
    call now(*this, until);
    sql::result<answer_rows> rows;
    if (auto rested = co_await come_to_rest(now); rested) {
        rows = co_await ask(now, "SELECT pg_catalog.pg_is_in_recovery()", {});
    } else {
        rows = std::unexpected(std::move(rested.error()));
    }
    co_await settle();
    now.over = true;
    if (!rows) co_return std::unexpected(std::move(rows.error()));
    co_return rows->size() == 1 && rows->front() == std::vector<std::string>{"t"};
}

// A statement of its own before each: COMMIT AND CHAIN keeps a transaction read only, but lets the next statement make
// it read-write, as nothing has been read in it yet (PostgreSQL manual, SET TRANSACTION).
core::awaitable<sql::result<void>> native_session::begin_reading(core::deadline until) {
    if (to_begin_) {
        call now(*this, until);
        sql::result<void> begun = co_await come_to_rest(now);
        if (begun) begun = co_await begin_now(now);
        now.over = true;
        if (!begun) co_return begun;
    }
    auto tag = co_await transact(in_transaction() ? "SET TRANSACTION READ ONLY" : "BEGIN READ ONLY", until);
    if (!tag) co_return std::unexpected(std::move(tag.error()));
    co_return sql::result<void>();
}

core::awaitable<sql::result<sql::commit_status>> native_session::commit(core::deadline until) {
    // Nothing has been done in it.
    if (usable() && std::exchange(to_begin_, false)) co_return sql::commit_status::committed;
    auto tag = co_await transact("COMMIT", until);
    if (!tag) {
        // Begun, and its end not seen: whatever the server said (a FATAL) or we did (a cancel), the outcome is unknown.
        if (broken_ && !tag.error().sqlstate.empty()) co_return std::unexpected(lost());
        co_return std::unexpected(std::move(tag.error()));
    }
    // The server answers ROLLBACK to the COMMIT of an aborted transaction.
    co_return *tag == "ROLLBACK" ? sql::commit_status::rolled_back : sql::commit_status::committed;
}

core::awaitable<sql::result<void>> native_session::rollback(core::deadline until) {
    if (usable() && std::exchange(to_begin_, false)) co_return sql::result<void>();
    auto tag = co_await transact("ROLLBACK", until);
    if (!tag) co_return std::unexpected(std::move(tag.error()));
    co_return sql::result<void>();
}

core::awaitable<sql::result<void>> native_session::reset(core::deadline until) {
    if (in_transaction()) {
        if (auto done = co_await rollback(until); !done) {
            broken_ = true;
            co_return std::unexpected(std::move(done.error()));
        }
    }
    auto tag = co_await transact("DISCARD ALL", until);
    statements_.clear();
    if (!tag) {
        broken_ = true;
        co_return std::unexpected(std::move(tag.error()));
    }
    co_return sql::result<void>();
}

}  // namespace borealis::postgres
