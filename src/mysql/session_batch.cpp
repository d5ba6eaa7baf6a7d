/// Batches that are sent without waiting for each set's answer.
///
/// In a transaction, a plain write of an InnoDB table: behind a savepoint, all sets are sent. As MariaDB's bulk
/// execution where the table numbers no rows by itself. Where it does, as statements of many rows that return their
/// numbers (MariaDB); else each as an execution of its own, answered with its own insert id. Whatever goes wrong,
/// everything since the savepoint is taken back, and the sets are run one after the other: so which set fails, how, and
/// what is left of those before it is as it would have been.

#include <algorithm>
#include <deque>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "mysql/packets.hpp"
#include "mysql/session.hpp"

namespace borealis::mysql {
namespace {

constexpr std::string_view savepoint = "SAVEPOINT borealis_batch";
constexpr std::string_view back_to_savepoint = "ROLLBACK TO SAVEPOINT borealis_batch";

/// Sent before all of their answers are waited for.
constexpr std::size_t executions_at_once = 1024;
constexpr std::size_t bytes_at_once = std::size_t{256} << 10U;
/// Of one bulk execution, which has one answer.
constexpr std::size_t bulk_bytes = std::size_t{256} << 10U;

/// Sets in one statement that returns what it has numbered. Of more rows such a text takes long to prepare, and fewer
/// would hardly help. (Measured: docs/performance.md.)
constexpr std::size_t rows_at_once[] = {250, 25};
constexpr std::size_t most_placeholders = 65'535;
constexpr unsigned long returning_since = 100500;  // MariaDB's INSERT … RETURNING

/// Numbers of rows, as they are returned.
class number_sink final : public sql::row_sink {
 public:
    sql::reception columns(std::span<const sql::column> all) override {
        is_number_ = all.size() == 1 && all.front().is_auto_increment;
        return sql::reception::plain;
    }
    sql::flow row(std::span<const sql::cell> cells, std::size_t) override {
        using form = sql::cell::form;
        const auto& cell = cells.front();
        is_number_ =
            is_number_ && (cell.is == form::unsigned_integer || (cell.is == form::integer && cell.integer > 0));
        numbers.push_back(cell.unsigned_integer);
        return sql::flow::more;
    }
    /// All that came are those of the column that numbers rows, one a set.
    [[nodiscard]] bool is_of(std::size_t sets) const { return is_number_ && numbers.size() == sets; }

    std::vector<std::uint64_t> numbers;

