#include "postgres/libpq_session.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/ssl.h>
#include <poll.h>

#include "core/log.hpp"
#include "postgres/errors.hpp"
#include "postgres/libpq.hpp"
#include "postgres/libpq_log_in.hpp"

namespace borealis::postgres {
namespace {

using namespace std::chrono_literals;
using sql::failure;
using sql::failure_kind;

constexpr std::size_t section_sets = 64;  // of a batch, per round trip
constexpr std::size_t section_octets = 256UL * 1024;
constexpr std::size_t closes_in_transaction = 64;  // names that may wait before they are closed even there
std::string_view view(const char* text) { return text == nullptr ? std::string_view() : std::string_view(text); }

std::string_view cell_of(const pg_result* of, int row, int column) {
    return {PQgetvalue(of, row, column), static_cast<std::size_t>(PQgetlength(of, row, column))};
}

const char* copy_message(ExecStatusType status) {
    switch (status) {
        case PGRES_COPY_IN:
            return "execute: unexpected message: CopyInResponse";
        case PGRES_COPY_OUT:
            return "execute: unexpected message: CopyOutResponse";
        default:
            return "execute: unexpected message: CopyBothResponse";
    }
}

/// The columns of a result.
std::vector<result_field> fields_of(const pg_result* description) {
    std::vector<result_field> out;
    for (int i = 0; i < PQnfields(description); ++i) {
        out.push_back({.name = PQfname(description, i),
                       .table = PQftable(description, i),
                       .number = PQftablecol(description, i),
                       .type = PQftype(description, i),
                       .modifier = PQfmod(description, i)});
    }
    return out;
}

}  // namespace

struct libpq_session::call {
    call(libpq_session& of, core::deadline caller) : home(&of), limit(caller) { of.current_ = this; }
    call(const call&) = delete;
    call& operator=(const call&) = delete;
    /// A call whose coroutine is destroyed while it waits leaves an answer unread.
    ~call() {
        if (home == nullptr) return;
        home->current_ = nullptr;
        if (!over) home->broken_ = true;
    }
    /// The failure in a result, the first one of a statement.
    void fail(std::optional<failure>& first, const pg_result* result) {
        if (first) return;
        stale = is_stale_plan(result);
        first = failure_of(result);
    }
    /// For a further statement of ours within the call.
    void again(core::deadline until) {
        limit = until;
        cancelling = false;
        ticket.reset();
    }

