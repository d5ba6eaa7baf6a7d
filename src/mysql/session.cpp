#include "mysql/session.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <utility>
#include <variant>

#include <errmsg.h>
#include <fmt/format.h>
#include <mysqld_error.h>

#include "core/log.hpp"
#include "mysql/parameters.hpp"

namespace borealis::mysql {
namespace {

using sql::failure_kind;

/// Connections that may be open at once only to end statements, all sessions of the driver together. With more,
/// sessions are cut instead: a storm of time-outs must not take the database's last connections.
constexpr int interruptions_at_once = 16;

/// Rows that may be handled before others get their turn.
constexpr unsigned int rows_in_a_row = 1024;

/// The character set is named again because a reset brings back the server's own. MariaDB is told to round
/// fractions of seconds as MySQL does, where it would cut them off (MariaDB manual, "SQL_MODE").
constexpr std::string_view settings =
    "SET NAMES utf8mb4, time_zone='+00:00', autocommit=1"
    "/*M!100401, sql_mode=CONCAT(@@sql_mode, ',TIME_ROUND_FRACTIONAL') */";

/// with autocommit off a transaction stays open past the implicit commit of a CREATE TABLE.: the value is
/// 0, and that it comes from a table has the server forget what LAST_INSERT_ID(), FOUND_ROWS(), ROW_COUNT() and SHOW
/// WARNINGS would tell of another caller's statement. Without a table, at a fifth of the cost, it keeps the warnings.
constexpr std::string_view forget = "SELECT LAST_INSERT_ID(0)";
constexpr std::string_view autocommit_off = "SET autocommit=(SELECT LAST_INSERT_ID(0) FROM (SELECT 1) AS none)";
constexpr std::string_view autocommit_on = "SET autocommit=1";

/// MySQL has no roles before 8.0; MariaDB's versions are all above.
constexpr unsigned long roles_since = 80000;

std::string who_are_you(MYSQL* on) {
    return fmt::format("SELECT CONCAT_WS('/', @@hostname, @@port, @@server_id, @@datadir), IFNULL(DATABASE(), ''), {}",
                       ::mysql_get_server_version(on) >= roles_since ? "IFNULL(CURRENT_ROLE(), '')" : "''");
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

bool is_same_word(std::string_view text, std::string_view word) {
    return text.size() == word.size() &&
           std::equal(text.begin(), text.end(), word.begin(), [](char a, char b) { return lower(a) == b; });
}

/// What is left of a statement without the comments it begins with.
std::string_view without_comments(std::string_view text) {
    for (;;) {
        text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n\f\v("), text.size()));
        const bool line = text.starts_with('#') || text.starts_with("--");
        // The content of /*! … */ and /*M! … */ is no comment.
        if (!line && (!text.starts_with("/*") || text.starts_with("/*!") || text.starts_with("/*M!"))) return text;
        const std::string_view end = line ? "\n" : "*/";
        const auto at = text.find(end, 2);
        if (at == std::string_view::npos) return {};
        text.remove_prefix(at + end.size());
    }
}

/// Is this INSERT, REPLACE, DELETE or UPDATE … RETURNING? Words in strings and comments count too: what is taken for
/// one wrongly costs two round trips, no more.
bool is_returning_write(std::string_view text) {
    text = without_comments(text);
    bool writes = false;
    bool returns = false;
    for (std::size_t at = 0; at < text.size();) {
        if (!is_word(text[at])) {
            ++at;
            continue;
        }
        const std::size_t from = at;
        while (at < text.size() && is_word(text[at])) ++at;
        const std::string_view word = text.substr(from, at - from);
        if (is_same_word(word, "returning")) returns = true;
        for (const std::string_view verb : {"insert", "replace", "delete", "update"})
            writes = writes || is_same_word(word, verb);
        // Only what begins like one: CREATE TRIGGER … INSERT … must not run in a transaction.
        if (!writes && !is_same_word(word, "with")) return false;
    }
    return writes && returns;
}

/// May the text switch on SHOW PROFILES, whose list of statements outlives a reset?
bool names_profiling(std::string_view text) {
    constexpr std::string_view word = "profiling";
    return !std::ranges::search(text, word, {}, lower).empty();
}

sql::failure unreachable() { return {.kind = failure_kind::unreachable, .message = "The database cannot be reached."}; }

sql::failure lost() {
    return {.kind = failure_kind::lost,
            .message =
                "The connection to the database was lost while the statement ran; whether it took effect is not "
                "known."};
}

/// The server has ended a statement, as it was asked to.
bool is_interruption(unsigned int code) { return code == ER_QUERY_INTERRUPTED || code == ER_FILSORT_ABORT; }

/// Rows of a batch have nowhere to go.
class dropping_sink final : public sql::row_sink {
 public:
    sql::reception columns(std::span<const sql::column>) override { return sql::reception::plain; }
    sql::flow row(std::span<const sql::cell>, std::size_t) override { return sql::flow::more; }
};

/// The one value of the one row.
class truth_sink final : public sql::row_sink {
 public:
    sql::reception columns(std::span<const sql::column>) override { return sql::reception::plain; }
    sql::flow row(std::span<const sql::cell> cells, std::size_t) override {
        const auto& cell = cells.front();
        is = (cell.is == sql::cell::form::integer || cell.is == sql::cell::form::unsigned_integer) && cell.integer != 0;
        return sql::flow::more;
    }
    bool is = false;
};

/// The end of another one's statement has hit this one.
bool is_hit(const line::turn& turn, answer& told) {
    return turn.exposed() && !turn.late() && told.error() && is_interruption(told.error()->code);
}

}  // namespace

class session::call {
 public:
    call(session& of, core::deadline until) : of_(of) { of_.wire_.begin(until); }
    call(const call&) = delete;
    call& operator=(const call&) = delete;
    ~call() {
        of_.wire_.end();
        if (!over_ || of_.wire_.where() == wire::phase::cut) of_.broken_ = true;
    }
    /// To be said at its end. Where it is not, the coroutine was destroyed while it waited, or a sink threw: there may
    /// be rows left to read.
    void over() { over_ = true; }

 private:
    session& of_;
    bool over_ = false;
};

session::session(std::shared_ptr<shared_state> shared, core::executor on, handle of, sql::endpoint to, sql::login as,
                 std::string database)
    : shared_(std::move(shared)),
      to_(std::move(to)),
      as_(std::move(as)),
      database_(std::move(database)),
      id_(static_cast<std::int64_t>(::mysql_thread_id(of.get()))),
      native_(shared_->spoken == protocol::native && ::mysql_get_ssl_cipher(of.get()) == nullptr),
      wire_(std::move(on), std::move(of), this) {}

session::~session() {
    // So that closing the statements and the handle tells the server nothing, and waits for nothing.
    if (broken_ || killed_) wire_.cut();
}

sql::failure session::timed_out() {
    //
    return {.kind = failure_kind::timeout,
            .message = "Query execution was interrupted",
            .sqlstate = "70100",
            .code = ER_QUERY_INTERRUPTED,
            .backend_id = id_};
}

/// What the library's last error means. Also decides whether the session lives on.
sql::failure session::failed(stage at) {
    MYSQL* const on = wire_.native();
    return judged(::mysql_errno(on), ::mysql_error(on), ::mysql_sqlstate(on), at);
}

/// What an error means for a call that runs alone.
sql::failure session::judged(unsigned int code, std::string message, std::string sqlstate, stage at) {
    const wire::phase where = wire_.where();
    if (ends_session(code) || where == wire::phase::cut) broken_ = true;
    if (where != wire::phase::in_time) return timed_out();
    if (broken_ && code != ER_SERVER_SHUTDOWN) {
        core::log(core::log_level::warning, "mysql: session {} ended: {} ({})", id_, message, code);
        if (at == stage::nothing_sent) return unreachable();
        return lost();
    }
    return {.kind = failure_kind::database,
            .message = std::move(message),
            .sqlstate = std::move(sqlstate),
            .code = static_cast<int>(code)};
}

/// How an answer of ours to a call that runs alone has ended.
sql::result<void> session::conclude(const line::turn& turn, answer& told, stage at) {
    turn.check();
    if (turn.cut_off()) {
        broken_ = true;
        return std::unexpected(judged(CR_SERVER_LOST, "Lost connection to server during query", "HY000",
                                      turn.begun() ? at : stage::nothing_sent));
    }
    if (auto& error = told.error()) {
        return std::unexpected(judged(error->code, std::move(error->message), std::move(error->sqlstate), at));
    }
    return {};
}

core::awaitable<sql::result<void>> session::set_up(core::deadline until) {
    call bounds(*this, until);
    const auto row = co_await wire_.command_and_ask(settings, who_are_you(wire_.native()));
    bounds.over();
    if (!row || row->size() != 3) {
        core::log(core::log_level::warning, "mysql: a fresh session cannot be set up: {} ({})",
                  ::mysql_error(wire_.native()), ::mysql_errno(wire_.native()));
        co_return sql::fail(failure_kind::unreachable, "The database cannot be reached.");
    }
    server_ = row->at(0);
    database_ = row->at(1);
    role_ = row->at(2);
    status_ = wire_.native()->server_status;
    co_return sql::result<void>();
}

// ---- ending statements ----------------------------------------------------------------------------------------------

core::awaitable<bool> session::interrupt(core::deadline until) {
    if (server_.empty()) co_return false;  // set_up() is under way: there is nothing to save
    struct ticket {
        std::atomic<int>& of;
        int number = of.fetch_add(1) + 1;
        ~ticket() { of.fetch_sub(1); }
    } const mine{shared_->interruptions};
    if (mine.number > interruptions_at_once) {
        core::log(core::log_level::warning, "mysql: too many statements to end at once; session {} is cut", id_);
        co_return false;
    }
    auto opened = co_await open(shared_->opening, to_, as_, "", until, shared_->settings);
    if (!opened) co_return false;
    wire second(wire_.executor(), std::move(*opened), nullptr);
    second.begin(until);
    // Behind a load balancer the same address may lead to another server, where the id is somebody else's.
    const auto row = co_await second.command_and_ask("DO 0", who_are_you(second.native()));
    bool sent = false;
    if (row && row->size() == 3 && row->at(0) == server_) {
        killed_ = true;
        line_.expose();
        const unsigned int problem = co_await second.command(fmt::format("KILL QUERY {}", id_));
        sent = problem == 0;
        // Beside others, what comes to be hit in their place joins the line.
        if (sent && line_.settle()) killed_ = false;
    }
    second.end();
    if (!sent)
        core::log(core::log_level::warning, "mysql: the statement of session {} could not be ended at the server", id_);
    co_return sent;
}

/// Makes sure that a KILL QUERY which came after its statement's end hits nothing else: it would hit this.
core::awaitable<void> session::settle() {
    for (int tries = 0; killed_ && tries < 3; ++tries) {
        if (wire_.where() == wire::phase::cut) break;
        const unsigned int problem = co_await wire_.command("DO 0");
        unheard_ = true;
        if (problem == 0) killed_ = false;
    }
    if (killed_) broken_ = true;
}

// ---- statements -----------------------------------------------------------------------------------------------------

core::awaitable<void> session::close(shared_statement of) {
    if (native_) {
        if (of->can_be_prepared) append_close(line_.outgoing(), of->id);  // goes with whatever is sent next
        co_return;
    }
    if (!of->by_library) co_return;
    my_bool ignored = 0;  // there is nothing to do about a statement that does not close
    MYSQL_STMT* const what = of->by_library.release();
    if (const int events = ::mysql_stmt_close_start(&ignored, what)) {
        co_await wire_.finish(events,
                              [&ignored, what](int ready) { return ::mysql_stmt_close_cont(&ignored, what, ready); });
    }
}

session::shared_statement session::known(std::string_view text) {
    auto& last = last_.at(text);
    if (last == cached_.end() || (*last)->text != text) {
        const auto found = by_text_.find(text);
        if (found == by_text_.end()) return nullptr;
        last = found->second;
    }
    if (last != cached_.begin()) cached_.splice(cached_.begin(), cached_, last);
    return *last;
}

void session::keep(const shared_statement& made) {
    made->returns_from_write = is_returning_write(made->text);
    made->write = plain_write_of(made->text);
    cached_.push_front(made);
    by_text_.emplace(made->text, cached_.begin());
}

core::awaitable<void> session::make_room() {
    while (cached_.size() >= shared_->settings.statements) {
        const auto oldest = std::move(cached_.back());
        by_text_.erase(oldest->text);
        last_.forget();
        cached_.pop_back();
        co_await close(oldest);
    }
}

core::awaitable<sql::result<session::shared_statement>> session::prepare_by_library(std::string_view text) {
    MYSQL* const on = wire_.native();
    auto made = std::make_shared<statement>(statement{.text = std::string(text)});
    made->by_library.reset(::mysql_stmt_init(on));
    MYSQL_STMT* const what = made->by_library.get();
    if (what == nullptr) co_return std::unexpected(failed(stage::nothing_sent));
    int status = 0;
    if (const int events = ::mysql_stmt_prepare_start(&status, what, text.data(), text.size())) {
        co_await wire_.finish(events,
                              [&status, what](int ready) { return ::mysql_stmt_prepare_cont(&status, what, ready); });
    }
    if (status == 0) {
        made->id = static_cast<std::uint32_t>(what->stmt_id);
        made->parameters = ::mysql_stmt_param_count(what);
        co_return made;
    }
    made->can_be_prepared = ::mysql_errno(on) != ER_UNSUPPORTED_PS;
    // Preparing has no effects, so that nothing is unknown when the connection breaks here.
    auto problem = made->can_be_prepared ? failed(stage::nothing_sent) : sql::failure();
    co_await close(made);
    if (made->can_be_prepared) co_return std::unexpected(std::move(problem));
    co_return made;
}

/// What our own COM_STMT_PREPARE has come to, where it went well or cannot be.
session::shared_statement session::prepared(std::string_view text, preparation& told) {
    auto made = std::make_shared<statement>(statement{.text = std::string(text)});
    made->can_be_prepared = !told.error();
    if (told.error()) return made;
    made->id = told.made.statement;
    made->parameters = told.made.parameters;
    made->shape = std::move(told.shape);
    return made;
}

core::awaitable<sql::result<session::shared_statement>> session::prepare(std::string_view text) {
    if (!native_) co_return co_await prepare_by_library(text);
    append_prepare(line_.outgoing(), text);
    preparation told;
    line::turn turn(line_, told);
    line_.join(turn);
    co_await line_.wait(turn);
    if (!told.error() || told.error()->code != ER_UNSUPPORTED_PS || wire_.where() != wire::phase::in_time) {
        auto ended = conclude(turn, told, stage::nothing_sent);
        if (!ended) co_return std::unexpected(std::move(ended.error()));
    }
    co_return prepared(text, told);
}

core::awaitable<sql::result<session::shared_statement>> session::find(std::string_view text) {
    if (auto one = known(text)) co_return one;
    co_await make_room();
    profiled_ |= names_profiling(text);
    auto made = co_await prepare(text);
    if (!made && made.error().code == ER_MAX_PREPARED_STMT_COUNT_REACHED && !cached_.empty()) {
        // The server's limit is for all its sessions together: give back what is ours.
        by_text_.clear();
        last_.forget();
        while (!cached_.empty()) {
            const auto one = std::move(cached_.front());
            cached_.pop_front();
            co_await close(one);
        }
        made = co_await prepare(text);
    }
    if (made) keep(*made);
    co_return made;
}

void session::bind(MYSQL_STMT* what, std::span<const sql::parameter> parameters) {
    binds_.assign(parameters.size(), MYSQL_BIND{});
    lengths_.resize(parameters.size());
    moments_.clear();
    moments_.reserve(parameters.size());
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        MYSQL_BIND& to = binds_[i];
        const sql::parameter& from = parameters[i];
        // The library only reads; its struct serves results as well.
        to.buffer_type = wire_type_of(from);
        if (const auto* flag = std::get_if<bool>(&from.value)) {
            to.buffer = const_cast<bool*>(flag);
        } else if (const auto* number = std::get_if<std::int64_t>(&from.value)) {
            to.buffer = const_cast<std::int64_t*>(number);
        } else if (const auto* real = std::get_if<double>(&from.value)) {
            to.buffer = const_cast<double*>(real);
        } else if (const auto* text = std::get_if<std::string_view>(&from.value)) {
            static constexpr char nothing = 0;
            if (const auto moment = moment_of(from.type, *text)) {
                to.buffer = &moments_.emplace_back(*moment);
                continue;
            }
            to.buffer = const_cast<char*>(text->data() == nullptr ? &nothing : text->data());
            to.buffer_length = lengths_[i] = text->size();
            to.length = &lengths_[i];
        }
    }
    if (!binds_.empty()) ::mysql_stmt_bind_param(what, binds_.data());
}

void session::describe_columns(std::span<const MYSQL_FIELD> fields) {
    std::vector<definition> definitions;
    definitions.reserve(fields.size());
    columns_.clear();
    for (const MYSQL_FIELD& field : fields)
        columns_.push_back(describe(definitions.emplace_back(definition_of(field))));
    reader_.start(definitions, columns_);
}

/// Reads and drops the result sets after the first.
core::awaitable<sql::result<void>> session::drop_results(MYSQL_STMT* what) {
    while (::mysql_stmt_more_results(what)) {
        int status = 0;
        if (const int events = ::mysql_stmt_next_result_start(&status, what)) {
            co_await wire_.finish(
                events, [&status, what](int ready) { return ::mysql_stmt_next_result_cont(&status, what, ready); });
        }
        if (status > 0) co_return std::unexpected(failed(stage::sent));
        for (unsigned int rows = 1; status == 0 && ::mysql_stmt_field_count(what) != 0; ++rows) {
            if (const int events = ::mysql_stmt_fetch_start(&status, what)) {
                co_await wire_.finish(
                    events, [&status, what](int ready) { return ::mysql_stmt_fetch_cont(&status, what, ready); });
            }
            if (status != 0 && status != MYSQL_NO_DATA) co_return std::unexpected(failed(stage::sent));
            if (rows % rows_in_a_row == 0) co_await wire_.breathe();
        }
    }
    status_ = wire_.native()->server_status;
    co_return sql::result<void>();
}

/// After the sink said stop: ends the statement once reading on costs more than a second connection.
core::awaitable<void> session::row_dropped(rest& of) {
    of.bytes += reader_.wire_bytes();
    if (of.ended || of.bytes < worth_reading) co_return;
    of.ended = true;
    const bool ended = co_await interrupt(core::deadline::after(wire::grace));
    if (!ended) wire_.cut();
}

core::awaitable<sql::result<sql::outcome>> session::run_prepared(statement& of,
                                                                 std::span<const sql::parameter> parameters,
                                                                 sql::row_sink& sink) {
    if (!native_) {
        bind(of.by_library.get(), parameters);
        co_return co_await run_by_library(of, sink);
    }
    append_execute(line_.outgoing(), of.id, parameters);
    // The rows of a write inside a transaction are all read: ending it would take the write back.
    execution told(of.shape, sink, of.returns_from_write);
    line::turn turn(line_, told);
    line_.join(turn);
    co_await line_.wait(turn);
    co_return concluded(turn, told);
}

sql::result<sql::outcome> session::concluded(const line::turn& turn, execution& told) {
    auto ended = conclude(turn, told, stage::sent);
    if (ended) wire_.native()->server_status = status_ = told.status();
    // Where it was to end, how it did is nobody's concern.
    if (told.done.stopped) return told.done;
    if (!ended) return std::unexpected(std::move(ended.error()));
    return within_time(told.done);
}

/// A statement that was interrupted may end as if it had not been: DO SLEEP(60) does.
sql::result<sql::outcome> session::within_time(sql::outcome done) {
    if (!done.stopped && wire_.where() != wire::phase::in_time) return std::unexpected(timed_out());
    return done;
}

core::awaitable<sql::result<sql::outcome>> session::run_by_library(statement& of, sql::row_sink& sink) {
    MYSQL* const on = wire_.native();
    MYSQL_STMT* const what = of.by_library.get();
    // So that the library takes over whatever columns the server sends: kept from the first time, their names would be
    // those from before an ALTER TABLE, and another number of them an error.
    what->field_count = 0;
    int status = 0;
    if (const int events = ::mysql_stmt_execute_start(&status, what)) {
        co_await wire_.finish(events,
                              [&status, what](int ready) { return ::mysql_stmt_execute_cont(&status, what, ready); });
    }
    if (status != 0) co_return std::unexpected(failed(stage::sent));
    sql::outcome done;
    if (::mysql_stmt_field_count(what) == 0) {
        done.affected = static_cast<std::int64_t>(::mysql_stmt_affected_rows(what));
        done.last_insert_id = ::mysql_stmt_insert_id(what);
        status_ = on->server_status;
        co_return done;
    }

    done.has_rows = true;
    const std::span<const MYSQL_FIELD> fields(::mariadb_stmt_fetch_fields(what), ::mysql_stmt_field_count(what));
    describe_columns(fields);
    values_.resize(fields.size());
    // `guarded` asks for nothing more: a write that returns rows runs in a transaction already, see run().
    static_cast<void>(sink.columns(columns_));
    // The rows of a write inside a transaction are all read: ending it would take the write back.
    rest left{.bytes = 0, .ended = of.returns_from_write};
    for (unsigned int rows = 1;; ++rows) {
        if (const int events = ::mysql_stmt_fetch_start(&status, what)) {
            co_await wire_.finish(events,
                                  [&status, what](int ready) { return ::mysql_stmt_fetch_cont(&status, what, ready); });
        }
        if (status != 0) break;
        // Nothing is bound, so that the library only notes where each value stands in the row it holds.
        for (std::size_t i = 0; i < values_.size(); ++i) values_[i] = what->bind[i].u.row_ptr;
        const auto cells = reader_.binary(values_);
        if (done.stopped) {
            co_await row_dropped(left);
        } else {
            done.stopped = sink.row(cells, reader_.wire_bytes()) == sql::flow::stop;
        }
        if (rows % rows_in_a_row == 0) co_await wire_.breathe();
    }
    if (status != MYSQL_NO_DATA) {
        auto problem = failed(stage::sent);
        if (done.stopped) co_return done;  // it was to end, and how it did is nobody's concern
        co_return std::unexpected(std::move(problem));
    }
    // The library looks at the status before the rows only; this is the one after them.
    const unsigned char* const end = on->net.read_pos;
    if (end[0] == 0xFE) on->server_status = static_cast<unsigned int>(end[3] | end[4] << 8);
    status_ = on->server_status;
    auto dropped = co_await drop_results(what);
    if (!dropped && !done.stopped) co_return std::unexpected(std::move(dropped.error()));
    co_return done;
}

/// For what cannot be prepared: PREPARE, EXECUTE, and on MySQL many more.
core::awaitable<sql::result<sql::outcome>> session::run_text(std::string_view text, sql::row_sink& sink) {
    MYSQL* const on = wire_.native();
    unheard_ = true;
    int status = 0;
    if (const int events = ::mysql_real_query_start(&status, on, text.data(), text.size())) {
        co_await wire_.finish(events, [&status, on](int ready) { return ::mysql_real_query_cont(&status, on, ready); });
    }
    if (status != 0) co_return std::unexpected(failed(stage::sent));
    sql::outcome done;
    for (bool first = true;; first = false) {
        if (MYSQL_RES* const rows = ::mysql_use_result(on)) {
            // Read to its end before it is freed, whatever happens: freeing it waits for nothing.
            const std::unique_ptr<MYSQL_RES, decltype(&::mysql_free_result)> freed(rows, &::mysql_free_result);
            if (first) {
                done.has_rows = true;
                const std::span<const MYSQL_FIELD> fields(::mysql_fetch_fields(rows), ::mysql_num_fields(rows));
                describe_columns(fields);
                static_cast<void>(sink.columns(columns_));
            }
            rest left;
            for (unsigned int number = 1;; ++number) {
                MYSQL_ROW row = nullptr;
                if (const int events = ::mysql_fetch_row_start(&row, rows)) {
                    co_await wire_.finish(
                        events, [&row, rows](int ready) { return ::mysql_fetch_row_cont(&row, rows, ready); });
                }
                if (row == nullptr) break;
                if (first) {
                    const auto cells = reader_.text(row, ::mysql_fetch_lengths(rows));
                    if (done.stopped) {
                        co_await row_dropped(left);
                    } else {
                        done.stopped = sink.row(cells, reader_.wire_bytes()) == sql::flow::stop;
                    }
                }
                if (number % rows_in_a_row == 0) co_await wire_.breathe();
            }
        } else if (first && ::mysql_errno(on) == 0) {
            done.affected = static_cast<std::int64_t>(::mysql_affected_rows(on));
            done.last_insert_id = ::mysql_insert_id(on);
        }
        if (::mysql_errno(on) != 0) {
            auto problem = failed(stage::sent);
            if (done.stopped) co_return done;
            co_return std::unexpected(std::move(problem));
        }
        status_ = on->server_status;
        if (!::mysql_more_results(on)) co_return done;
        if (const int events = ::mysql_next_result_start(&status, on)) {
            co_await wire_.finish(events,
                                  [&status, on](int ready) { return ::mysql_next_result_cont(&status, on, ready); });
        }
        if (status > 0) co_return std::unexpected(failed(stage::sent));
    }
}

std::optional<sql::failure> session::check_count(const statement& of, std::size_t parameters) const {
    if (!of.can_be_prepared) {
        return sql::failure{.kind = failure_kind::database,
                            .message = "This command is not supported in the prepared statement protocol yet",
                            .sqlstate = "HY000",
                            .code = ER_UNSUPPORTED_PS};
    }
    if (of.parameters == parameters) return std::nullopt;
    return sql::failure{.kind = failure_kind::database,
                        .message = fmt::format("The statement has {} parameter{}, but {} were supplied", of.parameters,
                                               of.parameters == 1 ? "" : "s", parameters),
                        .sqlstate = "HY000",
                        .code = ER_WRONG_ARGUMENTS};
}

core::awaitable<sql::result<sql::outcome>> session::run(statement& what, std::span<const sql::parameter> parameters,
                                                        sql::row_sink& sink) {
    if (wire_.where() != wire::phase::in_time) co_return std::unexpected(timed_out());
    if (!what.can_be_prepared && parameters.empty()) co_return co_await run_text(what.text, sink);
    if (auto problem = check_count(what, parameters.size())) co_return std::unexpected(std::move(*problem));
    // MariaDB says only while it runs that such a statement returns rows, and of which types; so what may have to be
    // undone (sql::reception::guarded) is always run in a transaction.
    const bool wrapped = what.returns_from_write && !in_transaction();
    if (wrapped) {
        auto begun = co_await run_command("START TRANSACTION");
        if (!begun) co_return std::unexpected(std::move(begun.error()));
    }
    auto done = co_await run_prepared(what, parameters, sink);
    if (done) done = within_time(*done);
    if (wrapped && !broken_) {
        if (killed_) co_await settle();
        const bool keep = done && !done->stopped;
        auto ended = co_await run_command(keep ? "COMMIT" : "ROLLBACK");
        if (!ended && keep) co_return std::unexpected(std::move(ended.error()));
    }
    co_return done;
}

core::awaitable<sql::result<void>> session::run_command(std::string_view text) {
    if (native_) {
        append_query(line_.outgoing(), text);
        one_reply told;
        line::turn turn(line_, told);
        line_.join(turn);
        co_await line_.wait(turn);
        auto ended = conclude(turn, told, stage::sent);
        if (ended) wire_.native()->server_status = status_ = told.status();
        co_return ended;
    }
    const unsigned int problem = co_await wire_.command(text);
    if (problem != 0) co_return std::unexpected(failed(stage::sent));
    status_ = wire_.native()->server_status;
    co_return sql::result<void>();
}

// ---- sql::connection ------------------------------------------------------------------------------------------------

std::optional<sql::failure> session::not_ready(core::deadline until) {
    if (usable() && has_news()) {
        core::log(core::log_level::info, "mysql: session {} was closed by the server", id_);
        broken_ = true;
    }
    if (!usable()) return unreachable();
    if (until.passed()) return timed_out();
    return std::nullopt;
}

core::awaitable<sql::result<sql::outcome>> session::execute(std::string_view text,
                                                            std::span<const sql::parameter> parameters,
                                                            sql::row_sink& sink,
                                                            sql::description /*always full: it is free*/,
                                                            core::deadline until) {
    if (auto problem = not_ready(until)) co_return std::unexpected(std::move(*problem));
    if (stays_off_) {
        if (auto done = co_await autocommit_again(until); !done) co_return std::unexpected(std::move(done.error()));
    }
    call bounds(*this, until);
    sql::result<sql::outcome> done;
    const auto which = known(text);
    if (native_ && which != nullptr && !which->returns_from_write && !check_count(*which, parameters.size())) {
        // One message, one answer, and no coroutine but this and the line's.
        append_execute(line_.outgoing(), which->id, parameters);
        execution told(which->shape, sink, false);
        line::turn turn(line_, told);
        line_.join(turn);
        co_await line_.wait(turn);
        done = concluded(turn, told);
    } else if (auto found = co_await find(text)) {
        done = co_await run(**found, parameters, sink);
    } else {
        done = std::unexpected(std::move(found.error()));
    }
    if (may_be_hit()) co_await settle();
    bounds.over();
    co_return done;
}

/// How an answer beside others has ended, when not well. A write is over time only where the server says that it was
/// ended, which undoes it.
/// @param begun  The statement itself had been sent.
std::optional<sql::failure> session::problem_beside(const line::turn& turn, answer& told, bool begun, bool writes) {
    turn.check();
    if (turn.cut_off()) {
        broken_ = true;
        const bool unknown = begun && turn.begun();
        if (turn.late() && !(writes && unknown)) return timed_out();
        return unknown ? lost() : unreachable();
    }
    auto& error = told.error();
    if (turn.late() && (!writes || (error && is_interruption(error->code)))) return timed_out();
    if (!error) return std::nullopt;
    if (ends_session(error->code)) broken_ = true;
    return sql::failure{.kind = failure_kind::database,
                        .message = std::move(error->message),
                        .sqlstate = std::move(error->sqlstate),
                        .code = static_cast<int>(error->code)};
}

/// Beside others.
/// @return Null: it has to run alone.
core::awaitable<sql::result<session::shared_statement>> session::find_beside(std::string_view text,
                                                                             core::deadline until,
                                                                             sql::beside_call& name) {
    auto which = known(text);
    while (which == nullptr) {
        append_prepare(line_.outgoing(), text);
        preparation told;
        line::turn turn(line_, told, until);
        name.names(&turn);
        line_.join(turn);
        co_await line_.wait(turn);
        name.names(nullptr);
        if (is_hit(turn, told)) continue;
        // Alone it gives back what it has.
        if (told.error() && told.error()->code == ER_MAX_PREPARED_STMT_COUNT_REACHED) co_return nullptr;
        const bool cannot = told.error() && told.error()->code == ER_UNSUPPORTED_PS && !turn.late();
        if (!cannot) {
            if (auto problem = problem_beside(turn, told, false, false)) co_return std::unexpected(std::move(*problem));
        }
        auto made = prepared(text, told);
        which = known(text);
        if (which != nullptr) {  // another one was as quick
            co_await close(std::move(made));
        } else {
            co_await make_room();  // waits for nothing: we speak ourselves
            keep(made);
            which = std::move(made);
        }
    }
    if (!which->can_be_prepared || which->returns_from_write) co_return nullptr;
    co_return which;
}

/// Is nothing left of a write that the server has ended? So it is with a table of InnoDB that fires no triggers, which
/// may write others. Asked beside others, once for each prepared statement.
core::awaitable<sql::result<bool>> session::is_undone(shared_statement of, core::deadline until,
                                                      sql::beside_call& name) {
    if (!of->write) co_return false;
    // The names are of letters, digits, `_` and `$`.
    const auto schema = of->write->schema.empty() ? "DATABASE()" : fmt::format("'{}'", of->write->schema);
    const auto asking = fmt::format(
        "SELECT ENGINE = 'InnoDB' AND NOT EXISTS (SELECT 1 FROM information_schema.TRIGGERS WHERE "
        "EVENT_OBJECT_SCHEMA = {0} AND EVENT_OBJECT_TABLE = '{1}') FROM information_schema.TABLES "
        "WHERE TABLE_SCHEMA = {0} AND TABLE_NAME = '{1}' AND TABLE_TYPE = 'BASE TABLE'",
        schema, of->write->table);
    name.writes = false;
    truth_sink said;
    auto done = co_await execute_beside(asking, {}, said, sql::description::types, until, name);
    if (!done) co_return std::unexpected(std::move(done.error()));
    if (!*done) co_return false;  // nobody knows yet
    of->undone = said.is;
    co_return *of->undone;
}

core::awaitable<sql::result<std::optional<sql::outcome>>> session::execute_beside(
    std::string_view text, std::span<const sql::parameter> parameters, sql::row_sink& sink, sql::description wanted,
    core::deadline until, sql::beside_call& name) {
    if (!usable() || (line_.empty() && has_news())) {
        broken_ = true;
        co_return std::unexpected(unreachable());
    }
    if (until.passed()) co_return std::unexpected(timed_out());
    // A description in full may change under the sink of a call beside.
    if (in_transaction() || killed_ || wanted == sql::description::full) co_return std::nullopt;
    struct naming {
        sql::beside_call& of;
        ~naming() { of.names(nullptr); }
    } const named{name};
    const bool writes = name.writes;
    if (stays_off_) {
        if (auto done = co_await autocommit_beside(until, name); !done)
            co_return std::unexpected(std::move(done.error()));
    }
    auto which = known(text);
    if (which == nullptr || !which->can_be_prepared || which->returns_from_write) {
        auto found = co_await find_beside(text, until, name);
        if (!found) co_return std::unexpected(std::move(found.error()));
        if (*found == nullptr) co_return std::nullopt;
        which = *std::move(found);
    }
    if (auto problem = check_count(*which, parameters.size())) co_return std::unexpected(std::move(*problem));
    if (writes && !which->undone.value_or(false)) {
        const auto undone = co_await is_undone(which, until, name);
        if (!undone) co_return std::unexpected(undone.error());
        if (!*undone || known(text) != which) co_return std::nullopt;
    }
    for (;;) {
        append_execute(line_.outgoing(), which->id, parameters);
        execution told(which->shape, sink, false);
        line::turn turn(line_, told, until);
        name.names(&turn);
        line_.join(turn);
        co_await line_.wait(turn);
        name.names(nullptr);
        if (is_hit(turn, told) && !told.told && usable()) {
            if (known(text) == which) continue;
            co_return std::nullopt;  // meanwhile it was closed, to make room
        }
        auto problem = problem_beside(turn, told, true, writes);
        if (!problem) wire_.native()->server_status = status_ = told.status();
        if (problem && !(told.done.stopped && problem->kind == failure_kind::database))
            co_return std::unexpected(std::move(*problem));
        co_return told.done;
    }
}

core::awaitable<sql::result<std::vector<sql::outcome>>> session::execute_batch(
    std::string_view text, std::span<const std::vector<sql::parameter>> sets, core::deadline until) {
    std::vector<sql::outcome> all;
    if (sets.empty()) co_return all;
    if (auto problem = not_ready(until)) co_return std::unexpected(std::move(*problem));
    if (stays_off_) {
        if (auto done = co_await autocommit_again(until); !done) co_return std::unexpected(std::move(done.error()));
    }
    call bounds(*this, until);
    all.reserve(sets.size());
    auto found = co_await find(text);
    std::optional<sql::failure> problem;
    if (!found) problem = std::move(found.error());
    if (!problem) {
        auto sent = co_await send_batch(**found, sets);
        problem = std::move(sent.problem);
        all = std::move(sent.outcomes);
    }
    dropping_sink nowhere;
    for (std::size_t i = all.size(); i < sets.size() && !problem; ++i) {
        auto done = co_await run(**found, sets[i], nowhere);
        if (done) {
            all.push_back(*done);
        } else {
            problem = std::move(done.error());
        }
    }
    if (may_be_hit()) co_await settle();
    bounds.over();
    if (problem) co_return std::unexpected(std::move(*problem));
    co_return all;
}

core::awaitable<sql::result<void>> session::control(std::string_view text, core::deadline until) {
    if (auto problem = not_ready(until)) co_return std::unexpected(std::move(*problem));
    call bounds(*this, until);
    auto done = co_await run_command(text);
    if (may_be_hit()) co_await settle();
    bounds.over();
    co_return done;
}

void session::forget_warnings() {
    line_.forget_warnings();
    unheard_ = false;
}

/// Prepared, since parsing it costs more than running it; and so is what ends the transaction.
core::awaitable<sql::result<void>> session::turn_autocommit_off(core::deadline until) {
    if (!native_) co_return co_await control(autocommit_off, until);
    dropping_sink nowhere;
    sql::result<sql::outcome> done;
    if (known(forget) == nullptr) done = co_await execute(forget, {}, nowhere, sql::description::types, until);
    if (done) done = co_await execute(autocommit_off, {}, nowhere, sql::description::types, until);
    if (!done) co_return std::unexpected(std::move(done.error()));
    forget_warnings();
    co_return sql::result<void>();
}

core::awaitable<sql::result<void>> session::begin(core::deadline until) {
    if (stays_off_ && !autocommits() && !may_have_warned()) {
        if (auto problem = not_ready(until)) co_return std::unexpected(std::move(*problem));
        stays_off_ = false;
    } else {
        stays_off_ = false;
        if (auto done = co_await turn_autocommit_off(until); !done) co_return done;
    }
    begun_ = true;
    co_return sql::result<void>();
}

/// Ends a transaction. Autocommit stays off, since who has had a transaction is likely to be followed by one who wants
/// one; what the caller leaves is forgotten in the same round trip, and warnings when there are any.
core::awaitable<sql::result<void>> session::leave_transaction(std::string_view by, core::deadline until) {
    if (auto problem = not_ready(until)) co_return std::unexpected(std::move(*problem));
    call bounds(*this, until);
    append_query(line_.outgoing(), by);
    const bool warned = may_have_warned();
    const auto last = known(warned ? autocommit_off : forget);
    const bool is_prepared = last != nullptr && last->can_be_prepared;
    if (is_prepared) {
        append_execute(line_.outgoing(), last->id, {});
    } else {
        append_query(line_.outgoing(), autocommit_off);
    }
    const bool forgets_warnings = warned || !is_prepared;
    ending told(forgets_warnings ? 0 : 1);
    line::turn turn(line_, told);
    line_.join(turn);
    co_await line_.wait(turn);
    turn.check();
    begun_ = false;
    broken_ |= turn.cut_off();
    sql::result<void> ended;  // by the first one, be the second one lost
    if (!told.ended) {
        ended = std::unexpected(judged(CR_SERVER_LOST, "Lost connection to server during query", "HY000",
                                       turn.begun() ? stage::sent : stage::nothing_sent));
    } else if (auto& error = told.error()) {
        ended =
            std::unexpected(judged(error->code, std::move(error->message), std::move(error->sqlstate), stage::sent));
    }
    if (told.is_whole()) wire_.native()->server_status = status_ = told.status();
    if (told.went_well() && forgets_warnings) forget_warnings();
    stays_off_ = ended && told.went_well() && !autocommits() && (status_ & SERVER_STATUS_IN_TRANS) == 0;
    if (may_be_hit()) co_await settle();
    bounds.over();
    co_return ended;
}

/// For a statement outside a transaction.
core::awaitable<sql::result<void>> session::autocommit_again(core::deadline until) {
    auto done = co_await control(autocommit_on, until);
    if (done) stays_off_ = false;
    co_return done;
}

/// The same for one beside others.
core::awaitable<sql::result<void>> session::autocommit_beside(core::deadline until, sql::beside_call& name) {
    while (stays_off_) {
        append_query(line_.outgoing(), autocommit_on);
        one_reply told;
        line::turn turn(line_, told, until);
        name.names(&turn);
        line_.join(turn);
        co_await line_.wait(turn);
        name.names(nullptr);
        if (!turn.cut_off() && !told.error()) {  // also where its caller has gone meanwhile
            wire_.native()->server_status = status_ = told.status();
            stays_off_ = false;
        }
        if (is_hit(turn, told)) continue;
        if (auto problem = problem_beside(turn, told, false, false)) co_return std::unexpected(std::move(*problem));
    }
    co_return sql::result<void>();
}

core::awaitable<sql::result<bool>> session::read_only(core::deadline until) {
    if (auto problem = not_ready(until)) co_return std::unexpected(std::move(*problem));
    call bounds(*this, until);
    const auto row = co_await wire_.command_and_ask("DO 0", "SELECT @@global.read_only");
    bounds.over();
    if (!row || row->size() != 1) co_return std::unexpected(failed(stage::nothing_sent));
    co_return row->front() != "0";
}

// The session's default is for what begins by itself: after an implicit commit, or with autocommit off.
core::awaitable<sql::result<void>> session::begin_reading(core::deadline until) {
    sql::result<void> done;
    if (stays_off_) done = co_await autocommit_again(until);
    if (done) done = co_await control("SET SESSION TRANSACTION READ ONLY", until);
    if (!done) co_return done;
    if ((status_ & SERVER_STATUS_IN_TRANS) == 0) done = co_await control("START TRANSACTION READ ONLY", until);
    if (done && !only_reads())
        done =
            sql::fail(failure_kind::database, "Cannot execute statement in a transaction that was begun for writing.");
    co_return done;
}

// To switch autocommit on commits (MariaDB manual, "SET autocommit"), in one round trip and whole or not at all. The
// comment is for who reads the server's log.
core::awaitable<sql::result<sql::commit_status>> session::commit(core::deadline until) {
    sql::result<void> done;
    if (begun_ && may_stay_off()) {
        done = co_await leave_transaction("COMMIT", until);
    } else {
        begun_ = false;
        done = co_await control(autocommits() ? "COMMIT" : "SET autocommit=1 /* COMMIT */", until);
    }
    if (!done) co_return std::unexpected(std::move(done.error()));
    co_return sql::commit_status::committed;
}

core::awaitable<sql::result<void>> session::rollback(core::deadline until) {
    if (begun_ && may_stay_off()) co_return co_await leave_transaction("ROLLBACK", until);
    begun_ = false;
    auto done = co_await control("ROLLBACK", until);
    // What the next caller writes would never be committed. Should this fail, in_transaction() still tells of it.
    if (done && !autocommits()) (void)co_await control(autocommit_on, until);
    co_return done;
}

core::awaitable<sql::result<void>> session::reset(core::deadline until) {
    if (auto problem = not_ready(until)) co_return std::unexpected(std::move(*problem));
    call bounds(*this, until);
    MYSQL* const on = wire_.native();
    int status = 0;
    if (const int events = ::mysql_reset_connection_start(&status, on)) {
        co_await wire_.finish(events,
                              [&status, on](int ready) { return ::mysql_reset_connection_cont(&status, on, ready); });
    }
    std::optional<std::vector<std::string>> row;
    if (status == 0) {
        // The server has forgotten them and the library knows, so that this is no round trip.
        by_text_.clear();
        last_.forget();
        cached_.clear();
        line_.forget_unsent();
        begun_ = stays_off_ = false;
        row = co_await wire_.command_and_ask(settings, who_are_you(on));
    }
    if (!row || row->size() != 3) {
        auto problem = failed(stage::nothing_sent);
        broken_ = true;
        co_return std::unexpected(std::move(problem));
    }
    // MariaDB 10.11 leaves a role that was set, and neither it nor MySQL brings back the database that a USE has left.
    if (profiled_ || row->at(2) != role_ || (row->at(1) != database_ && database_.empty())) {
        broken_ = true;
        co_return sql::fail(failure_kind::unreachable,
                            "The session cannot be made to forget its role, database or profiles.");
    }
    if (row->at(1) != database_) {
        if (const int events = ::mysql_select_db_start(&status, on, database_.c_str())) {
            co_await wire_.finish(events,
                                  [&status, on](int ready) { return ::mysql_select_db_cont(&status, on, ready); });
        }
        if (status != 0) {
            auto problem = failed(stage::nothing_sent);
            broken_ = true;
            co_return std::unexpected(std::move(problem));
        }
    }
    if (may_be_hit()) co_await settle();
    bounds.over();
    status_ = on->server_status;
    co_return sql::result<void>();
}

}  // namespace borealis::mysql
