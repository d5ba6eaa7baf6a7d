#include "data_api/service.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <exception>
#include <limits>
#include <list>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fmt/format.h>

#include "core/give_back.hpp"
#include "core/log.hpp"
#include "core/random.hpp"
#include "data_api/attended.hpp"
#include "data_api/bind.hpp"
#include "data_api/database_text.hpp"
#include "data_api/decode.hpp"
#include "data_api/frames.hpp"
#include "data_api/held_session.hpp"
#include "data_api/result_writer.hpp"
#include "data_api/stay.hpp"
#include "data_api/usage.hpp"
#include "data_api/workload.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"
#include "sql/normalised.hpp"
#include "sql/statement_cache.hpp"

namespace borealis::data_api {
namespace {

using core::error_kind;
using sql::failure_kind;
using answered = core::result<std::string>;
using shared_destination = std::shared_ptr<const pool::destination>;

/// Longest wait for a cluster to be ready, and for a session where its pool sets no limit. Below the 60 s after which
/// botocore gives up reading.
constexpr std::chrono::seconds readiness_wait{45};
/// For rolling back after a statement, whose own deadline may have passed.
constexpr std::chrono::seconds cleanup_wait{5};
/// What PostgreSQL's protocol counts in 16 bits (R-3.12).
constexpr std::size_t most_placeholders = 65'535;
/// Used request memories that a thread keeps.
constexpr std::size_t kept_calls = 64;
constexpr std::size_t kept_parameters = 1024;
/// Destinations that a thread remembers for a second.
constexpr std::size_t kept_destinations = 16;

/// One request, decoded; used again, so that an ordinary one allocates little.
struct call {
    explicit call(std::size_t json_values) : document(json_values) {}

