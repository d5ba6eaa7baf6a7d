#include "data_api/service.hpp"

#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fmt/format.h>

#include "core/log.hpp"
#include "data_api/bind.hpp"
#include "data_api/database_text.hpp"
#include "data_api/decode.hpp"
#include "data_api/held_session.hpp"
#include "data_api/result_writer.hpp"
#include "data_api/usage.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"
#include "sql/statement_cache.hpp"

namespace borealis::data_api {
namespace {

using core::error_kind;
using sql::failure_kind;
using answered = core::result<std::string>;

/// Longest wait for a cluster to be ready, and for a session where its pool sets no limit. Below the 60 s after which
/// botocore gives up reading.
constexpr std::chrono::seconds readiness_wait{45};
/// For rolling back after a failure, whose own deadline may have passed.
constexpr std::chrono::seconds cleanup_wait{5};
/// What PostgreSQL's protocol counts in 16 bits (R-3.12).
constexpr std::size_t most_placeholders = 65'535;
/// Used request memories that a thread keeps.
constexpr std::size_t kept_calls = 64;

/// One request, decoded; used again, so that an ordinary one allocates little.
struct call {
    json::document document;
    request wanted;
    std::vector<std::string_view> names;
    std::vector<sql::parameter> bound;
};

core::error transaction_error(pool::transaction_refusal why, std::string_view id) {
    std::string_view cause;  // R-2.21's sentences
    switch (why) {
        case pool::transaction_refusal::running:
            return {error_kind::database_error, "Transaction is still running a query"};  // R-2.20
        case pool::transaction_refusal::other_database:
            return {error_kind::database_error,
                    "Database name is not the same as when transaction was created"};  // R-9.14
        case pool::transaction_refusal::expired:
            cause = ". Transaction may be expired.";
            break;
        case pool::transaction_refusal::ended:
            cause = ". One previous call resulted in a termination of your transaction.";
            break;
        case pool::transaction_refusal::aborted:
            cause = ". Transaction has been aborted due to an error from a previous call.";
            break;
        case pool::transaction_refusal::unknown:
            break;
    }
    return {error_kind::transaction_not_found, fmt::format("Transaction {} is not found{}", id, cause)};  // R-2.22
}

bool is_refused_password(const sql::failure& what) {
    return what.kind == failure_kind::login && (what.sqlstate.starts_with("28") || what.code == 1045);
}

pool::destination destination_of(const target& at, secret_login as, std::string_view database) {
    pool::destination made{.target = at.resource_arn,
                           .driver = at.driver,
                           .endpoint = at.endpoint,
                           .login = std::move(as.login),
                           .database = std::string(database),
                           .limits = at.limits};
    if (made.database.empty()) made.database = std::move(as.database);  // R-10.4
    if (made.database.empty()) made.database = at.default_database;
    if (made.database.empty() && at.driver->speaks() == sql::dialect::postgresql) made.database = "postgres";
    return made;
}

core::result<void> check_statement(const sql::rewritten& statement, const request& wanted, sql::dialect of) {
    const auto refuse = [](std::string text) { return core::fail(error_kind::validation, std::move(text)); };
    if (statement.empty) return refuse("SQL is empty");                                    // R-2.33
    if (statement.several_statements) return refuse("Multistatements aren't supported.");  // R-2.14
    if (statement.names.size() > most_placeholders)
        return refuse(fmt::format("A statement may have at most {} parameters", most_placeholders));
    if (of == sql::dialect::mysql)
        for (const auto& each : wanted.parameters)
            if (each.hint == type_hint::json || each.hint == type_hint::uuid)  // R-2.19
                return refuse(fmt::format("The type hint {} isn't supported for Aurora MySQL.", name_of(each.hint)));
    return {};
}

result_writer::statement effect_of(const sql::rewritten& statement) {
    if (statement.kind != sql::statement_class::query) return result_writer::statement::writes;
    return statement.touches_session ? result_writer::statement::calls : result_writer::statement::reads;
}

answered body_of(result_writer& writer, const sql::outcome& of) {
    if (const auto& trouble = writer.trouble()) return std::unexpected(*trouble);
    return writer.finish(of);
}

}  // namespace

// ---- one thread's state

/// Its member functions are coroutines of the thread of `home`; whoever calls one keeps the object.
struct service::parts : std::enable_shared_from_this<parts> {
    parts(const core::executor& executor, std::uint8_t home_index, const settings& with, directory& known,
          pool::shared_budgets& budgets)
        : home(executor),
          most_transactions(with.transactions.maximum),
          names(known),
          pools(executor, budgets),
          transactions(executor, home_index, with.transactions) {}