    libpq_session* home;     // null once the session is gone: a loop that is torn down destroys frames in its own order
    core::deadline limit;    // until when to wait for the next result
    core::deadline give_up;  // while cancelling: when the session is thrown away
    std::shared_ptr<cancel_ticket> ticket;
    bool cancelling = false;
    bool late = false;   // cancelling because the caller's deadline passed
    bool stale = false;  // the last failure was is_stale_plan()
    bool told = false;   // the sink knows its columns: a second run would tell it again
    bool sent = false;   // what the caller wants done has been sent: from now on its outcome may be unknown
    bool over = false;
};

libpq_session::libpq_session(const core::executor& home, connection_handle connected,
                             std::shared_ptr<canceller> cancels, std::size_t statements)
    : socket_(home),
      connection_(std::move(connected)),
      cancel_(cancels_of(connection_.get())),
      canceller_(std::move(cancels)),
      statements_(statements),
      backend_id_(PQbackendPID(connection_.get())) {
    if (PQsetnonblocking(connection_.get(), 1) != 0) {
        throw std::runtime_error("libpq: out of memory");
    }
    PQsetErrorVerbosity(connection_.get(), PQERRORS_TERSE);  // the fields are read one by one; this text is only logged
    PQsetNoticeReceiver(connection_.get(), take_notice, this);
    socket_.watch(PQsocket(connection_.get()));
}

libpq_session::~libpq_session() {
    if (current_ != nullptr) current_->home = nullptr;
    socket_.unwatch();
}

bool libpq_session::usable() const noexcept {
    const auto status = PQtransactionStatus(connection_.get());
    return !broken_ && status != PQTRANS_ACTIVE && status != PQTRANS_UNKNOWN;
}

bool libpq_session::in_transaction() const noexcept {
    const auto status = PQtransactionStatus(connection_.get());
    return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

std::int64_t libpq_session::backend_id() const noexcept { return backend_id_; }

void libpq_session::abandon() noexcept {
    if (current_ == nullptr || current_->cancelling) return;
    current_->limit = core::deadline(core::clock::time_point::min());
    socket_.expire();
}

bool libpq_session::seems_dead() noexcept {
    for (int looks = 0; looks < 8 && usable(); ++looks) {
        pollfd look{.fd = PQsocket(connection_.get()), .events = POLLIN, .revents = 0};
        if (::poll(&look, 1, 0) == 0) return false;
        // A notification, a changed setting or a TLS ticket may have come; take_notice() sees a FATAL.
        if (PQconsumeInput(connection_.get()) == 0) broken_ = true;
        while (auto* unwanted = PQnotifies(connection_.get())) PQfreemem(unwanted);
    }
    if (PQsocket(connection_.get()) < 0) socket_.unwatch();
    return true;
}

void libpq_session::take_notice(void* self, const pg_result* notice) {
    // Notices and warnings are dropped. An error that answers nothing announces that the server closes the session.
    const auto severity = view(PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED));
    if (severity == "FATAL" || severity == "PANIC" || severity == "ERROR")
        static_cast<libpq_session*>(self)->broken_ = true;
}

// ---- waiting and cancelling

/// What next_result() gives where it need not wait: as a rule all results of a short statement but the first, for each
/// of which a coroutine would cost more than the result.
std::optional<result_handle> libpq_session::result_at_hand() {
    pg_conn* const c = connection_.get();
    if (PQisBusy(c) != 0 && PQsocket(c) >= 0) return std::nullopt;
    result_handle result(PQgetResult(c));  // returns at once: nothing to wait for, or no socket to wait with
    if (PQsocket(c) < 0) {
        socket_.unwatch();
        broken_ = true;
    }
    return result;
}

core::awaitable<result_handle> libpq_session::next_result(call& now) {
    pg_conn* const c = connection_.get();
    const auto* const tls = static_cast<const SSL*>(PQsslStruct(c, "OpenSSL"));
    for (;;) {
        const bool unsent = PQflush(c) == 1;
        if (auto result = result_at_hand()) co_return *std::move(result);
        // libpq may leave the end of a TLS record unread, for which the socket never becomes readable.
        if (tls == nullptr || SSL_pending(tls) == 0) {
            const auto how = co_await socket_.wait(unsent ? interest::read_or_write : interest::read, now.limit);
            if (how == waited::timed_out && out_of_time(now)) continue;
            if (how != waited::ready) {
                broken_ = true;
                co_return nullptr;
            }
        }
        PQconsumeInput(c);  // a failure closes the socket; the result says so
        if (PQsocket(c) < 0) socket_.unwatch();
    }
}

/// @return False when the cancellation, too, has had its time.
bool libpq_session::out_of_time(call& now) {
    if (now.cancelling && now.give_up.passed()) return false;
    if (!now.cancelling) now.late = true;
    press_cancel(now);
    return true;
}

void libpq_session::press_cancel(call& now) {
    if (!now.cancelling) now.give_up = core::deadline::after(cancel_grace);
    now.cancelling = true;
    // One at a time; when the queue is full the next press tries again.
    if (now.ticket == nullptr || now.ticket->done()) now.ticket = canceller_->submit(cancel_);
    now.limit = core::deadline::after(cancel_again).sooner(now.give_up);
}

/// Waits until a cancel request under way can no longer hit what the session does next.
core::awaitable<void> libpq_session::settle(call& now) {
    if (now.ticket != nullptr && !broken_) {
        socket_watch bell(co_await core::asio::this_coro::executor);
        bell.watch(now.ticket->descriptor());
        auto how = waited::ready;
        while (!now.ticket->done() && how == waited::ready) how = co_await bell.wait(interest::read, now.give_up);
        if (!now.ticket->done()) broken_ = true;
    }
    now.ticket.reset();
}

void libpq_session::finish(call& now) {
    while (auto* unwanted = PQnotifies(connection_.get())) PQfreemem(unwanted);
    now.over = true;
}

// ---- failures

sql::result<void> libpq_session::may_start(core::deadline until) const {
    if (!usable()) return std::unexpected(closed());
    if (until.passed()) return std::unexpected(too_late(backend_id_));
    return {};
}

/// libpq refused to take the message: the connection is known to be dead, or memory is short.
sql::failure libpq_session::cannot_send() {
    core::log(core::log_level::warning, "postgres: session {}: {}", backend_id_, PQerrorMessage(connection_.get()));
    broken_ = true;
    if (PQsocket(connection_.get()) < 0) socket_.unwatch();
    return closed();
}

/// The one place that decides what a failure of the current call is, and whether the session survives it.
sql::failure libpq_session::judge(const call& now, failure what) {
    if (what.kind == failure_kind::lost) {
        broken_ = true;
        core::log(core::log_level::warning, "postgres: session {}: {}", backend_id_, PQerrorMessage(connection_.get()));
        if (!now.sent) what.kind = failure_kind::unreachable;
    }
    if (ends_session(what)) broken_ = true;
    if (now.late && (broken_ || what.sqlstate == "57014")) return cancelled(backend_id_);
    return what;
}

// ---- statements of our own

core::awaitable<sql::result<std::string>> libpq_session::command(call& now, const char* text) {
    if (PQsendQuery(connection_.get(), text) == 0) co_return std::unexpected(cannot_send());
    // Of our own commands only this one's outcome matters to the caller; the others end with the session.
    now.sent = std::string_view(text) == "COMMIT";
    std::string tag;
    std::optional<failure> failed;
    while (const result_handle result = co_await next_result(now)) {
        if (PQresultStatus(result.get()) == PGRES_COMMAND_OK) {
            tag = PQcmdStatus(result.get());
        } else if (!failed) {
            failed = failure_of(result.get());
        }
    }
    if (!failed && broken_) failed = lost();
    if (failed) co_return std::unexpected(judge(now, std::move(*failed)));
    co_return tag;
}

core::awaitable<sql::result<answer_rows>> libpq_session::ask(call& now, const char* text,
                                                             const std::vector<std::string>& values) {
    std::vector<const char*> pointers;
    pointers.reserve(values.size());
    for (const auto& value : values) pointers.push_back(value.c_str());
    if (PQsendQueryParams(connection_.get(), text, static_cast<int>(values.size()), nullptr, pointers.data(), nullptr,
                          nullptr, 0) == 0) {
        co_return std::unexpected(cannot_send());
    }
    std::optional<answer_rows> rows;
    std::optional<failure> failed;
    while (result_handle result = co_await next_result(now)) {
        if (PQresultStatus(result.get()) == PGRES_TUPLES_OK) {
            rows.emplace();
            for (int i = 0; i < PQntuples(result.get()); ++i) {
                auto& row = rows->emplace_back();
                for (int k = 0; k < PQnfields(result.get()); ++k) row.emplace_back(cell_of(result.get(), i, k));
            }
        } else if (!failed) {
            failed = failure_of(result.get());
        }
    }
    if (!failed && (broken_ || !rows)) failed = lost();
    if (failed) co_return std::unexpected(judge(now, std::move(*failed)));
    co_return *std::move(rows);
}

/// Reads on to the last of `syncs` pipeline syncs and ends pipeline mode.
/// @return The last command's result; the first failure of the last section (an earlier one only closes statements).
core::awaitable<sql::result<result_handle>> libpq_session::until_sync(call& now, int syncs) {
    result_handle last;
    std::optional<failure> failed;
    bool ended = false;  // two ends of a command in a row: libpq waits for nothing more
    while (syncs > 0) {
        result_handle result = co_await next_result(now);
        if (result == nullptr) {
            if (broken_ || std::exchange(ended, true)) break;
            continue;
        }
        ended = false;
        const auto status = PQresultStatus(result.get());
        if (status == PGRES_PIPELINE_SYNC) {
            --syncs;
        } else if (status == PGRES_COMMAND_OK) {
            last = std::move(result);
        } else if (status != PGRES_PIPELINE_ABORTED && syncs == 1) {
            now.fail(failed, result.get());
        }
    }
    if (syncs > 0 || PQexitPipelineMode(connection_.get()) == 0) broken_ = true;
    if (!failed && (broken_ || last == nullptr)) failed = lost();
    if (failed) co_return std::unexpected(judge(now, std::move(*failed)));
    co_return last;
}

// ---- preparing and describing

/// Sends what closes statements nobody needs. Outside a transaction in a section of its own, whose failure hurts
/// nobody. Inside one the names exist as well, unless the caller has meddled by a function; they wait until they are
/// many.
void libpq_session::send_closes() {
    auto& names = statements_.to_close();
    for (const auto& name : names) {
        // libpq 15 has no call for the protocol's Close.
        PQsendQueryParams(connection_.get(), fmt::format("DEALLOCATE {}", name).c_str(), 0, nullptr, nullptr, nullptr,
                          nullptr, 0);
    }
    names.clear();
}

core::awaitable<sql::result<std::shared_ptr<statement>>> libpq_session::prepared(call& now, std::string_view text,
                                                                                 bool& fresh) {
    fresh = false;
    if (auto known = statements_.find(text, binding_.types())) {
        if (!known->described) {
            fresh = true;
            if (auto done = co_await describe(now, *known); !done) co_return std::unexpected(std::move(done.error()));
        }
        co_return known;
    }
    if (has_zero_byte(text)) co_return std::unexpected(zero_byte());
    fresh = true;
    pg_conn* const c = connection_.get();
    const auto state = PQtransactionStatus(c);
    const auto waiting = statements_.to_close().size();
    const auto shared = statements_.add(text, binding_.types());
    statement& made = *shared;
    int syncs = 1;
    PQenterPipelineMode(c);
    if (waiting > 0 && state == PQTRANS_IDLE) {
        send_closes();
        syncs += PQpipelineSync(c);
    } else if (waiting > closes_in_transaction && state == PQTRANS_INTRANS) {
        send_closes();
    }
    if (PQsendPrepare(c, made.name.c_str(), made.text.c_str(), static_cast<int>(made.types.size()),
                      made.types.data()) == 0 ||
        PQsendDescribePrepared(c, made.name.c_str()) == 0 || PQpipelineSync(c) == 0) {
        statements_.erase(made);
        co_return std::unexpected(cannot_send());
    }
    auto description = co_await until_sync(now, syncs);
    if (!description) {
        statements_.erase(made);
        co_return std::unexpected(std::move(description.error()));
    }
    if (auto taken = co_await take_description(now, made, description->get()); !taken) {
        co_return std::unexpected(std::move(taken.error()));
    }
    co_return shared;
}

/// Finds out whether the server can infer the types of the parameters that leave it to it, once a text, their types
/// and session; where it cannot, the binding's fallbacks are declared. Inside a transaction a savepoint keeps the
/// attempt from spoiling it.
core::awaitable<sql::result<void>> libpq_session::infer(call& now, std::string_view text) {
    auto key = inference_key(text, binding_.types());
    const auto known = inferable_.find(key);
    if (known != inferable_.end() && !known->second) binding_.use_fallbacks();
    if (known != inferable_.end() || has_zero_byte(text)) co_return sql::result<void>();
    if (inferable_.size() >= most_learnt) inferable_.clear();
    const bool within = in_transaction();
    if (within) {
        if (auto kept = co_await command(now, "SAVEPOINT borealis_infers"); !kept)
            co_return std::unexpected(std::move(kept.error()));
    }
    bool fresh = false;
    const auto inferred = co_await prepared(now, text, fresh);
    const bool cannot = !inferred && usable() && inferred.error().sqlstate.starts_with("42");
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
        binding_.use_fallbacks();
        const auto declared = co_await prepared(now, text, fresh);
        if (!declared) co_return std::unexpected(inferred.error());  // no better: the statement is at fault
    }
    inferable_.emplace(std::move(key), !cannot);
    co_return sql::result<void>();
}

