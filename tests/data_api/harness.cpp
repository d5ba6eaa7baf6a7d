#include "harness.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "json/document.hpp"
#include "json/writer.hpp"
#include "mysql/driver.hpp"
#include "postgres/driver.hpp"

namespace borealis::data_api {
namespace {

using namespace std::chrono_literals;

class no_sink final : public sql::row_sink {
 public:
    sql::reception columns(std::span<const sql::column>) override { return sql::reception::plain; }
    sql::flow row(std::span<const sql::cell>, std::size_t) override { return sql::flow::more; }
};

core::awaitable<void> run_once(sql::driver& through, sql::endpoint to, sql::login as, std::string database,
                               std::string sql) {
    auto session = co_await through.connect(to, as, database, core::deadline::after(10s));
    if (!session) throw std::runtime_error(session.error().message);
    no_sink sink;
    auto done = co_await (*session)->execute(sql, {}, sink, sql::description::types, core::deadline::after(10s));
    if (!done) throw std::runtime_error(done.error().message + " in " + sql);
}

void run_beside(engine which, const std::string& database, const std::string& sql) {
    core::asio::io_context loop{1};
    std::exception_ptr failed;
    const auto& server = server_of(which);
    core::asio::co_spawn(loop, run_once(driver_of(which), server.endpoint, server.login(), database, sql),
                         [&failed](std::exception_ptr what) { failed = what; });
    loop.run();
    if (failed) std::rethrow_exception(failed);
}

std::string fresh_name() {
    static std::atomic<int> last = 0;
    return fmt::format("data_api_{}_{}", ::getpid(), ++last);
}

auth::caller developer(std::string_view who) { return auth::caller::developer(who, "123456789012"); }

core::awaitable<void> handle(service& by, operation what, std::string body, auth::caller who,
                             std::shared_ptr<std::optional<response>> into, const core::listener* asker) {
    const auto size = body.size();
    body.append(json::padding, ' ');
    *into = co_await by.handle(what, std::string_view(body).substr(0, size), who, asker);
}

}  // namespace

const tests::database& server_of(engine which) {
    return which == engine::postgresql ? tests::postgresql() : tests::mariadb();
}

bool by_library() {
    const char* const driver = std::getenv("BOREALIS_TEST_DRIVER");
    return driver != nullptr && std::string_view(driver) == "library";
}

sql::driver& driver_of(engine which) {
    static const auto postgresql =
        postgres::make_driver(by_library() ? postgres::protocol::libpq : postgres::protocol::native);
    static const auto mysql = mysql::make_driver(by_library() ? mysql::protocol::libmariadb : mysql::protocol::native);
    return which == engine::postgresql ? *postgresql : *mysql;
}

test_directory::test_directory(engine which, std::string database) {
    const auto& server = server_of(which);
    cluster.resource_arn = test_arn;
    cluster.cluster_id = "test";
    cluster.driver = &driver_of(which);
    cluster.endpoint = server.endpoint;
    cluster.default_database = std::move(database);
    cluster.behaves = &behaves;
    logins.emplace(test_secret, std::vector{secret_login{server.login(), {}}});
}

const profile& test_directory::profile_of(std::string_view) { return behaves; }

core::awaitable<core::result<std::shared_ptr<const target>>> test_directory::find_target(std::string_view resource_arn,
                                                                                         core::deadline) {
    ++targets_asked;
    if (resource_arn != cluster.resource_arn)
        co_return core::fail(core::error_kind::endpoint_not_enabled,
                             fmt::format("HttpEndpoint is not enabled for resource {}", resource_arn));
    auto made = std::make_shared<const target>(cluster);
    const std::lock_guard lock(mutex_);
    if (remembers) met_ = made;
    co_return made;
}

std::shared_ptr<const target> test_directory::at_hand(std::string_view resource_arn) {
    const std::lock_guard lock(mutex_);
    return remembers && met_ && met_->resource_arn == resource_arn ? met_ : nullptr;
}

void test_directory::forget() {
    const std::lock_guard lock(mutex_);
    met_.reset();
    known_.clear();
}

directory::found_login test_directory::find_login(std::string_view secret, const target&) {
    const std::lock_guard lock(mutex_);
    if (remembers)
        if (const auto found = known_.find(secret); found != known_.end()) return found->second;
    const auto found = logins.find(secret);
    if (found == logins.end())
        return core::fail(core::error_kind::secret_not_found, fmt::format("The secret {} wasn't found.", secret));
    auto& known = found->second;
    auto first = std::make_shared<const secret_login>(known.front());
    if (known.size() > 1) known.erase(known.begin());
    if (remembers) known_[std::string(secret)] = first;
    return first;
}

core::awaitable<directory::found_login> test_directory::fetch_login(std::string secret, const target& at,
                                                                    const sql::login*, core::deadline) {
    {
        const std::lock_guard lock(mutex_);
        known_.erase(secret);
    }
    co_return find_login(secret, at);
}

served::served(test_directory& names, pool::shared_budgets& budgets, std::uint8_t index, settings with)
    : api(loop.get_executor(), index, with, names, budgets) {}

served::~served() = default;

std::shared_ptr<std::optional<response>> served::start(operation what, std::string body, const core::listener* by) {
    auto into = std::make_shared<std::optional<response>>();
    core::asio::co_spawn(loop, handle(api, what, std::move(body), developer("tester"), into, by), core::asio::detached);
    return into;
}

response served::call(operation what, std::string body, std::string_view who) {
    return call_as(what, std::move(body), developer(who));
}

response served::call_as(operation what, std::string body, const auth::caller& who) {
    auto into = std::make_shared<std::optional<response>>();
    core::asio::co_spawn(loop, handle(api, what, std::move(body), who, into, nullptr), core::asio::detached);
    loop.restart();
    const auto limit = core::clock::now() + 30s;
    while (!*into && core::clock::now() < limit) loop.run_one_for(1s);
    if (!*into) throw std::runtime_error("no answer in 30 s");
    return std::move(**into);
}

void served::run_for(std::chrono::milliseconds time) {
    loop.restart();
    const auto limit = core::clock::now() + time;
    while (core::clock::now() < limit) {
        loop.restart();
        loop.run_one_until(limit);
    }
}

service_test::service_test() : database(fresh_name()), names(GetParam(), database) {
    run_beside(GetParam(), pick("postgres", ""), "CREATE DATABASE " + database);
    api = std::make_unique<served>(names, budgets);
}

service_test::~service_test() {
    api.reset();
    run_beside(GetParam(), pick("postgres", ""), "DROP DATABASE " + database + pick(" WITH (FORCE)", ""));
}

std::string service_test::body(std::string_view members) {
    return fmt::format(R"({{"resourceArn":"{}","secretArn":"{}"{}}})", test_arn, test_secret, members);
}

response service_test::execute(std::string_view sql, std::string_view more) {
    std::string text;
    json::append_string(text, sql);
    return api->call(operation::execute_statement, body(fmt::format(R"(,"sql":{}{})", text, more)));
}

response service_test::batch(std::string_view sql, std::string_view sets, std::string_view more) {
    std::string text;
    json::append_string(text, sql);
    return api->call(operation::batch_execute_statement,
                     body(fmt::format(R"(,"sql":{},"parameterSets":{}{})", text, sets, more)));
}

std::string service_test::begin() {
    const auto begun = api->call(operation::begin_transaction, body(""));
    if (begun.status != 200) throw std::runtime_error(begun.body);
    json::document document;
    return std::string((*document.parse_copy(begun.body))->find("transactionId")->text());
}

response service_test::commit(std::string_view id) { return api->call(operation::commit_transaction, body(in(id))); }
response service_test::rollback(std::string_view id) {
    return api->call(operation::rollback_transaction, body(in(id)));
}

void service_test::beside(const std::string& sql) const { run_beside(GetParam(), database, sql); }

std::string service_test::value_of(std::string_view sql) {
    const auto answered = execute(sql);
    if (answered.status != 200) throw std::runtime_error(answered.body);
    json::document document;
    const auto& field = *(*document.parse_copy(answered.body))->find("records")->begin()->begin();
    const auto& value = *field.begin();
    return std::string(value.is() == json::kind::boolean  ? (value.boolean() ? "true" : "false")
                       : value.is() == json::kind::string ? value.text()
                                                          : value.raw());
}

}  // namespace borealis::data_api