    core::awaitable<answered> serve(operation what, std::string_view body, const caller& who);
    static core::awaitable<answered> serve_hopped(std::shared_ptr<parts> at, operation what, std::unique_ptr<call> one,
                                                  std::string who);
    core::awaitable<answered> run(operation what, std::unique_ptr<call>& one, std::string_view who);
    core::awaitable<answered> execute(std::unique_ptr<call>& one, std::string_view who);
    core::awaitable<answered> execute_batch(call& one, std::string_view who);
    core::awaitable<answered> begin(const request& wanted, std::string_view who);
    core::awaitable<answered> end(operation how, const request& wanted, std::string_view who);

    struct running;
    struct statement_plan;
    /// What became of a statement: the database's failure, or the answer.
    using attempted = sql::result<answered>;
    core::awaitable<attempted> attempt(const call& one, const statement_plan& plan, held_session session);
    core::awaitable<attempted> attempt_detached(std::unique_ptr<call>& one, const statement_plan& plan,
                                                held_session session);
    static core::awaitable<void> run_detached(std::shared_ptr<running> now);
    core::awaitable<attempted> attempt_batch(std::string_view text, std::span<const std::vector<sql::parameter>> sets,
                                             const profile& as, pool::lease leased, bool touches_session);

    core::awaitable<core::result<std::shared_ptr<const target>>> find_target(std::string_view resource_arn);
    core::result<pool::destination> find_destination(const target& at, const request& wanted);
    core::result<std::shared_ptr<const sql::rewritten>> prepare(call& one, const profile& as, sql::dialect dialect,
                                                                std::span<const named_parameter> sample);
    core::awaitable<core::result<pool::lease>> open(pool::destination& to, std::string_view secret);
    core::result<pool::held_transaction> hold(const request& wanted, std::string_view who);
    [[nodiscard]] std::shared_ptr<parts> foreign_home_of(std::string_view transaction_id);

    std::unique_ptr<call> take_call();
    void keep_call(std::unique_ptr<call> one);

    core::executor home;
    std::size_t most_transactions;
    directory& names;
    pool::pools pools;
    pool::transactions transactions;
    sql::statement_cache statements;
    usage uses;
    std::span<service* const> peers;
    std::vector<std::unique_ptr<call>> spare;
};

struct service::parts::statement_plan {
    std::shared_ptr<const sql::rewritten> statement;
    const profile* as;
    sql::description described;
};

/// A statement that may outlive its call (R-3.14) owns everything it needs.
struct service::parts::running {
    running(std::shared_ptr<parts> home, std::unique_ptr<call> one, statement_plan how, held_session on,
            core::deadline until)
        : at(std::move(home)),
          what(std::move(one)),
          plan(std::move(how)),
          session(std::move(on)),
          use(at->uses.begin(what->wanted.resource_arn)),
          writer(*plan.as, what->wanted, effect_of(*plan.statement)),
          over(at->home, until.at()) {}

