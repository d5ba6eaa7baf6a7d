#include "data_api/workload.hpp"

#include <chrono>
#include <utility>

#include "data_api/database_text.hpp"

namespace borealis::data_api {
namespace {

using answered = core::result<std::string>;

/// For rolling back after a failure, whose own deadline may have passed.
constexpr std::chrono::seconds cleanup_wait{5};

class dropping_sink final : public sql::row_sink {
 public:
    sql::reception columns(std::span<const sql::column> /*all*/) override { return sql::reception::plain; }
    sql::flow row(std::span<const sql::cell> /*cells*/, std::size_t /*wire_bytes*/) override { return sql::flow::more; }
};

core::awaitable<sql::result<std::vector<sql::outcome>>> run_steps(const workload& what, sql::connection& on,
                                                                  core::deadline until, encoding_time& encoding) {
    std::vector<sql::outcome> all;
    dropping_sink nowhere;
    for (const auto& step : what.steps) {
        timed_sink into(step.into == nullptr ? nowhere : *step.into, encoding);
        auto done = co_await on.execute(step.text, step.parameters, into, what.described, until);
        if (!done) {
            auto why = std::move(done.error());
            // What came before was done: nothing is to be repeated.
            if (!all.empty() && why.kind == sql::failure_kind::unreachable) why.kind = sql::failure_kind::lost;
            co_return std::unexpected(std::move(why));
        }
        all.push_back(*done);
    }
    co_return all;
}

}  // namespace

core::awaitable<sql::result<answered>> perform(const workload& what, held_session session, core::deadline until,
                                               attended& watch, const core::listener* by, encoding_time& encoding) {
    const bool bracketed = (what.whole || what.reading) && !session.in_transaction();
    bool touched = what.touches_session;
    sql::result<void> begun;
    if (what.asks_for_leftovers) begun = co_await session.forget_others(until);
    if (!begun) {
        touched = true;
    } else if (what.reading) {
        begun = co_await session->begin_reading(until);
    } else if (bracketed) {
        begun = co_await session->begin(until);
    }
    sql::result<std::vector<sql::outcome>> done;
    if (!begun) {
        done = std::unexpected(std::move(begun.error()));
    } else if (!what.steps.empty()) {
        const attended::guard watched(watch, *session, by);
        done = co_await run_steps(what, *session, until, encoding);
    } else {
        const attended::guard watched(watch, *session, by);
        done = co_await session->execute_batch(what.text, what.sets, until);
    }
    sql::result<answered> made;
    if (done) {
        made = what.body(*done);
    } else {
        made = std::unexpected(std::move(done.error()));
    }
    if (!made) doubt(made.error(), *session);
    if (bracketed && session->usable()) {
        if (made && *made && !what.reading) {
            auto committed = co_await session->commit(until);
            if (!committed) {
                made = std::unexpected(std::move(committed.error()));
                if (made.error().kind == sql::failure_kind::timeout && !session->usable())
                    made.error().kind = sql::failure_kind::lost;
            } else if (*committed == sql::commit_status::rolled_back) {
                made =
                    answered(core::fail(core::error_kind::database_error, "The database rolled the statements back"));
            }
        } else {
            const auto undone = co_await session->rollback(core::deadline::after(cleanup_wait));
            touched |= !undone;
        }
    }
    session.settle(touched, what.reading && !session->only_reads());
    co_return made;
}

}  // namespace borealis::data_api