    json::document document;
    request wanted;
    std::vector<std::string_view> names;
    std::vector<sql::parameter> bound;
    const core::listener* by = nullptr;
    observation* seen = nullptr;
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
        case pool::transaction_refusal::committed:
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

/// What a call for a transaction must come with.
pool::binding binding_of(const request& wanted, const auth::caller& who) {
    return {.resource_arn = std::string(wanted.resource_arn),
            .secret_arn = std::string(wanted.secret_arn),
            .caller = who.arn(),
            .database = std::string(wanted.database)};
}

bool is_refused_password(const sql::failure& what) {
    return what.kind == failure_kind::login && (what.sqlstate.starts_with("28") || what.code == 1045);
}

/// The server takes no writes any more: PostgreSQL read_only_sql_transaction; MariaDB and MySQL
/// ER_OPTION_PREVENTS_STATEMENT and ER_READ_ONLY_MODE. The statement was refused, nothing was done.
bool is_demotion(const sql::failure& what) {
    if (what.kind != failure_kind::database) return false;
    return what.sqlstate == "25006" || what.code == 1836 ||
           (what.code == 1290 && what.message.find("read-only") != std::string::npos);
}

pool::destination destination_of(const target& at, const secret_login& as, std::string_view database) {
    pool::destination made{.target = at.resource_arn,
                           .driver = at.driver,
                           .endpoint = at.endpoint,
                           .others = at.others,
                           .login = as.login,
                           .database = std::string(database),
                           .limits = at.limits};
    if (made.database.empty()) made.database = as.database;  // R-10.4
    if (made.database.empty()) made.database = at.default_database;
    if (made.database.empty() && at.driver->speaks() == sql::dialect::postgresql) made.database = "postgres";
    return made;
}

/// For whoever looks on and wants it.
void note_sql(const call& one, sql::dialect of) {
    if (one.seen != nullptr && one.seen->sql_characters != 0)
        one.seen->sql = sql::normalised(one.wanted.sql, of, one.seen->sql_characters);
}

/// The statement with the comment that goes with the call; not where the database would keep it with what is defined.
/// Lives as long as the text and the call.
std::string_view commented(std::string_view text, sql::statement_class kind, call& one) {
    if (one.seen == nullptr || one.seen->sql_comment.empty()) return text;
    using kinds = sql::statement_class;
    if (kind != kinds::query && kind != kinds::write && kind != kinds::call) return text;
    return one.wanted.made.emplace_back(fmt::format("{}\n{}", text, one.seen->sql_comment));
}

core::result<void> check_statement(const sql::rewritten& statement, const request& wanted, sql::dialect of,
                                   const profile& as) {
    const auto refuse = [](std::string text) { return core::fail(error_kind::validation, std::move(text)); };
    if (statement.empty) return refuse("SQL is empty");  // R-2.33
    if (statement.several_statements && !as.runs_several_statements)
        return refuse("Multistatements aren't supported.");  // R-2.14
    if (statement.names.size() > most_placeholders)
        return refuse(fmt::format("A statement may have at most {} parameters", most_placeholders));
    if (of == sql::dialect::mysql && !as.takes_hints_as_text)
        for (const auto& each : wanted.parameters)
            if (each.hint == type_hint::json || each.hint == type_hint::uuid)  // R-2.19
                return refuse(fmt::format("The type hint {} isn't supported for Aurora MySQL.", name_of(each.hint)));
    return {};
}

/// The rules of the cluster, and those of the caller.
core::result<void> check_rules(std::string_view text, const target& at, const auth::caller& who) {
    const auto of_caller = who.limits().denied;
    if ((at.denied | of_caller).empty()) return {};
    const auto found = sql::kinds_of(text, at.driver->speaks());
    const auto by_cluster = found & at.denied;
    const auto refused = by_cluster.empty() ? found & of_caller : by_cluster;
    if (refused.empty()) return {};
    return core::fail(error_kind::forbidden,
                      fmt::format("The rules of this {} (deny_statements) refuse the statement as: {}",
                                  by_cluster.empty() ? "caller" : "cluster", sql::names_of(refused)));
}

/// What a caller may not send who may only read, beside what the session refuses (sql::connection::begin_reading). On
/// MySQL a stored or compound statement could end the transaction and begin another. Files and programs are outside of
/// any transaction.
core::result<void> check_reading(std::string_view text, bool several, sql::dialect of) {
    using enum sql::statement_kind;
    sql::statement_kinds refused;
    for (const auto kind : {administration, copy_program, server_files, transaction_control}) refused.add(kind);
    if (of == sql::dialect::mysql)
        for (const auto kind : {ddl, privileges, load_data, calls}) refused.add(kind);
    refused = sql::kinds_of(text, of) & refused;
    if (!refused.empty())
        return core::fail(
            error_kind::forbidden,
            fmt::format("This caller may only read; the statement is refused as: {}", sql::names_of(refused)));
    if (several) return core::fail(error_kind::validation, "Multistatements aren't supported.");
    return {};
}

result_writer::statement effect_of(const sql::rewritten& statement) {
    if (statement.kind != sql::statement_class::query) return result_writer::statement::writes;
    return statement.touches_session ? result_writer::statement::calls : result_writer::statement::reads;
}

answered inserted_body(const std::deque<inserted_writer>& sets) {
    std::string made = R"({"updateResults":[)";
    for (bool first = true; const auto& each : sets) {
        if (each.trouble()) return std::unexpected(*each.trouble());
        made.append(first ? "" : ",").append(R"({"generatedFields":[)").append(each.fields()).append("]}");
        first = false;
    }
    return made + "]}";
}

answered frames_body(std::deque<frame_writer>& frames, std::span<const sql::outcome> outcomes) {
    std::string made = R"({"sqlStatementResults":[)";
    for (std::size_t at = 0; at < frames.size(); ++at) {
        if (frames[at].trouble()) return std::unexpected(*frames[at].trouble());
        made.append(at == 0 ? "" : ",").append(frames[at].finish(outcomes[at]));
    }
    return made + "]}";
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
          json_values(with.json_values),
          names(known),
          pools(executor, budgets),
          transactions(executor, home_index, with.transactions),
          slow(with.slow) {}

    core::result<void> read(operation what, std::string_view body, const auth::caller& who, call& into,
                            const profile*& as);
    static core::awaitable<answered> serve_hopped(std::shared_ptr<parts> at, operation what, std::unique_ptr<call> one,
                                                  auth::caller who);
    core::awaitable<answered> run(operation what, std::unique_ptr<call>& one, const auth::caller& who);
    core::awaitable<answered> execute(std::unique_ptr<call>& one, const auth::caller& who);
    core::awaitable<answered> execute_batch(call& one, const auth::caller& who);
    core::awaitable<answered> begin(call& one, const auth::caller& who);
    core::awaitable<answered> end(operation how, call& one, const auth::caller& who);

    struct running;
    struct statement_plan;
    /// What became of a statement: the database's failure, or the answer.
    using attempted = sql::result<answered>;
    core::awaitable<attempted> attempt(const call& one, const statement_plan& plan, held_session& session);
    core::awaitable<bool> attempt_beside(const call& one, const statement_plan& plan, held_session& session,
                                         attempted& done);
    core::awaitable<attempted> attempt_detached(std::unique_ptr<call>& one, const statement_plan& plan,
                                                held_session session);
    static core::awaitable<void> run_detached(std::shared_ptr<running> now);
    core::awaitable<answered> execute_several(call& one, const auth::caller& who, const target& at,
                                              shared_destination to);
    core::awaitable<answered> execute_sql(call& one, const auth::caller& who);
    core::awaitable<answered> run_workload(operation of, const workload& what, const call& one, const auth::caller& who,
                                           const target& at, shared_destination& to);
    core::awaitable<attempted> perform_noted(operation of, const workload& what, const call& one,
                                             const auth::caller& who, const target& at, held_session session);
    void count_end(const sql::failure& how, const core::listener* by);

    core::result<void> permit(operation what, const request& wanted, const auth::caller& who);
    core::awaitable<core::result<std::shared_ptr<const target>>> find_target(const request& wanted);
    core::error refused_target(core::error why, std::string_view resource_arn);
    /// For where `names.find_login` has none at hand.
    core::awaitable<directory::found_login> fetch_login(const target& at, std::string_view secret);
    core::result<shared_destination> find_destination(const std::shared_ptr<const target>& at, const request& wanted,
                                                      const directory::found_login& login);
    core::result<std::shared_ptr<const sql::rewritten>> prepare(call& one, const target& at, const auth::caller& who,
                                                                std::span<const named_parameter> sample);
    core::awaitable<core::result<pool::lease>> open(shared_destination& to, std::string_view secret, const target& at,
                                                    const auth::caller& who, observation* seen,
                                                    pool::purpose what = pool::purpose::statement,
                                                    std::shared_ptr<pool::short_statement> known = nullptr);
    bool has_moved(const target& at, const sql::failure& what);
    const profile& within(const profile& of, const auth::caller& who);
    using holding = std::expected<pool::held_transaction, pool::transaction_refusal>;
    /// At once.
    [[nodiscard]] holding hold(const request& wanted, const auth::caller& who);
    /// Another call runs in it: then comes hold_in_turn().
    [[nodiscard]] static bool must_wait(const holding& held, const profile& as);
    core::awaitable<holding> hold_in_turn(const request& wanted, const auth::caller& who, const profile& as);
    static bool is_over(holding& held);
    [[nodiscard]] std::shared_ptr<parts> foreign_home_of(std::string_view transaction_id);

    std::unique_ptr<call> take_call();
    void keep_call(std::unique_ptr<call> one);

    core::executor home;
    std::size_t most_transactions;
    std::size_t json_values;
    bool draining = false;
    directory& names;
    pool::pools pools;
    pool::transactions transactions;
    sql::statement_cache statements;
    usage uses;
    statistics numbers;
    attended waited_for;
    slow_statements slow;
    struct bounded_profile {
        const profile* of;
        auth::caller_limits by;
        profile made;
    };
    std::list<bounded_profile> bounded_profiles;  // as many as there are different limits
    /// Where calls have gone lately. It holds what it was made of, so that nothing else can be at the same addresses.
    struct known_destination {
        std::shared_ptr<const target> at;
        std::shared_ptr<const secret_login> as;
        std::string database;  // as the call names it
        shared_destination made;
    };
    std::vector<known_destination> destinations;  // forgotten with every tick
    std::span<service* const> peers;
    std::vector<std::unique_ptr<call>> spare;
};

struct service::parts::statement_plan {
    std::shared_ptr<const sql::rewritten> statement;
    std::string_view text;  // of it, or of the call
    const profile* as;
    sql::description described;
    bool reading = false;  // the caller may only read
    bool leaves = false;   // and what that takes stays in the session
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
          timed(writer, encoding),
          over(at->home, until.at()) {}

