/// Batches that are sent without waiting for each set's answer.
///
/// In a transaction, a plain write of an InnoDB table: behind a savepoint, all sets are sent, as MariaDB's bulk
/// execution where the table numbers no rows by itself, else each as an execution of its own, answered with its own
/// insert id. Whatever goes wrong, everything since the savepoint is taken back, and the sets are run one after the
/// other: so which set fails, how, and what is left of those before it is as it would have been.

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
    // The names are of letters, digits, `_` and `$`.
    const auto row = co_await wire_.command_and_ask(
        "DO 0",
        fmt::format("SELECT ENGINE = 'InnoDB', AUTO_INCREMENT IS NULL, @@max_allowed_packet FROM "
                    "information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME = '{}' AND "
                    "TABLE_TYPE = 'BASE TABLE'",
                    of.write->schema.empty() ? "DATABASE()" : fmt::format("'{}'", of.write->schema), of.write->table));
    if (row && row->size() == 3) {
        of.facts->transactional = row->at(0) == "1";
        of.facts->numbers_rows = row->at(1) != "1";
        of.facts->packet_bytes = static_cast<std::size_t>(std::strtoull(row->at(2).c_str(), nullptr, 10));
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

    done.outcomes.clear();
    if (may_be_hit()) co_await settle();
    if (broken_) {
        done.problem = timed_out();
        co_return done;
    }
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