 private:
    bool is_number_ = false;
};

bool has_returning(MYSQL* on) {
    return (on->server_capabilities & CLIENT_MYSQL) == 0 && ::mysql_get_server_version(on) >= returning_since;
}

bool has_bulk(MYSQL* on) {
    unsigned long capabilities = 0;  // the upper half of them
    if (::mariadb_get_infov(on, MARIADB_CONNECTION_EXTENDED_SERVER_CAPABILITIES, &capabilities) != 0) return false;
    return (on->server_capabilities & CLIENT_MYSQL) == 0 &&
           (capabilities & (MARIADB_CLIENT_STMT_BULK_OPERATIONS >> 32U)) != 0;
}

}  // namespace

/// Asked once for each prepared statement.
core::awaitable<const table_facts*> session::facts_of(statement& of) {
    if (of.facts) co_return &*of.facts;
    of.facts.emplace();
    unheard_ = true;
    // The names are of letters, digits, `_` and `$`.
    const auto row = co_await wire_.command_and_ask(
        "DO 0",
        fmt::format("SELECT ENGINE = 'InnoDB', AUTO_INCREMENT IS NULL, @@max_allowed_packet, "
                    "IF(EXISTS (SELECT 1 FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = {0} AND "
                    "EVENT_OBJECT_TABLE = '{1}'), '', (SELECT MAX(COLUMN_NAME) FROM information_schema.COLUMNS WHERE "
                    "TABLE_SCHEMA = {0} AND TABLE_NAME = '{1}' AND EXTRA LIKE '%auto_increment%')) "
                    "FROM information_schema.TABLES WHERE TABLE_SCHEMA = {0} AND TABLE_NAME = '{1}' AND TABLE_TYPE = "
                    "'BASE TABLE'",
                    of.write->schema.empty() ? "DATABASE()" : fmt::format("'{}'", of.write->schema), of.write->table));
    if (row && row->size() == 4) {
        of.facts->transactional = row->at(0) == "1";
        of.facts->numbers_rows = row->at(1) != "1";
        of.facts->packet_bytes = static_cast<std::size_t>(std::strtoull(row->at(2).c_str(), nullptr, 10));
        if (!row->at(3).contains('`')) of.facts->number = row->at(3);
    }
    co_return &*of.facts;
}

core::awaitable<session::sent_batch> session::send_batch(statement& of, parameter_sets sets) {
    sent_batch done;
    // Without a transaction nothing could be taken back.
    if (!native_ || !shared_->settings.batches_at_once || sets.size() < 2 || !of.can_be_prepared || !of.write ||
        !in_transaction()) {
        co_return done;
    }
    for (const auto& set : sets)
        if (set.size() != of.parameters) co_return done;
    const table_facts* const facts = co_await facts_of(of);
    if (!facts->transactional || wire_.where() != wire::phase::in_time) co_return done;

    const bool numbered = facts->numbers_rows && !facts->number.empty() && !of.write->row.empty() &&
                          sets.size() > rows_at_once[1] && has_returning(wire_.native());
    co_return numbered ? co_await send_numbered(of, sets) : co_await send_sets(of, sets);
}

core::awaitable<session::sent_batch> session::send_sets(statement& of, parameter_sets sets) {
    sent_batch done;
    const table_facts* const facts = &*of.facts;
    MYSQL* const on = wire_.native();
    std::optional<std::vector<std::uint8_t>> types;
    if (of.write->inserts_values && !facts->numbers_rows && has_bulk(on)) types = types_of(sets);
    const std::size_t most = std::min(bulk_bytes, facts->packet_bytes / 2);

    std::string& bytes = line_.outgoing();
    append_query(bytes, savepoint);
    std::size_t count = 1;
    done.outcomes.reserve(sets.size());
    std::size_t next = 0;
    bool numbered = false;
    while (next < sets.size() && wire_.where() == wire::phase::in_time) {
        const std::size_t first = next;
        std::size_t in_bulk = 0;
        if (types) {
            in_bulk = append_bulk(bytes, of.id, sets.subspan(next), *types, most);
            next += in_bulk;
            ++count;
        } else {
            for (; next < sets.size() && next - first < executions_at_once && bytes.size() < bytes_at_once; ++next) {
                append_execute(bytes, of.id, sets[next]);
                ++count;
            }
        }
        replies told(count);
        line::turn turn(line_, told);
        line_.join(turn);
        co_await line_.wait(turn);
        if (turn.cut_off()) {
            auto ended = conclude(turn, told, stage::sent);
            done.problem = std::move(ended.error());
            co_return done;
        }
        const bool has_savepoint = first == 0;
        for (std::size_t i = 0; i < told.got.size(); ++i) {
            reply& one = told.got[i];
            if (!one.well && !done.problem) {
                done.problem = sql::failure{.kind = sql::failure_kind::database,
                                            .message = std::move(one.message),
                                            .sqlstate = std::move(one.sqlstate),
                                            .code = static_cast<int>(one.code)};
            }
            if (one.well) on->server_status = one.status;
            if (i == 0 && has_savepoint) continue;
            if (in_bulk == 0) {
                done.outcomes.push_back(
                    {.affected = static_cast<std::int64_t>(one.affected), .last_insert_id = one.last_insert_id});
                continue;
            }
            // A row was numbered after all: by what the table has become, or a table that hides it.
            if (one.last_insert_id != 0) of.facts.reset();
            numbered = numbered || one.last_insert_id != 0;
            done.outcomes.resize(done.outcomes.size() + in_bulk,
                                 {.affected = static_cast<std::int64_t>(one.affected / in_bulk)});
        }
        if (done.problem || numbered) break;
        count = 0;
    }
    status_ = on->server_status;
    if (!done.problem && !numbered && next == sets.size() && wire_.where() == wire::phase::in_time) co_return done;
    co_return co_await take_back(std::move(done));
}

/// The statement with so many rows in place of one. Null: it cannot be prepared.
core::awaitable<session::shared_statement> session::several_rows(const statement& of, std::size_t rows) {
    std::string text = of.text;
    text.reserve(text.size() + rows * (of.write->row.size() + 1) + of.facts->number.size() + 16);
    for (std::size_t i = 1; i < rows; ++i) text.append(",").append(of.write->row);
    text.append(" RETURNING `").append(of.facts->number).append("`");
    auto made = known(text);
    if (made == nullptr) {
        co_await make_room();
        auto fresh = co_await prepare(text);  // and where it cannot be, what else is prepared stays
        if (!fresh) co_return nullptr;
        made = *std::move(fresh);
        keep(made);
    }
    co_return made->can_be_prepared && made->parameters == rows* of.parameters ? made : nullptr;
}

/// The last set goes by itself, so that LAST_INSERT_ID() is what it would be.
core::awaitable<session::sent_batch> session::send_numbered(statement& of, parameter_sets sets) {
    struct piece {
        piece(line& in, row_shape& shape, std::size_t count) : sets(count), told(shape, sink, true), turn(in, told) {}
        std::size_t sets;
        number_sink sink;
        execution told;
        line::turn turn;
    };
    sent_batch done;
    MYSQL* const on = wire_.native();
    std::vector<std::pair<std::size_t, shared_statement>> several;
    for (const auto rows : rows_at_once) {
        if (sets.size() <= rows || rows * of.parameters > most_placeholders) continue;
        if (auto made = co_await several_rows(of, rows)) several.emplace_back(rows, std::move(made));
    }
    if (wire_.where() != wire::phase::in_time) co_return done;
    if (several.empty()) {
        of.facts->number.clear();
        co_return co_await send_sets(of, sets);
    }
    std::string& bytes = line_.outgoing();
    std::vector<sql::parameter> values;
    bool unfit = false;
    std::size_t next = 0;
    done.outcomes.reserve(sets.size());
    while (next < sets.size() && !done.problem && !unfit && wire_.where() == wire::phase::in_time) {
        std::deque<piece> pieces;
        if (next == 0) {
            append_query(bytes, savepoint);
            line_.join(pieces.emplace_back(line_, of.shape, 0).turn);
        }
        for (std::size_t sent = 0; next < sets.size() && sent < bytes_at_once;) {
            const auto from = bytes.size();
            const auto left = sets.size() - next - 1;
            const auto fit = std::ranges::find_if(several, [&](const auto& each) { return each.first <= left; });
            std::size_t count = 1;
            if (fit != several.end()) {
                count = fit->first;
                values.clear();
                for (const auto& set : sets.subspan(next, count)) values.insert(values.end(), set.begin(), set.end());
                append_execute(bytes, fit->second->id, values);
                if (bytes.size() - from > of.facts->packet_bytes / 2) {  // large ones one by one
                    bytes.resize(from);
                    fit->first = std::numeric_limits<std::size_t>::max();
                    continue;
                }
            } else {
                append_execute(bytes, of.id, sets[next]);
            }
            sent += bytes.size() - from;
            next += count;
            line_.join(pieces.emplace_back(line_, count > 1 ? fit->second->shape : of.shape, count).turn);
        }
        co_await line_.wait(pieces.back().turn);
        for (auto& each : pieces) {
            if (each.turn.cut_off()) {
                done.problem = std::move(conclude(each.turn, each.told, stage::sent).error());
                co_return done;
            }
            each.turn.check();
            if (auto& error = each.told.error()) {
                if (done.problem) continue;
                done.problem = sql::failure{.kind = sql::failure_kind::database,
                                            .message = std::move(error->message),
                                            .sqlstate = std::move(error->sqlstate),
                                            .code = static_cast<int>(error->code)};
                continue;
            }
            on->server_status = each.told.status();
            if (each.sets == 1) done.outcomes.push_back(each.told.done);
            if (each.sets <= 1) continue;
            // Of many rows MariaDB takes some that it would refuse alone, with a warning.
            unfit = unfit || each.told.warnings() != 0 || !each.sink.is_of(each.sets);
            for (const auto number : each.sink.numbers)
                done.outcomes.push_back({.affected = 1, .last_insert_id = number});
        }
    }
    status_ = on->server_status;
    if (!done.problem && !unfit && next == sets.size() && wire_.where() == wire::phase::in_time) co_return done;
    if (unfit) of.facts->number.clear();
    co_return co_await take_back(std::move(done));
}

core::awaitable<session::sent_batch> session::take_back(sent_batch done) {
    MYSQL* const on = wire_.native();
    done.outcomes.clear();
    if (may_be_hit()) co_await settle();
    if (broken_) {
        done.problem = timed_out();
        co_return done;
    }
    unheard_ = true;
    const unsigned int problem = co_await wire_.command(back_to_savepoint);
    // Where a table was written that takes nothing back, the server warns.
    const bool is_back = problem == 0 && ::mysql_warning_count(on) == 0;
    if (wire_.where() != wire::phase::in_time) {
        done.problem = timed_out();
        if (wire_.where() == wire::phase::cut) broken_ = true;
        co_return done;
    }
    if (is_back) {
        status_ = on->server_status;
        done = sent_batch();
        co_return done;
    }
    // A deadlock has ended the whole transaction, and with it the savepoint.
    if (!done.problem) done.problem = failed(stage::sent);
    co_return done;
}

}  // namespace borealis::mysql