    std::shared_ptr<parts> at;  // the last to go: `use` counts in it
    std::unique_ptr<call> what;
    statement_plan plan;
    held_session session;
    usage::guard use;
    result_writer writer;
    core::timer over;  // cancelled when the statement is over
    std::optional<sql::result<sql::outcome>> done;
};

std::unique_ptr<call> service::parts::take_call() {
    if (spare.empty()) return std::make_unique<call>();
    auto one = std::move(spare.back());
    spare.pop_back();
    return one;
}

void service::parts::keep_call(std::unique_ptr<call> one) {
    if (one != nullptr && spare.size() < kept_calls) spare.push_back(std::move(one));
}

/// Null: here, be it only to find out that there is no such transaction.
std::shared_ptr<service::parts> service::parts::foreign_home_of(std::string_view transaction_id) {
    if (transaction_id.empty()) return nullptr;
    const auto index = pool::transactions::home_of(transaction_id);
    if (!index || *index >= peers.size() || peers[*index]->parts_.get() == this) return nullptr;
    return peers[*index]->parts_;
}

core::awaitable<core::result<std::shared_ptr<const target>>> service::parts::find_target(
    std::string_view resource_arn) {
    return names.find_target(resource_arn, core::deadline::after(readiness_wait));
}

core::result<pool::destination> service::parts::find_destination(const target& at, const request& wanted) {
    auto login = names.find_login(wanted.secret_arn);
    if (!login) return std::unexpected(std::move(login.error()));
    return destination_of(at, *std::move(login), wanted.database);
}

/// @param sample  Parameters whose names decide about slices (R-4.5).
core::result<std::shared_ptr<const sql::rewritten>> service::parts::prepare(call& one, const profile& as,
                                                                            sql::dialect dialect,
                                                                            std::span<const named_parameter> sample) {
    if (auto checked = check_sql_length(one.wanted.sql, as.sql_characters); !checked)
        return std::unexpected(std::move(checked.error()));
    one.names.clear();
    for (const auto& each : sample) one.names.push_back(each.name);
    auto statement = statements.find_or_rewrite(one.wanted.sql, dialect, one.names);
    if (auto checked = check_statement(*statement, one.wanted, dialect); !checked)
        return std::unexpected(std::move(checked.error()));
    return statement;
}

core::awaitable<core::result<pool::lease>> service::parts::open(pool::destination& to, std::string_view secret) {
    const auto& limits = to.limits;
    const bool bounded = limits.wait.count() != 0 && limits.connect_timeout.count() != 0;
    const auto until = core::deadline::after(bounded ? limits.wait + limits.connect_timeout : readiness_wait);
    auto leased = co_await pools.acquire(to, until);
    if (!leased && is_refused_password(leased.error())) {  // R-10.12: rotated meanwhile?
        auto again = names.find_login(secret);
        if (again && again->login != to.login) {
            to.login = std::move(again->login);
            leased = co_await pools.acquire(to, until);
        }
    }
    if (!leased) co_return std::unexpected(error_of(leased.error()));
    co_return *std::move(leased);
}

core::result<pool::held_transaction> service::parts::hold(const request& wanted, std::string_view who) {
    auto held = transactions.hold(wanted.transaction_id, {.resource_arn = std::string(wanted.resource_arn),
                                                          .secret_arn = std::string(wanted.secret_arn),
                                                          .caller = std::string(who),
                                                          .database = std::string(wanted.database)});
    if (!held) return std::unexpected(transaction_error(held.error(), wanted.transaction_id));
    return *std::move(held);
}

// ---- a request

core::awaitable<answered> service::parts::serve(operation what, std::string_view body, const caller& who) {
    auto one = take_call();
    auto root = one->document.parse(body);
    if (!root) co_return std::unexpected(std::move(root.error()));
    auto decoded = decode(what, **root, one->wanted);
    if (!decoded) co_return std::unexpected(std::move(decoded.error()));
    if (what == operation::execute_sql)  // R-2.40
        co_return core::fail(error_kind::bad_request,
                             "ExecuteSql API is not supported for this DB cluster. Use ExecuteStatement.");

    auto elsewhere = foreign_home_of(one->wanted.transaction_id);
    if (elsewhere != nullptr || one->wanted.continue_after_timeout) {
        // It may be needed when this call's body is gone.
        root = one->document.parse_copy(body);
        if (!root) co_return std::unexpected(std::move(root.error()));
        decoded = decode(what, **root, one->wanted);
        if (!decoded) co_return std::unexpected(std::move(decoded.error()));
    }
    if (elsewhere != nullptr) {
        const auto there = elsewhere->home;
        auto hopped = serve_hopped(std::move(elsewhere), what, std::move(one), who.id);
        co_return co_await core::asio::co_spawn(there, std::move(hopped), core::use_awaitable);
    }
    auto done = co_await run(what, one, who.id);
    keep_call(std::move(one));
    co_return done;
}

core::awaitable<answered> service::parts::serve_hopped(std::shared_ptr<parts> at, operation what,
                                                       std::unique_ptr<call> one, std::string who) {
    auto done = co_await at->run(what, one, who);
    at->keep_call(std::move(one));
    co_return done;
}

core::awaitable<answered> service::parts::run(operation what, std::unique_ptr<call>& one, std::string_view who) {
    switch (what) {
        case operation::execute_statement:
            return execute(one, who);
        case operation::batch_execute_statement:
            return execute_batch(*one, who);
        case operation::begin_transaction:
            return begin(one->wanted, who);
        case operation::commit_transaction:
        case operation::rollback_transaction:
            return end(what, one->wanted, who);
        case operation::execute_sql:
            break;
    }
    throw std::logic_error("ExecuteSql is answered before it is run");
}

// ---- ExecuteStatement

core::awaitable<answered> service::parts::execute(std::unique_ptr<call>& one, std::string_view who) {
    const request& wanted = one->wanted;
    auto found = co_await find_target(wanted.resource_arn);
    if (!found) co_return std::unexpected(std::move(found.error()));
    const auto use = uses.begin(wanted.resource_arn);
    const auto dialect = (*found)->driver->speaks();
    statement_plan plan{.statement = nullptr,
                        .as = (*found)->behaves,
                        .described = wanted.include_result_metadata && !wanted.records_as_json
                                         ? sql::description::full
                                         : sql::description::types};
    const bool in_transaction = !wanted.transaction_id.empty();
    core::result<pool::destination> to;
    if (!in_transaction) {
        to = find_destination(**found, wanted);
        if (!to) co_return std::unexpected(std::move(to.error()));
    }
    auto statement = prepare(*one, *plan.as, dialect, wanted.parameters);
    if (!statement) co_return std::unexpected(std::move(statement.error()));
    plan.statement = *std::move(statement);
    auto bound = bind_parameters(plan.statement->names, wanted.parameters, dialect, one->bound);
    if (!bound) co_return std::unexpected(std::move(bound.error()));

    for (std::size_t tries = 0;; ++tries) {
        held_session session;
        if (in_transaction) {
            auto held = hold(wanted, who);
            if (!held) co_return std::unexpected(std::move(held.error()));
            session = held_session(*std::move(held));
        } else {
            auto leased = co_await open(*to, wanted.secret_arn);
            if (!leased) co_return std::unexpected(std::move(leased.error()));
            session = held_session(*std::move(leased));
        }
        attempted done;
        if (wanted.continue_after_timeout) {
            done = co_await attempt_detached(one, plan, std::move(session));
        } else {
            done = co_await attempt(*one, plan, std::move(session));
        }
        if (done) co_return *std::move(done);
        // `one` and with it `wanted` are gone when the statement runs on; then the failure is a timeout.
        if (done.error().kind != failure_kind::unreachable) co_return std::unexpected(error_of(done.error()));
        if (in_transaction)  // its session died before anything was sent, and the transaction with it
            co_return std::unexpected(transaction_error(pool::transaction_refusal::aborted, wanted.transaction_id));
        // Nothing was sent: an idle session had died. Others may have as well, each of them is met once.
        if (tries >= to->limits.maximum) co_return std::unexpected(error_of(done.error()));
    }
}

core::awaitable<service::parts::attempted> service::parts::attempt(const call& one, const statement_plan& plan,
                                                                   held_session session) {
    result_writer writer(*plan.as, one.wanted, effect_of(*plan.statement));
    const auto until = core::deadline::after(plan.as->statement_timeout);
    auto done = co_await session->execute(plan.statement->text, one.bound, writer, plan.described, until);
    session.settle(plan.statement->touches_session);
    if (!done) co_return std::unexpected(std::move(done.error()));
    co_return body_of(writer, *done);
}

/// Answers at the deadline, while the statement runs on (R-3.14).
core::awaitable<service::parts::attempted> service::parts::attempt_detached(std::unique_ptr<call>& one,
                                                                            const statement_plan& plan,
                                                                            held_session session) {
    const auto until = core::deadline::after(plan.as->statement_timeout);
    const auto backend_id = session->backend_id();
    const auto now = std::make_shared<running>(shared_from_this(), std::move(one), plan, std::move(session), until);
    core::asio::co_spawn(home, run_detached(now), core::asio::detached);
    if (!now->done) co_await now->over.async_wait(core::as_tuple);  // it may have run to its end at once
    if (auto& done = now->done) {
        one = std::move(now->what);
        if (!*done) co_return std::unexpected(std::move(done->error()));
        co_return body_of(now->writer, **done);
    }
    now->writer.abandon();
    co_return std::unexpected(
        sql::failure{.kind = failure_kind::timeout,
                     .message = "The statement takes longer than allowed and runs on (continueAfterTimeout)",
                     .backend_id = backend_id});
}

core::awaitable<void> service::parts::run_detached(std::shared_ptr<running> now) {
    try {
        now->done = co_await now->session->execute(now->plan.statement->text, now->what->bound, now->writer,
                                                   now->plan.described, core::deadline());
    } catch (const std::exception& problem) {
        core::log(core::log_level::error, "data_api: a statement that may outlive its call: {}", problem.what());
        now->done = sql::fail(failure_kind::internal, problem.what());
    }
    now->session.settle(now->plan.statement->touches_session);
    now->session = {};
    now->use = {};
    now->over.cancel();
}

// ---- BatchExecuteStatement

core::awaitable<answered> service::parts::execute_batch(call& one, std::string_view who) {
    const request& wanted = one.wanted;
    auto found = co_await find_target(wanted.resource_arn);
    if (!found) co_return std::unexpected(std::move(found.error()));
    const auto use = uses.begin(wanted.resource_arn);
    const auto dialect = (*found)->driver->speaks();
    const profile& as = *(*found)->behaves;
    const bool in_transaction = !wanted.transaction_id.empty();
    core::result<pool::destination> to;
    if (!in_transaction) {
        to = find_destination(**found, wanted);
        if (!to) co_return std::unexpected(std::move(to.error()));
    }
    const std::size_t count = wanted.set_ends.size();
    const auto statement = prepare(one, as, dialect, count == 0 ? std::span<const named_parameter>() : wanted.set(0));
    if (!statement) co_return std::unexpected(statement.error());
    const sql::rewritten& prepared = **statement;
    std::vector<std::vector<sql::parameter>> sets(count);
    for (std::size_t index = 0; index < count; ++index) {
        auto bound = bind_parameters(prepared.names, wanted.set(index), dialect, sets[index]);
        if (!bound) co_return std::unexpected(std::move(bound.error()));
    }

    if (in_transaction) {  // R-8.8
        auto held = hold(wanted, who);
        if (!held) co_return std::unexpected(std::move(held.error()));
        if (count == 0) co_return batch_body({}, as);
        held_session session(*std::move(held));
        const auto until = core::deadline::after(as.statement_timeout);
        auto done = co_await session->execute_batch(prepared.text, sets, until);
        session.settle(prepared.touches_session);
        if (done) co_return batch_body(*done, as);
        if (done.error().kind == failure_kind::unreachable)
            co_return std::unexpected(transaction_error(pool::transaction_refusal::aborted, wanted.transaction_id));
        co_return std::unexpected(error_of(done.error()));
    }
    if (count == 0) co_return batch_body({}, as);  // R-8.5
    for (std::size_t tries = 0;; ++tries) {
        auto leased = co_await open(*to, wanted.secret_arn);
        if (!leased) co_return std::unexpected(std::move(leased.error()));
        auto done = co_await attempt_batch(prepared.text, sets, as, *std::move(leased), prepared.touches_session);
        if (done) co_return *std::move(done);
        if (done.error().kind != failure_kind::unreachable || tries >= to->limits.maximum)
            co_return std::unexpected(error_of(done.error()));
    }
}

/// All sets or none (R-8.7). A single one is a statement of its own, so that those work which no transaction allows.
core::awaitable<service::parts::attempted> service::parts::attempt_batch(
    std::string_view text, std::span<const std::vector<sql::parameter>> sets, const profile& as, pool::lease leased,
    bool touches_session) {
    const auto until = core::deadline::after(as.statement_timeout);
    const bool alone = sets.size() == 1;
    held_session session(std::move(leased));
    sql::result<void> begun;
    if (!alone) begun = co_await session->begin(until);
    sql::result<std::vector<sql::outcome>> done;
    if (begun) {
        done = co_await session->execute_batch(text, sets, until);
    } else {
        done = std::unexpected(std::move(begun.error()));
    }
    attempted made;
    if (done) {
        made = batch_body(*done, as);
    } else {
        made = std::unexpected(std::move(done.error()));
    }
    if (!alone && session->usable()) {
        if (made && *made) {
            auto committed = co_await session->commit(until);
            if (!committed) {
                made = std::unexpected(std::move(committed.error()));
            } else if (*committed == sql::commit_status::rolled_back) {
                made = answered(core::fail(error_kind::database_error, "The database rolled the batch back"));
            }
        } else {
            const auto undone = co_await session->rollback(core::deadline::after(cleanup_wait));
            touches_session |= !undone;
        }
    }
    session.settle(touches_session);
    co_return made;
}

// ---- transactions

core::awaitable<answered> service::parts::begin(const request& wanted, std::string_view who) {
    auto found = co_await find_target(wanted.resource_arn);
    if (!found) co_return std::unexpected(std::move(found.error()));
    const auto use = uses.begin(wanted.resource_arn);
    const auto timeout = (*found)->behaves->statement_timeout;
    auto to = find_destination(**found, wanted);
    if (!to) co_return std::unexpected(std::move(to.error()));
    const auto too_many = [] {
        return core::fail(error_kind::unavailable, "Too many transactions are open: end some, or try again later");
    };
    if (transactions.open() >= most_transactions) co_return too_many();

    for (std::size_t tries = 0;; ++tries) {
        auto leased = co_await open(*to, wanted.secret_arn);
        if (!leased) co_return std::unexpected(std::move(leased.error()));
        leased->taint();  // R-9.15
        auto begun = co_await (*leased)->begin(core::deadline::after(timeout));
        if (!begun) {
            if (!(*leased)->usable()) leased->discard();
            if (begun.error().kind == failure_kind::unreachable && tries < to->limits.maximum) continue;
            co_return std::unexpected(error_of(begun.error()));
        }
        const auto id = transactions.adopt(*std::move(leased), {.resource_arn = std::string(wanted.resource_arn),
                                                                .secret_arn = std::string(wanted.secret_arn),
                                                                .caller = std::string(who),
                                                                .database = to->database});
        if (!id) co_return too_many();
        co_return fmt::format(R"({{"transactionId":"{}"}})", *id);
    }
}

core::awaitable<answered> service::parts::end(operation how, const request& wanted, std::string_view who) {
    constexpr std::string_view rolled_back = R"({"transactionStatus":"Rollback Complete"})";
    using ending = pool::held_transaction::ending;
    auto held = hold(wanted, who);
    if (!held) co_return std::unexpected(std::move(held.error()));
    auto& session = held->session();
    const auto until = core::deadline::after(readiness_wait);
    if (how == operation::rollback_transaction) {
        const auto done = co_await session.rollback(until);
        held->end(done ? ending::ended : ending::aborted);
        // A session that broke instead is rolled back by its database.
        if (done || done.error().kind != failure_kind::database) co_return std::string(rolled_back);
        co_return std::unexpected(error_of(done.error()));
    }
    const auto done = co_await session.commit(until);
    const bool over = done || done.error().kind == failure_kind::database;  // refused: rolled back all the same
    held->end(over ? ending::ended : ending::aborted);
    if (done && *done == sql::commit_status::committed) co_return R"({"transactionStatus":"Transaction Committed"})";
    if (done) co_return std::string(rolled_back);  // R-9.6
    if (done.error().kind == failure_kind::unreachable)
        co_return std::unexpected(transaction_error(pool::transaction_refusal::aborted, wanted.transaction_id));
    co_return std::unexpected(error_of(done.error()));
}

// ---- the service

service::service(const core::executor& home, std::uint8_t home_index, settings with, directory& names,
                 pool::shared_budgets& budgets)
    : parts_(std::make_shared<parts>(home, home_index, with, names, budgets)) {}

service::~service() = default;

void service::meet(std::span<service* const> peers) { parts_->peers = peers; }

core::awaitable<response> service::handle(operation what, std::string_view body, const caller& who) {
    const auto at = parts_;  // until the frame is gone
    core::error failed;
    try {
        auto done = co_await at->serve(what, body, who);
        if (done) co_return response{.body = *std::move(done)};
        failed = std::move(done.error());
    } catch (const std::exception& problem) {
        failed.message = problem.what();
    }
    if (failed.kind == error_kind::internal)
        core::log(core::log_level::error, "data_api: {}: {}", name_of(what), failed.message);
    co_return answer(failed);
}

void service::tick(core::clock::time_point now) {
    parts_->transactions.reap(now);
    parts_->pools.sweep(now);
}

core::awaitable<void> service::shut_down(core::deadline until) {
    const auto at = parts_;
    co_await at->transactions.end_all(until);
    at->pools.drop_all();
}

void service::drop_target(const std::string& resource_arn) { parts_->pools.drop_target(resource_arn); }

std::size_t service::uses_of(std::string_view resource_arn) const {
    return parts_->uses.of(resource_arn) + parts_->transactions.open(resource_arn);
}

}  // namespace borealis::data_api