core::awaitable<sql::result<void>> libpq_session::describe(call& now, statement& which) {
    pg_conn* const c = connection_.get();
    PQenterPipelineMode(c);
    if (PQsendDescribePrepared(c, which.name.c_str()) == 0 || PQpipelineSync(c) == 0) {
        co_return std::unexpected(cannot_send());
    }
    auto description = co_await until_sync(now, 1);
    if (!description) co_return std::unexpected(std::move(description.error()));
    auto taken = co_await take_description(now, which, description->get());
    co_return taken;
}

core::awaitable<sql::result<void>> libpq_session::take_description(call& now, statement& which,
                                                                   const pg_result* description) {
    const auto fields = fields_of(description);
    const auto unknown = unknown_types(fields, types_);
    if (!unknown.empty()) {
        if (types_.size() > most_learnt) types_.forget();
        auto rows = co_await ask(now, types_query, {list_of(unknown)});
        if (!rows) co_return std::unexpected(std::move(rows.error()));
        learn_types(types_, *rows);
    }
    which.describe_as(fields, types_);
    co_return sql::result<void>();
}

core::awaitable<sql::result<void>> libpq_session::ask_origins(call& now, statement& which) {
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

sql::flow libpq_session::hand_over(const pg_result* row, std::span<const sql::column> columns, sql::row_sink& sink) {
    const int count = PQnfields(row);
    cells_.resize(static_cast<std::size_t>(count));
    std::size_t octets = 2 + 4 * cells_.size();
    for (int i = 0; i < count; ++i) {
        auto& cell = cells_[static_cast<std::size_t>(i)];
        if (PQgetisnull(row, 0, i) != 0) {
            cell.is = sql::cell::form::null;
            cell.text = {};
        } else {
            cell.is = sql::cell::form::text;
            cell.text = cell_of(row, 0, i);
            octets += octets_of(columns[static_cast<std::size_t>(i)], cell.text);
        }
    }
    return sink.row(cells_, octets);
}

core::awaitable<sql::result<sql::outcome>> libpq_session::run(call& now, statement& which, sql::row_sink& sink,
                                                              on_stop rest, bool announced) {
    pg_conn* const c = connection_.get();
    if (PQsendQueryPrepared(c, which.name.c_str(), binding_.count(), binding_.values(), binding_.lengths(),
                            binding_.formats(), 0) == 0) {
        co_return std::unexpected(cannot_send());
    }
    PQsetSingleRowMode(c);
    now.sent = true;
    sql::outcome out;
    std::optional<failure> failed;
    bool complete = false;
    bool clears = false;
    for (auto result = co_await next_result(now); result != nullptr;) {
        pg_result* const r = result.get();
        const auto status = PQresultStatus(r);
        switch (status) {
            case PGRES_SINGLE_TUPLE:
            case PGRES_TUPLES_OK:
                if (!out.has_rows && !failed) {
                    out.has_rows = true;
                    const auto fields = fields_of(r);
                    const bool same = which.describes(fields);
                    // FETCH and EXECUTE may have been prepared before what they name.
                    if (!same) which.describe_as(fields, types_);
                    if (!same && announced) {
                        failed = failure{.kind = failure_kind::internal, .message = "The result changed its columns."};
                        press_cancel(now);
                    } else if (!announced) {
                        sink.columns(which.columns);
                        now.told = true;
                    }
                }
                if (status == PGRES_TUPLES_OK) {
                    complete = true;
                } else if (!out.stopped && !failed && hand_over(r, which.columns, sink) == sql::flow::stop) {
                    out.stopped = true;
                    if (rest == on_stop::cancel) press_cancel(now);
                }
                break;
            case PGRES_COMMAND_OK:
                complete = true;
                out.affected = affected_by(view(PQcmdStatus(r)));
                clears = clears_statements(view(PQcmdStatus(r)));
                break;
            case PGRES_EMPTY_QUERY:
                complete = true;
                break;
            case PGRES_COPY_IN:
            case PGRES_COPY_OUT:
            case PGRES_COPY_BOTH:
                broken_ = true;  // in the middle of a copy that nobody will end
                co_return sql::fail(failure_kind::unsupported, copy_message(status));
            default:
                now.fail(failed, r);
        }
        if (auto next = result_at_hand()) {
            result = *std::move(next);
        } else {
            result = co_await next_result(now);
        }
    }
    if (!failed && broken_) failed = lost();
    if (!failed && clears) statements_.clear();  // and `which` with them
    if (!failed) co_return out;
    // Whatever the server says after a stop (that it was cancelled, as a rule) is of no interest; the rest is dropped.
    if (out.stopped && !now.late) {
        if (ends_session(*failed) || failed->kind == failure_kind::lost) broken_ = true;
        co_return out;
    }
    // After the last row comes the commit: a session that ends there leaves open whether it happened.
    if (complete && ends_session(*failed)) failed = lost();
    co_return std::unexpected(judge(now, std::move(*failed)));
}

/// Outside a transaction, for a result that the sink may want guarded.
core::awaitable<sql::result<sql::outcome>> libpq_session::run_asking(call& now, statement& which, sql::row_sink& sink,
                                                                     bool fresh) {
    // The sink is asked once: so the columns must be those of now, not those of an earlier use.
    if (!fresh) {
        const bool full = which.full;
        if (auto done = co_await describe(now, which); !done) co_return std::unexpected(std::move(done.error()));
        if (full) {
            if (auto done = co_await ask_origins(now, which); !done) co_return std::unexpected(std::move(done.error()));
        }
    }
    now.told = true;
    if (sink.columns(which.columns) == sql::reception::plain) {
        auto plain = co_await run(now, which, sink, on_stop::cancel, true);
        co_return plain;
    }
    if (auto begun = co_await command(now, "BEGIN"); !begun) co_return std::unexpected(std::move(begun.error()));
    auto out = co_await run(now, which, sink, on_stop::cancel, true);
    co_await settle(now);
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

core::awaitable<sql::result<sql::outcome>> libpq_session::attempt(call& now, std::string_view text, sql::row_sink& sink,
                                                                  sql::description wanted) {
    for (bool repeated = false;; repeated = true) {
        const bool alone = !in_transaction();
        bool fresh = false;
        auto found = co_await prepared(now, text, fresh);
        if (!found) co_return std::unexpected(std::move(found.error()));
        statement& which = **found;
        if (wanted == sql::description::full && !which.full) {
            if (auto done = co_await ask_origins(now, which); !done) co_return std::unexpected(std::move(done.error()));
        }
        sql::result<sql::outcome> out;
        if (alone && which.asks) {
            out = co_await run_asking(now, which, sink, fresh);
        } else {
            out = co_await run(now, which, sink, alone ? on_stop::cancel : on_stop::drop, false);
        }
        if (out || out.error().kind != failure_kind::database) co_return out;
        const bool changed = now.stale;
        const bool gone = is_gone(out.error(), which.name);
        if (changed) statements_.retire(which);
        if (gone) statements_.erase(which);
        // Nothing was executed, and outside a transaction nothing was spoilt either.
        if (!(changed || gone) || !alone || repeated || now.told || !usable()) co_return out;
        now.sent = false;
        now.stale = false;
    }
}

core::awaitable<sql::result<sql::outcome>> libpq_session::execute(std::string_view text,
                                                                  std::span<const sql::parameter> parameters,
                                                                  sql::row_sink& sink, sql::description wanted,
                                                                  core::deadline until) {
    if (auto ok = may_start(until); !ok) co_return std::unexpected(std::move(ok.error()));
    if (auto ok = binding_.bind(parameters); !ok) co_return std::unexpected(std::move(ok.error()));
    call now(*this, until);
    sql::result<sql::outcome> out;
    sql::result<void> inferred;
    if (binding_.infers() && statements_.find(text, binding_.types()) == nullptr) inferred = co_await infer(now, text);
    if (inferred) {
        out = co_await attempt(now, text, sink, wanted);
    } else {
        out = std::unexpected(std::move(inferred.error()));
    }
    if (now.ticket != nullptr) co_await settle(now);
    finish(now);
    co_return out;
}

// ---- batches

/// Sends as many sets as one round trip may take, and reads their outcomes.
/// @return How many sets that were.
core::awaitable<sql::result<std::size_t>> libpq_session::batch_section(
    call& now, std::string_view text, std::span<const std::vector<sql::parameter>> sets,
    std::vector<sql::outcome>& done) {
    struct step {
        std::shared_ptr<statement> which;
        bool prepares;
    };
    pg_conn* const c = connection_.get();
    std::vector<step> steps;
    std::vector<std::shared_ptr<statement>> made;
    std::size_t octets = 0;
    std::size_t count = 0;
    std::optional<failure> failed;

    PQenterPipelineMode(c);
    bool sent = true;
    for (; sent && count < sets.size() && count < section_sets && octets < section_octets; ++count) {
        if (auto bound = binding_.bind(sets[count]); !bound) {
            failed = std::move(bound.error());  // the sets before it still run: the first failure is the one to report
            break;
        }
        if (binding_.infers()) {
            const auto known = inferable_.find(inference_key(text, binding_.types()));
            if (known != inferable_.end() && !known->second) binding_.use_fallbacks();
        }
        octets += binding_.octets();
        auto which = statements_.find(text, binding_.types());
        if (which == nullptr) {
            which = statements_.add(text, binding_.types());
            made.push_back(which);
            steps.push_back({which, true});
            sent =
                PQsendPrepare(c, which->name.c_str(), which->text.c_str(), binding_.count(), which->types.data()) == 1;
        }
        steps.push_back({which, false});
        sent = sent && PQsendQueryPrepared(c, which->name.c_str(), binding_.count(), binding_.values(),
                                           binding_.lengths(), binding_.formats(), 0) == 1;
    }
    if (!sent || PQpipelineSync(c) == 0) {
        for (const auto& one : made) statements_.erase(*one);
        co_return std::unexpected(cannot_send());
    }
    now.sent = true;

    std::optional<failure> first;
    std::shared_ptr<statement> culprit;
    std::size_t prepared_well = 0;
    for (const auto& step : steps) {
        if (!step.prepares) PQsetSingleRowMode(c);  // rows are dropped one by one
        sql::outcome out;
        while (const result_handle result = co_await next_result(now)) {
            switch (const auto status = PQresultStatus(result.get())) {
                case PGRES_SINGLE_TUPLE:
                case PGRES_TUPLES_OK:
                    out.has_rows = true;
                    break;
                case PGRES_COMMAND_OK:
                    if (step.prepares) {
                        ++prepared_well;
                    } else {
                        out.affected = affected_by(view(PQcmdStatus(result.get())));
                    }
                    break;
                case PGRES_EMPTY_QUERY:
                case PGRES_PIPELINE_ABORTED:
                    break;
                case PGRES_COPY_IN:
                case PGRES_COPY_OUT:
                case PGRES_COPY_BOTH:
                    broken_ = true;
                    co_return sql::fail(failure_kind::unsupported, copy_message(status));
                default:
                    if (!first) culprit = step.which;
                    now.fail(first, result.get());
            }
        }
        if (broken_) break;
        if (!step.prepares && !first) done.push_back(out);
    }
    for (bool ended = false; !broken_;) {
        const result_handle end = co_await next_result(now);
        if (end != nullptr && PQresultStatus(end.get()) == PGRES_PIPELINE_SYNC) {
            if (PQexitPipelineMode(c) == 0) broken_ = true;
            break;
        }
        if (end != nullptr && !first) first = failure_of(end.get());  // a deferred constraint speaks up at the sync
        if (end == nullptr && std::exchange(ended, true)) broken_ = true;
    }
    if (first && culprit != nullptr && now.stale) {
        statements_.retire(*culprit);
    } else if (first && culprit != nullptr && is_gone(*first, culprit->name)) {
        statements_.erase(*culprit);
    }
    for (std::size_t i = prepared_well; i < made.size(); ++i) statements_.erase(*made[i]);
    if (!first && broken_) first = lost();
    if (first) co_return std::unexpected(judge(now, std::move(*first)));
    if (failed) co_return std::unexpected(std::move(*failed));
    co_return count;
}

core::awaitable<sql::result<std::vector<sql::outcome>>> libpq_session::execute_batch(
    std::string_view text, std::span<const std::vector<sql::parameter>> sets, core::deadline until) {
    if (auto ok = may_start(until); !ok) co_return std::unexpected(std::move(ok.error()));
    if (has_zero_byte(text)) co_return std::unexpected(zero_byte());
    call now(*this, until);
    std::vector<sql::outcome> done;
    done.reserve(sets.size());
    std::optional<failure> failed;
    for (const auto& set : sets) {  // the first that leaves types open answers for all
        if (!binding_.bind(set) || !binding_.infers()) continue;
        auto inferred = co_await infer(now, text);
        if (!inferred) failed = std::move(inferred.error());
        break;
    }
    while (!failed && !sets.empty()) {
        const auto count = co_await batch_section(now, text, sets, done);
        if (count) {
            sets = sets.subspan(*count);
        } else {
            failed = count.error();
        }
    }
    co_await settle(now);
    finish(now);
    if (failed) co_return std::unexpected(std::move(*failed));
    co_return done;
}

// ---- transactions

core::awaitable<sql::result<std::string>> libpq_session::transact(const char* text, core::deadline until) {
    if (auto ok = may_start(until); !ok) co_return std::unexpected(std::move(ok.error()));
    call now(*this, until);
    auto tag = co_await command(now, text);
    co_await settle(now);
    finish(now);
    co_return tag;
}

core::awaitable<sql::result<void>> libpq_session::begin(core::deadline until) {
    auto tag = co_await transact(forget_sequences, until);
    if (tag) tag = co_await transact("BEGIN", until);
    if (!tag) co_return std::unexpected(std::move(tag.error()));
    co_return sql::result<void>();
}

core::awaitable<sql::result<bool>> libpq_session::read_only(core::deadline until) {
    if (auto ok = may_start(until); !ok) co_return std::unexpected(std::move(ok.error()));
    call now(*this, until);
    auto rows = co_await ask(now, "SELECT pg_catalog.pg_is_in_recovery()", {});
    co_await settle(now);
    finish(now);
    if (!rows) co_return std::unexpected(std::move(rows.error()));
    co_return rows->front().front() == "t";
}

// A statement of its own before each: COMMIT AND CHAIN keeps a transaction read only, but lets the next statement make
// it read-write, as nothing has been read in it yet (PostgreSQL manual, SET TRANSACTION).
core::awaitable<sql::result<void>> libpq_session::begin_reading(core::deadline until) {
    auto tag = co_await transact(in_transaction() ? "SET TRANSACTION READ ONLY" : "BEGIN READ ONLY", until);
    if (!tag) co_return std::unexpected(std::move(tag.error()));
    co_return sql::result<void>();
}

core::awaitable<sql::result<sql::commit_status>> libpq_session::commit(core::deadline until) {
    auto tag = co_await transact("COMMIT", until);
    if (!tag) {
        // Begun, and its end not seen: whatever the server said (a FATAL) or we did (a cancel), the outcome is unknown.
        if (broken_ && !tag.error().sqlstate.empty()) co_return std::unexpected(lost());
        co_return std::unexpected(std::move(tag.error()));
    }
    // The server answers ROLLBACK to the COMMIT of an aborted transaction.
    co_return *tag == "ROLLBACK" ? sql::commit_status::rolled_back : sql::commit_status::committed;
}

core::awaitable<sql::result<void>> libpq_session::rollback(core::deadline until) {
    auto tag = co_await transact("ROLLBACK", until);
    if (!tag) co_return std::unexpected(std::move(tag.error()));
    co_return sql::result<void>();
}

core::awaitable<sql::result<void>> libpq_session::reset(core::deadline until) {
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