    std::shared_ptr<parts> at;  // the last to go: `use` counts in it
    std::unique_ptr<call> what;
    statement_plan plan;
    held_session session;
    usage::guard use;
    result_writer writer;
    encoding_time encoding;
    timed_sink timed;
    core::timer over;  // cancelled when the statement is over
    std::optional<sql::result<sql::outcome>> done;
};

std::unique_ptr<call> service::parts::take_call() {
    if (spare.empty()) return std::make_unique<call>(json_values);
    auto one = std::move(spare.back());
    spare.pop_back();
    return one;
}

void service::parts::keep_call(std::unique_ptr<call> one) {
    if (one == nullptr || spare.size() >= kept_calls) return;
    one->wanted.clear();
    one->document.trim();
    if (one->bound.capacity() > kept_parameters) core::give_back(one->bound);
    if (one->names.capacity() > kept_parameters) core::give_back(one->names);
    spare.push_back(std::move(one));
}

/// Null: here, be it only to find out that there is no such transaction.
std::shared_ptr<service::parts> service::parts::foreign_home_of(std::string_view transaction_id) {
    if (transaction_id.empty()) return nullptr;
    const auto index = pool::transactions::home_of(transaction_id);
    if (!index || *index >= peers.size() || peers[*index]->parts_.get() == this) return nullptr;
    return peers[*index]->parts_;
}

/// R-10.21: the action on the cluster, then the secret; before a cluster is woken up or anything is told of it.
core::result<void> service::parts::permit(operation what, const request& wanted, const auth::caller& who) {
    if (who.may_everything()) return {};
    const auto tagged = names.tags_of(wanted.resource_arn);
    if (auto may = who.may(action_of(what), wanted.resource_arn, tagged.get()); !may) return may;
    const auto secret = names.subject_of(wanted.secret_arn);
    return who.may("secretsmanager:GetSecretValue", secret->arn, &secret->tagged);
}

/// For where `names.at_hand` has none. A transaction goes on where its cluster is declared no more.
core::awaitable<core::result<std::shared_ptr<const target>>> service::parts::find_target(const request& wanted) {
    auto found = co_await names.find_target(wanted.resource_arn, core::deadline::after(readiness_wait));
    if (!found && found.error().kind == error_kind::endpoint_not_enabled && !wanted.transaction_id.empty()) {
        if (auto former = names.former_target(wanted.resource_arn)) co_return former;
    }
    co_return found;
}

core::error service::parts::refused_target(core::error why, std::string_view resource_arn) {
    if (why.kind == error_kind::endpoint_not_enabled)  // R-2.10, R-2.11
        why.message =
            fmt::format(fmt::runtime(names.profile_of(resource_arn).texts.endpoint_not_enabled), resource_arn);
    return why;
}

core::awaitable<directory::found_login> service::parts::fetch_login(const target& at, std::string_view secret) {
    return names.fetch_login(std::string(secret), at, nullptr, core::deadline::after(readiness_wait));
}

core::result<shared_destination> service::parts::find_destination(const std::shared_ptr<const target>& at,
                                                                  const request& wanted,
                                                                  const directory::found_login& login) {
    if (login && *login) {
        for (const auto& known : destinations)
            if (known.at == at && known.as == *login && known.database == wanted.database) return known.made;
        auto made = std::make_shared<const pool::destination>(destination_of(*at, **login, wanted.database));
        if (destinations.size() >= kept_destinations) destinations.clear();
        destinations.push_back({at, *login, std::string(wanted.database), made});
        return made;
    }
    if (!login && login.error().kind != error_kind::secret_not_found) return std::unexpected(login.error());
    return core::fail(
        error_kind::secret_not_found,  // R-2.34, R-2.35
        fmt::format(fmt::runtime(at->behaves->texts.secret_not_found), wanted.secret_arn, core::random_uuid()));
}

/// @param sample  Parameters whose names decide about slices (R-4.5).
core::result<std::shared_ptr<const sql::rewritten>> service::parts::prepare(call& one, const target& at,
                                                                            const auth::caller& who,
                                                                            std::span<const named_parameter> sample) {
    const auto dialect = at.driver->speaks();
    if (auto checked = check_rules(one.wanted.sql, at, who); !checked)
        return std::unexpected(std::move(checked.error()));
    one.names.clear();
    for (const auto& each : sample) one.names.push_back(each.name);
    auto statement = statements.find_or_rewrite(one.wanted.sql, dialect, one.names);
    if (auto checked = check_statement(*statement, one.wanted, dialect, *at.behaves); !checked)
        return std::unexpected(std::move(checked.error()));
    return statement;
}

core::awaitable<core::result<pool::lease>> service::parts::open(shared_destination& to, std::string_view secret,
                                                                const target& at, const auth::caller& who,
                                                                observation* seen, pool::purpose what,
                                                                std::shared_ptr<pool::short_statement> known) {
    core::clock::duration connecting{};
    auto asked = *to;
    asked.caller = who.arn();
    asked.connecting = &connecting;
    const auto& limits = asked.limits;
    const bool bounded = limits.wait.count() != 0 && limits.connect_timeout.count() != 0;
    const auto until = core::deadline::after(bounded ? limits.wait + limits.connect_timeout : readiness_wait);
    const auto since = core::clock::now();
    auto leased = co_await pools.acquire(asked, until, what, known);
    if (!leased && is_refused_password(leased.error())) {  // R-10.12: rotated meanwhile?
        auto again = co_await names.fetch_login(std::string(secret), at, &asked.login, until);
        if (again && *again && (*again)->login != asked.login) {
            asked.login = (*again)->login;
            auto renewed = *to;
            renewed.login = asked.login;
            to = std::make_shared<const pool::destination>(std::move(renewed));
            leased = co_await pools.acquire(asked, until, what, std::move(known));
        }
    }
    const auto queued = core::clock::now() - since - connecting;
    numbers.queued.add(queued);
    if (connecting.count() != 0) numbers.connected.add(connecting);
    if (seen != nullptr) {
        seen->queued += queued;
        seen->connecting += connecting;
    }
    if (!leased) co_return std::unexpected(error_of(leased.error(), *at.behaves, to->driver->speaks()));
    co_return *std::move(leased);
}

void service::parts::count_end(const sql::failure& how, const core::listener* by) {
    if (how.kind == failure_kind::timeout && (by == nullptr || !by->gone())) ++numbers.timed_out;
}

/// Another of the cluster's servers takes the writes now: forgets the sessions of the one that did.
bool service::parts::has_moved(const target& at, const sql::failure& what) {
    if (at.others.empty() || !is_demotion(what)) return false;
    core::log(core::log_level::warning, "data_api: {} accepts no writes any more: looking for the one that does",
              at.cluster_id);
    pools.drop_target(at.resource_arn);
    return true;
}

service::parts::holding service::parts::hold(const request& wanted, const auth::caller& who) {
    return transactions.hold(wanted.transaction_id,
                             {wanted.resource_arn, wanted.secret_arn, who.arn(), wanted.database});
}

/// R-3.17
bool service::parts::must_wait(const holding& held, const profile& as) {
    return !held && held.error() == pool::transaction_refusal::running && as.calls_wait_for_transaction;
}

core::awaitable<service::parts::holding> service::parts::hold_in_turn(const request& wanted, const auth::caller& who,
                                                                      const profile& as) {
    return transactions.hold_in_turn(wanted.transaction_id, binding_of(wanted, who),
                                     core::deadline::after(as.statement_timeout));
}

/// Has the database ended the transaction behind our back (a time-out of its own, a kill, its end)? One poll(2).
bool service::parts::is_over(holding& held) {
    if (!held->session().seems_dead()) return false;
    held->end(pool::held_transaction::ending::aborted);
    return true;
}

// ---- a request

/// Into a call that may be run. @param as  Set to what the answer is told by.
core::result<void> service::parts::read(operation what, std::string_view body, const auth::caller& who, call& into,
                                        const profile*& as) {
    auto root = into.document.parse(body);
    if (!root) return std::unexpected(std::move(root.error()));
    const named_members members(**root);
    const auto resource_arn = resource_named_in(what, members);
    as = &names.profile_of(resource_arn);
    if (into.seen != nullptr) into.seen->resource_arn = resource_arn;
    auto decoded = decode(what, members, *as, into.wanted);
    if (!decoded) return decoded;
    if (into.seen != nullptr) into.seen->transaction_id = into.wanted.transaction_id;
    if (auto permitted = permit(what, into.wanted, who); !permitted) return permitted;
    if (what == operation::execute_sql && !as->runs_execute_sql)  // R-2.40
        return core::fail(error_kind::bad_request,
                          "ExecuteSql API is not supported for this DB cluster. Use ExecuteStatement.");
    if (!into.wanted.continue_after_timeout && foreign_home_of(into.wanted.transaction_id) == nullptr) return {};
    root = into.document.parse_copy(body);  // it may be needed when this call's body is gone
    if (!root) return std::unexpected(std::move(root.error()));
    return decode(what, **root, *as, into.wanted);
}

core::awaitable<answered> service::parts::serve_hopped(std::shared_ptr<parts> at, operation what,
                                                       std::unique_ptr<call> one, auth::caller who) {
    auto done = co_await at->run(what, one, who);
    at->keep_call(std::move(one));
    co_return done;
}

core::awaitable<answered> service::parts::run(operation what, std::unique_ptr<call>& one, const auth::caller& who) {
    switch (what) {
        case operation::execute_statement:
            return execute(one, who);
        case operation::batch_execute_statement:
            return execute_batch(*one, who);
        case operation::begin_transaction:
            return begin(*one, who);
        case operation::commit_transaction:
        case operation::rollback_transaction:
            return end(what, *one, who);
        case operation::execute_sql:
            return execute_sql(*one, who);
    }
    throw std::logic_error("no such operation");
}

// ---- a caller's own limits

/// The cluster's behaviour within what the caller may use.
const profile& service::parts::within(const profile& of, const auth::caller& who) {
    const auto& by = who.limits();
    if (!by.statement_time && !by.rows && !by.answer_bytes) return of;
    for (const auto& known : bounded_profiles)
        if (known.of == &of && known.by == by) return known.made;
    auto& made = bounded_profiles.emplace_back(bounded_profile{&of, by, of}).made;
    if (by.statement_time) made.statement_timeout = std::min(made.statement_timeout, *by.statement_time);
    if (by.rows) made.result_rows = *by.rows;
    if (by.answer_bytes) {
        made.result_bytes = std::min(made.result_bytes, *by.answer_bytes);
        made.formatted_bytes = std::min(made.formatted_bytes, *by.answer_bytes);
    }
    return made;
}

// ---- ExecuteStatement

core::awaitable<answered> service::parts::execute(std::unique_ptr<call>& one, const auth::caller& who) {
    const request& wanted = one->wanted;
    observation* const seen = one->seen;
    core::result<std::shared_ptr<const target>> found = names.at_hand(wanted.resource_arn);
    if (!*found) found = co_await find_target(wanted);
    if (!found) co_return std::unexpected(refused_target(std::move(found.error()), wanted.resource_arn));
    const auto use = uses.begin(wanted.resource_arn);
    const auto dialect = (*found)->driver->speaks();
    note_sql(*one, dialect);
    statement_plan plan{.statement = nullptr,
                        .text = {},
                        .as = &within(*(*found)->behaves, who),
                        .described = wanted.include_result_metadata && !wanted.records_as_json
                                         ? sql::description::full
                                         : sql::description::types,
                        .reading = who.limits().read_only,
                        .leaves = who.limits().read_only && dialect == sql::dialect::mysql};
    const bool in_transaction = !wanted.transaction_id.empty();
    shared_destination to;
    if (!in_transaction) {
        auto login = names.find_login(wanted.secret_arn, **found);
        if (login && !*login) login = co_await fetch_login(**found, wanted.secret_arn);
        auto destination = find_destination(*found, wanted, login);
        if (!destination) co_return std::unexpected(std::move(destination.error()));
        to = *std::move(destination);
    }
    auto statement = prepare(*one, **found, who, wanted.parameters);
    if (!statement) co_return std::unexpected(std::move(statement.error()));
    plan.statement = *std::move(statement);
    plan.text = commented(plan.statement->text, plan.statement->kind, *one);
    if (plan.reading)
        if (auto checked = check_reading(wanted.sql, plan.statement->several_statements, dialect); !checked)
            co_return std::unexpected(std::move(checked.error()));
    if (plan.statement->several_statements && dialect == sql::dialect::postgresql)
        co_return co_await execute_several(*one, who, **found, std::move(to));
    auto bound =
        bind_parameters(plan.statement->names, wanted.parameters, dialect, *plan.as, one->wanted.made, one->bound);
    if (!bound) co_return std::unexpected(std::move(bound.error()));

    bool may_share = (plan.statement->plain_read || plan.statement->plain_write) && !in_transaction && !plan.reading &&
                     !wanted.continue_after_timeout && plan.described == sql::description::types &&
                     plan.text.data() == plan.statement->text.data();
    for (std::size_t tries = 0;;) {
        held_session session;
        std::shared_ptr<pool::short_statement> known;
        if (may_share) {
            if (auto place = pools.join(*to, plan.statement, known)) {
                numbers.queued.add({});
                session = held_session(*std::move(place));
            }
        }
        if (session) {
            // was at hand
        } else if (in_transaction) {
            auto held = hold(wanted, who);
            if (must_wait(held, *plan.as)) held = co_await hold_in_turn(wanted, who, *plan.as);
            if (!held) co_return std::unexpected(transaction_error(held.error(), wanted.transaction_id));
            if (is_over(held))
                co_return std::unexpected(transaction_error(pool::transaction_refusal::aborted, wanted.transaction_id));
            session = held_session(*std::move(held));
        } else {
            auto leased =
                co_await open(to, wanted.secret_arn, **found, who, seen, pool::purpose::statement, std::move(known));
            if (!leased) co_return std::unexpected(std::move(leased.error()));
            session = held_session(*std::move(leased));
        }
        const auto since = slow.now();
        attempted done;
        if (session.is_shared()) {
            may_share = false;
            if (!co_await attempt_beside(*one, plan, session, done)) continue;
            if (!done && done.error().kind == failure_kind::unreachable) continue;
        } else if (wanted.continue_after_timeout && !plan.reading) {  // what only reads has nothing to go on for
            done = co_await attempt_detached(one, plan, std::move(session));
        } else {
            done = co_await attempt(*one, plan, session);
        }
        slow.look(since, operation::execute_statement, plan.statement->text, dialect, (*found)->cluster_id, who, seen);
        if (done) co_return *std::move(done);
        if (!plan.reading && !in_transaction && tries == 0 && has_moved(**found, done.error())) {
            ++tries;
            continue;
        }
        // `one` and with it `wanted` are gone when the statement runs on; then the failure is a timeout.
        if (done.error().kind != failure_kind::unreachable)
            co_return std::unexpected(error_of(done.error(), *plan.as, dialect));
        if (in_transaction)  // its session died before anything was sent, and the transaction with it
            co_return std::unexpected(transaction_error(pool::transaction_refusal::aborted, wanted.transaction_id));
        // Nothing was sent: an idle session had died. Others may have as well, each of them is met once.
        if (tries++ >= to->limits.maximum) co_return std::unexpected(error_of(done.error(), *plan.as, dialect));
    }
}

core::awaitable<service::parts::attempted> service::parts::attempt(const call& one, const statement_plan& plan,
                                                                   held_session& session) {
    result_writer writer(*plan.as, one.wanted, effect_of(*plan.statement));
    stay there(numbers, one.seen);
    timed_sink timed(writer, there.encoding());
    const core::deadline until(there.since() + plan.as->statement_timeout);
    sql::result<void> begun;
    if (plan.statement->asks_for_leftovers) begun = co_await session.forget_others(until);
    if (begun && plan.reading) begun = co_await session->begin_reading(until);
    if (!begun) {
        session.settle(true);
        co_return std::unexpected(std::move(begun.error()));
    }
    sql::result<sql::outcome> done;
    {
        const attended::guard watched(waited_for, *session, one.by);
        done = co_await session->execute(plan.text, one.bound, timed, plan.described, until);
    }
    bool ends = writer.too_large() && plan.as->large_results_end_transaction;
    if (!done) {
        count_end(done.error(), one.by);
        doubt(done.error(), *session);
    } else if (done->stopped) {
        ++numbers.cut_short;
    }
    if (plan.reading) {
        ends |= !session->only_reads();  // the transaction is no longer what it was
        // Should it fail, the session is seen to be in a transaction, and is reset.
        if (!session.in_transaction() && session->usable() && session->in_transaction())
            (void)co_await session->rollback(core::deadline::after(cleanup_wait));
    }
    session.leased().returned(writer.bytes());
    session.settle(plan.statement->touches_session || plan.leaves, ends);
    if (!done) co_return std::unexpected(std::move(done.error()));
    co_return body_of(writer, *done);
}

/// On a session that others use as well.
/// @param done  Set to what became of it; by reference, as what a failure could hold makes frames large.
/// @return False when it has to be done again, alone: it was not run, or taken back for those who waited behind it.
core::awaitable<bool> service::parts::attempt_beside(const call& one, const statement_plan& plan, held_session& session,
                                                     attempted& done) {
    result_writer writer(*plan.as, one.wanted, effect_of(*plan.statement));
    stay there(numbers, one.seen);
    timed_sink timed(writer, there.encoding());
    const core::deadline until(there.since() + plan.as->statement_timeout);
    sql::beside_call& name = session.leased().call();
    name.writes = plan.statement->plain_write;
    std::optional<attended::guard> watched(std::in_place, waited_for, name, one.by);
    auto ran = co_await session->execute_beside(plan.text, one.bound, timed, plan.described, until, name);
    const bool hung_up = watched->ended();
    watched.reset();
    session.leased().returned(writer.bytes());
    session.settle(false);
    if (!ran) {
        // Cancelled by the pool: the database has undone whatever it was.
        const bool taken_back = session.leased().moved_on() && !hung_up && !until.passed();
        if (taken_back && ran.error().kind == failure_kind::timeout) co_return false;
        count_end(ran.error(), one.by);
        done = std::unexpected(std::move(ran.error()));
        co_return true;
    }
    if (!*ran) {
        session.leased().returned(std::numeric_limits<std::size_t>::max());  // would not run here the next time either
        co_return false;
    }
    if ((*ran)->stopped) ++numbers.cut_short;
    done = body_of(writer, **ran);
    co_return true;
}

/// Answers at the deadline, while the statement runs on (R-3.14).
core::awaitable<service::parts::attempted> service::parts::attempt_detached(std::unique_ptr<call>& one,
                                                                            const statement_plan& plan,
                                                                            held_session session) {
    const auto until = core::deadline::after(plan.as->statement_timeout);
    const auto backend_id = session->backend_id();
    stay there(numbers, one->seen);
    const auto now = std::make_shared<running>(shared_from_this(), std::move(one), plan, std::move(session), until);
    core::asio::co_spawn(home, run_detached(now), core::asio::detached);
    if (!now->done) co_await now->over.async_wait(core::as_tuple);  // it may have run to its end at once
    there.encoding() = now->encoding;
    if (auto& done = now->done) {
        one = std::move(now->what);
        if (!*done) co_return std::unexpected(std::move(done->error()));
        co_return body_of(now->writer, **done);
    }
    now->writer.abandon();
    now->what->seen = nullptr;  // who looked on is about to go
    co_return std::unexpected(
        sql::failure{.kind = failure_kind::timeout,
                     .message = "The statement takes longer than allowed and runs on (continueAfterTimeout)",
                     .backend_id = backend_id});
}

core::awaitable<void> service::parts::run_detached(std::shared_ptr<running> now) {
    try {
        sql::result<void> ready;
        if (now->plan.statement->asks_for_leftovers)
            ready = co_await now->session.forget_others(core::deadline::after(cleanup_wait));
        if (ready) {
            now->done = co_await now->session->execute(now->plan.text, now->what->bound, now->timed,
                                                       now->plan.described, core::deadline());
        } else {
            now->done = std::unexpected(std::move(ready.error()));
        }
    } catch (const std::exception& problem) {
        core::log(core::log_level::error, "data_api: a statement that may outlive its call: {}", problem.what());
        now->done = sql::fail(failure_kind::internal, problem.what());
    }
    now->session.settle(now->plan.statement->touches_session,
                        now->writer.too_large() && now->plan.as->large_results_end_transaction);
    now->session = {};
    now->use = {};
    now->over.cancel();
}

// ---- BatchExecuteStatement

core::awaitable<answered> service::parts::execute_batch(call& one, const auth::caller& who) {
    const request& wanted = one.wanted;
    core::result<std::shared_ptr<const target>> found = names.at_hand(wanted.resource_arn);
    if (!*found) found = co_await find_target(wanted);
    if (!found) co_return std::unexpected(refused_target(std::move(found.error()), wanted.resource_arn));
    const auto use = uses.begin(wanted.resource_arn);
    const auto dialect = (*found)->driver->speaks();
    const profile& as = within(*(*found)->behaves, who);
    note_sql(one, dialect);
    const bool reading = who.limits().read_only;
    const bool in_transaction = !wanted.transaction_id.empty();
    shared_destination to;
    if (!in_transaction) {
        auto login = names.find_login(wanted.secret_arn, **found);
        if (login && !*login) login = co_await fetch_login(**found, wanted.secret_arn);
        auto destination = find_destination(*found, wanted, login);
        if (!destination) co_return std::unexpected(std::move(destination.error()));
        to = *std::move(destination);
    }
    const std::size_t count = wanted.set_ends.size();
    const auto statement = prepare(one, **found, who, count == 0 ? std::span<const named_parameter>() : wanted.set(0));
    if (!statement) co_return std::unexpected(statement.error());
    const sql::rewritten& prepared = **statement;
    if (reading)
        if (auto checked = check_reading(wanted.sql, prepared.several_statements, dialect); !checked)
            co_return std::unexpected(std::move(checked.error()));
    if (as.refuses_rows_in_batches && count > 0) {  // R-8.6, in pgjdbc's words
        if (prepared.kind == sql::statement_class::query)
            co_return core::fail(error_kind::database_error, "A result was returned when none was expected.");
        if (prepared.returning)
            co_return core::fail(error_kind::database_error, "Too many update results were returned.");
    }
    std::vector<std::vector<sql::parameter>> sets(count);
    for (std::size_t index = 0; index < count; ++index) {
        auto bound = bind_parameters(prepared.names, wanted.set(index), dialect, as, one.wanted.made, sets[index]);
        if (!bound) co_return std::unexpected(std::move(bound.error()));
    }
    workload work{.text = commented(prepared.text, prepared.kind, one),
                  .sets = sets,
                  // A single one is a statement of its own, so that those work which no transaction allows.
                  .whole = count > 1,
                  .touches_session = prepared.touches_session || (reading && dialect == sql::dialect::mysql),
                  .asks_for_leftovers = prepared.asks_for_leftovers,
                  .reading = reading,
                  .body = [&as](std::span<const sql::outcome> all) { return batch_body(all, as); }};

    // R-8.4: each set with the rows that it inserted.
    std::string inserting;
    std::size_t bytes = 0;
    std::deque<inserted_writer> inserted;
    std::vector<work_step> steps;
    if (as.batches_return_inserted && prepared.inserts && !prepared.returning && dialect == sql::dialect::postgresql) {
        inserting = prepared.text + "\nRETURNING *";
        const auto text = commented(inserting, prepared.kind, one);
        for (const auto& set : sets) steps.push_back({text, set, &inserted.emplace_back(as, bytes)});
        work.steps = steps;
        work.body = [&inserted](std::span<const sql::outcome>) { return inserted_body(inserted); };
    }
    if (count == 0) {  // R-8.5
        if (!in_transaction) co_return batch_body({}, as);
        auto held = hold(wanted, who);
        if (must_wait(held, as)) held = co_await hold_in_turn(wanted, who, as);
        if (!held) co_return std::unexpected(transaction_error(held.error(), wanted.transaction_id));
        co_return batch_body({}, as);
    }
    co_return co_await run_workload(operation::batch_execute_statement, work, one, who, **found, to);
}

// ---- several statements at once

/// Slow ones are seen by their first statement.
core::awaitable<service::parts::attempted> service::parts::perform_noted(operation of, const workload& what,
                                                                         const call& one, const auth::caller& who,
                                                                         const target& at, held_session session) {
    const auto since = slow.now();
    attempted done;
    {
        stay there(numbers, one.seen);
        const core::deadline until(there.since() + within(*at.behaves, who).statement_timeout);
        done = co_await perform(what, std::move(session), until, waited_for, one.by, there.encoding());
    }
    if (!done) count_end(done.error(), one.by);
    slow.look(since, of, what.steps.empty() ? what.text : what.steps.front().text, at.driver->speaks(), at.cluster_id,
              who, one.seen);
    co_return done;
}

/// On the transaction's session (R-8.8), or on one of its own.
core::awaitable<answered> service::parts::run_workload(operation of, const workload& what, const call& one,
                                                       const auth::caller& who, const target& at,
                                                       shared_destination& to) {
    const request& wanted = one.wanted;
    const profile& as = within(*at.behaves, who);
    const auto dialect = at.driver->speaks();
    if (!wanted.transaction_id.empty()) {
        auto held = hold(wanted, who);
        if (must_wait(held, as)) held = co_await hold_in_turn(wanted, who, as);
        if (!held) co_return std::unexpected(transaction_error(held.error(), wanted.transaction_id));
        if (is_over(held))
            co_return std::unexpected(transaction_error(pool::transaction_refusal::aborted, wanted.transaction_id));
        auto done = co_await perform_noted(of, what, one, who, at, held_session(*std::move(held)));
        if (done) co_return *std::move(done);
        if (done.error().kind == failure_kind::unreachable)
            co_return std::unexpected(transaction_error(pool::transaction_refusal::aborted, wanted.transaction_id));
        co_return std::unexpected(error_of(done.error(), as, dialect));
    }
    for (std::size_t tries = 0;; ++tries) {
        auto leased = co_await open(to, wanted.secret_arn, at, who, one.seen);
        if (!leased) co_return std::unexpected(std::move(leased.error()));
        auto done = co_await perform_noted(of, what, one, who, at, held_session(*std::move(leased)));
        if (done) co_return *std::move(done);
        if (!what.reading && tries == 0 && has_moved(at, done.error())) continue;
        if (done.error().kind != failure_kind::unreachable || tries >= to->limits.maximum)
            co_return std::unexpected(error_of(done.error(), as, dialect));
    }
}

/// R-3.19 of generation 1: all of them run, in one transaction as pgjdbc's are, and the first result is the answer.
core::awaitable<answered> service::parts::execute_several(call& one, const auth::caller& who, const target& at,
                                                          shared_destination to) {
    const request& wanted = one.wanted;
    const profile& as = within(*at.behaves, who);
    const auto dialect = at.driver->speaks();
    std::vector<std::shared_ptr<const sql::rewritten>> statements_of;
    std::deque<std::vector<sql::parameter>> bound;
    std::vector<work_step> steps;
    result_writer first(as, wanted, result_writer::statement::writes);
    bool asks = false;
    for (const auto text : sql::split(wanted.sql, dialect)) {
        statements_of.push_back(statements.find_or_rewrite(text, dialect, one.names));
        const auto& statement = *statements_of.back();
        asks |= statement.asks_for_leftovers;
        auto done =
            bind_parameters(statement.names, wanted.parameters, dialect, as, one.wanted.made, bound.emplace_back());
        if (!done) co_return std::unexpected(std::move(done.error()));
        steps.push_back(
            {commented(statement.text, statement.kind, one), bound.back(), steps.empty() ? &first : nullptr});
    }
    const workload work{.steps = steps,
                        .described = wanted.include_result_metadata ? sql::description::full : sql::description::types,
                        .asks_for_leftovers = asks,
                        .body = [&first](std::span<const sql::outcome> all) { return body_of(first, all.front()); }};
    co_return co_await run_workload(operation::execute_statement, work, one, who, at, to);
}

/// R-13.10: each statement with its own result. It has no parameters, so that the texts go as they are.
core::awaitable<answered> service::parts::execute_sql(call& one, const auth::caller& who) {
    const request& wanted = one.wanted;
    core::result<std::shared_ptr<const target>> found = names.at_hand(wanted.resource_arn);
    if (!*found) found = co_await find_target(wanted);
    if (!found) co_return std::unexpected(refused_target(std::move(found.error()), wanted.resource_arn));
    const target& at = **found;
    const profile& as = within(*at.behaves, who);
    const auto dialect = at.driver->speaks();
    const auto use = uses.begin(wanted.resource_arn);
    auto login = names.find_login(wanted.secret_arn, at);
    if (login && !*login) login = co_await fetch_login(at, wanted.secret_arn);
    auto to = find_destination(*found, wanted, login);
    if (!to) co_return std::unexpected(std::move(to.error()));
    if (auto checked = check_rules(wanted.sql, at, who); !checked)
        co_return std::unexpected(std::move(checked.error()));
    const auto texts = sql::split(wanted.sql, dialect);
    if (texts.empty()) co_return core::fail(error_kind::validation, "SQL is empty");
    const bool reading = who.limits().read_only;
    if (reading)
        if (auto checked = check_reading(wanted.sql, texts.size() > 1, dialect); !checked)
            co_return std::unexpected(std::move(checked.error()));
    std::size_t bytes = 0;
    std::deque<frame_writer> frames;
    std::vector<work_step> steps;
    note_sql(one, dialect);
    bool asks = false;
    for (const auto text : texts) {
        const auto known = statements.find_or_rewrite(text, dialect, {});
        const auto kind = one.seen == nullptr ? sql::statement_class::other : known->kind;
        steps.push_back({commented(text, kind, one), {}, &frames.emplace_back(as, bytes)});
        asks |= known->asks_for_leftovers;
    }
    const workload work{.steps = steps,
                        .described = sql::description::full,
                        .whole = texts.size() > 1 && dialect == sql::dialect::postgresql,
                        .asks_for_leftovers = asks,
                        .reading = reading,
                        .body = [&frames](std::span<const sql::outcome> all) { return frames_body(frames, all); }};
    co_return co_await run_workload(operation::execute_sql, work, one, who, at, *to);
}

// ---- transactions

core::awaitable<answered> service::parts::begin(call& one, const auth::caller& who) {
    const request& wanted = one.wanted;
    core::result<std::shared_ptr<const target>> found = names.at_hand(wanted.resource_arn);
    if (!*found) found = co_await find_target(wanted);
    if (!found) co_return std::unexpected(refused_target(std::move(found.error()), wanted.resource_arn));
    const auto use = uses.begin(wanted.resource_arn);
    const profile& as = within(*(*found)->behaves, who);
    const auto dialect = (*found)->driver->speaks();
    auto login = names.find_login(wanted.secret_arn, **found);
    if (login && !*login) login = co_await fetch_login(**found, wanted.secret_arn);
    auto to = find_destination(*found, wanted, login);
    if (!to) co_return std::unexpected(std::move(to.error()));
    const auto too_many = [this] {
        return core::fail(error_kind::unavailable,
                          draining ? "The server is shutting down; try again"
                                   : "Too many transactions are open: end some, or try again later");
    };
    if (draining || transactions.open() >= most_transactions) co_return too_many();
    std::shared_ptr<const void> counted;
    if (who.limits().open_transactions) {
        auto counting = auth::meter::begin_transaction(who.who().used, who.limits());
        if (!counting) co_return core::fail(error_kind::throttled, "Rate exceeded");
        counted = std::make_shared<auth::meter::use>(*std::move(counting));
    }

    for (std::size_t tries = 0;; ++tries) {
        auto leased = co_await open(*to, wanted.secret_arn, **found, who, one.seen, pool::purpose::transaction);
        if (!leased) co_return std::unexpected(std::move(leased.error()));
        // MySQL: for all that begins later.
        if (who.limits().read_only && dialect == sql::dialect::mysql) leased->taint();
        std::optional<stay> there(std::in_place, numbers, one.seen);
        auto begun = co_await (*leased)->begin(core::deadline::after(as.statement_timeout));
        if (begun && who.limits().read_only)
            begun = co_await (*leased)->begin_reading(core::deadline::after(as.statement_timeout));
        there.reset();
        if (!begun) {
            if (!(*leased)->usable()) leased->discard();
            if (begun.error().kind == failure_kind::unreachable && tries < (*to)->limits.maximum) continue;
            co_return std::unexpected(error_of(begun.error(), as, dialect));
        }
        const auto id = transactions.adopt(*std::move(leased),
                                           {.resource_arn = std::string(wanted.resource_arn),
                                            .secret_arn = std::string(wanted.secret_arn),
                                            .caller = who.arn(),
                                            .database = (*to)->database},
                                           counted);
        if (!id) co_return too_many();
        ++numbers.transactions_begun;
        if (one.seen != nullptr) one.seen->transaction_id = *id;
        co_return fmt::format(R"({{"transactionId":"{}"}})", *id);
    }
}

core::awaitable<answered> service::parts::end(operation how, call& one, const auth::caller& who) {
    const request& wanted = one.wanted;
    constexpr std::string_view rolled_back = R"({"transactionStatus":"Rollback Complete"})";
    constexpr std::string_view committed = R"({"transactionStatus":"Transaction Committed"})";
    using ending = pool::held_transaction::ending;
    const profile& as = names.profile_of(wanted.resource_arn);
    auto held = hold(wanted, who);
    if (must_wait(held, as)) held = co_await hold_in_turn(wanted, who, as);
    if (!held) {
        if (held.error() == pool::transaction_refusal::committed && how == operation::commit_transaction)
            co_return std::string(committed);  // asked again by one who did not read the answer
        co_return std::unexpected(transaction_error(held.error(), wanted.transaction_id));
    }
    auto& session = held->session();
    const stay there(numbers, one.seen);
    // The engine only matters for a database that cannot be reached, which is another answer here.
    const auto refused = [&](const sql::failure& why) {
        return std::unexpected(error_of(why, as, sql::dialect::postgresql));
    };
    const auto until = core::deadline::after(readiness_wait);
    if (how == operation::rollback_transaction) {
        const auto done = co_await session.rollback(until);
        held->end(done ? ending::rolled_back : ending::aborted);
        // A session that broke instead is rolled back by its database.
        if (done || done.error().kind != failure_kind::database) co_return std::string(rolled_back);
        co_return refused(done.error());
    }
    if (is_over(held))
        co_return std::unexpected(transaction_error(pool::transaction_refusal::aborted, wanted.transaction_id));
    if (who.limits().read_only) {
        // There is nothing to commit; what a read-only transaction lets pass (large objects, before PostgreSQL 16)
        // goes.
        const auto sound = co_await session.begin_reading(until);  // not in a transaction that has failed
        const auto undone = co_await session.rollback(until);
        const auto as_if = sound ? ending::committed : ending::rolled_back;
        held->end(undone ? as_if : ending::aborted);
        if (sound && undone) co_return std::string(committed);
        if (undone || undone.error().kind == failure_kind::database) co_return std::string(rolled_back);  // R-9.6
        co_return std::unexpected(transaction_error(pool::transaction_refusal::aborted, wanted.transaction_id));
    }
    auto done = co_await session.commit(until);
    if (!done && done.error().kind == failure_kind::timeout && !session.usable())
        done.error().kind = failure_kind::lost;
    if (done && *done == sql::commit_status::committed) {
        held->end(ending::committed);
        co_return std::string(committed);
    }
    const bool over = done || done.error().kind == failure_kind::database;  // refused: rolled back all the same
    held->end(over ? ending::rolled_back : ending::aborted);
    if (done) co_return std::string(rolled_back);  // R-9.6
    if (done.error().kind == failure_kind::unreachable)
        co_return std::unexpected(transaction_error(pool::transaction_refusal::aborted, wanted.transaction_id));
    co_return refused(done.error());
}

// ---- the service

service::service(const core::executor& home, std::uint8_t home_index, settings with, directory& names,
                 pool::shared_budgets& budgets)
    : parts_(std::make_shared<parts>(home, home_index, with, names, budgets)) {}

service::~service() = default;

void service::meet(std::span<service* const> peers) { parts_->peers = peers; }

core::awaitable<response> service::handle(operation what, std::string_view body, const auth::caller& who,
                                          const core::listener* by, observation* seen) {
    const auto at = parts_;  // until the frame is gone
    const stopwatch timed(at->numbers[what].took);
    core::error failed;
    const profile* as = nullptr;
    try {
        auto one = at->take_call();
        one->by = by;
        one->seen = seen;
        auto readable = at->read(what, body, who, *one, as);
        answered done;
        if (!readable) {
            done = std::unexpected(std::move(readable.error()));
        } else {
            auto elsewhere = at->foreign_home_of(one->wanted.transaction_id);
            if (elsewhere != nullptr) {
                const auto there = elsewhere->home;
                auto hopped = parts::serve_hopped(std::move(elsewhere), what, std::move(one), who);
                done = co_await core::asio::co_spawn(there, std::move(hopped), core::use_awaitable);
            } else {
                done = co_await at->run(what, one, who);
            }
        }
        at->keep_call(std::move(one));
        if (done) {
            at->numbers[what].count({});
            co_return response{.body = *std::move(done)};
        }
        failed = std::move(done.error());
    } catch (const std::exception& problem) {
        failed.message = problem.what();
    }
    if (as == nullptr) as = &at->names.profile_of({});
    if (failed.kind == error_kind::internal)
        core::log(core::log_level::error, "data_api: {}: {}", name_of(what), failed.message);
    auto made = answer(failed, as->errors);
    at->numbers[what].count(made.error_type);
    co_return made;
}

void service::tick(core::clock::time_point now) {
    const auto ended = parts_->waited_for.sweep();
    parts_->numbers.hung_up += ended;
    if (ended > 0) core::log(core::log_level::info, "data_api: {} statement(s) cancelled whose callers hung up", ended);
    parts_->transactions.reap(now);
    parts_->destinations.clear();  // cheap to make again; nothing of what is no more stays
    parts_->pools.sweep(now);
}

void service::begin_drain(core::clock::time_point now) {
    parts_->draining = true;
    parts_->transactions.begin_drain(now);
}

core::awaitable<void> service::shut_down(core::deadline until) {
    const auto at = parts_;
    co_await at->transactions.end_all(until);
    at->pools.drop_all();
}

void service::set(settings with) {
    parts_->most_transactions = with.transactions.maximum;
    parts_->transactions.set_limits(with.transactions);
    parts_->slow.set(with.slow);
    if (std::exchange(parts_->json_values, with.json_values) != with.json_values) parts_->spare.clear();
}

void service::drop_target(const std::string& resource_arn) { parts_->pools.drop_target(resource_arn); }

const statistics& service::numbers() const { return parts_->numbers; }

service::state service::now() const {
    return {.sessions = parts_->pools.counts(),
            .by_cluster = parts_->pools.counts_by_target(),
            .since_start = parts_->pools.totals(),
            .ended = parts_->transactions.totals(),
            .transactions_open = parts_->transactions.open(),
            .slow_statements = parts_->slow.count()};
}

std::size_t service::uses_of(std::string_view resource_arn) const {
    return parts_->uses.of(resource_arn) + parts_->transactions.open(resource_arn);
}

std::uint64_t service::calls_of(std::string_view resource_arn) const { return parts_->uses.begun(resource_arn); }

}  // namespace borealis::data_api
