#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auth/verifier.hpp"
#include "borealis/data_api.hpp"
#include "borealis/secrets_manager.hpp"
#include "client/access.hpp"
#include "client/fake_environment.hpp"
#include "client/scripted_server.hpp"

namespace borealis {
namespace {

using namespace std::chrono_literals;
using client::tests::answer;
using client::tests::lose;
using client::tests::refuse;
using client::tests::scripted_server;
using client::tests::step;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A client whose only server plays a script.
struct stage {
    scripted_server server;
    client::tests::fake_environment fake;
    std::vector<std::string> warnings;
    client_options options;
    std::unique_ptr<data_api_client> made = nullptr;

    explicit stage(std::vector<step> script) : server(std::move(script)) {
        options = {.region = "eu-central-1",
                   .endpoint_url = server.url(),
                   .credentials =
                       aws_credentials{
                           .access_key_id = "AKIDEXAMPLE", .secret_access_key = "secret", .session_token = "token"},
                   .on_warning = [this](std::string_view text) { warnings.emplace_back(text); }};
    }
    data_api_client& client() {
        if (!made) {
            made = std::make_unique<data_api_client>(client_access::make_data_api(
                options, {.resource_arn = "arn:cluster", .secret_arn = "arn:secret", .database = "hr"}, fake.make()));
        }
        return *made;
    }
    [[nodiscard]] std::vector<std::string> targets() const {
        std::vector<std::string> all;
        for (const auto& one : server.requests()) all.push_back(one.target);
        return all;
    }
};

const auto done = answer(R"({"numberOfRecordsUpdated":1,"generatedFields":[]})");
const auto began = answer(R"({"transactionId":"T1"})");
const auto committed = answer(R"({"transactionStatus":"Transaction Committed"})");
const auto rolled_back = answer(R"({"transactionStatus":"Rollback Complete"})");
const step silence{.what = step::kind::stay_silent};
constexpr std::string_view insert = "INSERT INTO t VALUES (1)";

/// The error that `act` throws, as one line.
std::string error_of(const std::function<void()>& act) {
    try {
        act();
        return "none";
    } catch (const aws_error& failed) {
        return failed.code() + (failed.outcome_unknown() ? " unknown" : "") + (failed.retryable() ? " retryable" : "");
    }
}

TEST(execute, given_a_statement_when_sent_then_it_is_signed_and_complete) {
    stage at({answer(R"({"numberOfRecordsUpdated":0,"records":[[{"longValue":7},{"stringValue":"Ann"}]],)"
                     R"("columnMetadata":[{"label":"id"},{"label":"name"}]})")});
    const auto found = at.client().execute_statement(
        {.sql = "SELECT :id", .parameters = {param("id", 7)}, .include_result_metadata = true});
    ASSERT_EQ(found.rows().size(), 1U);
    for (const auto row : found.rows()) {
        EXPECT_EQ(row.get<int>(0), 7);
        EXPECT_EQ(row.get<std::string>("name"), "Ann");
        EXPECT_EQ(row["id"], field(7));
    }
    EXPECT_EQ(found.request_id, "request-1");

    const auto seen = at.server.requests().at(0);
    EXPECT_EQ(seen.method + " " + seen.target, "POST /Execute");
    EXPECT_EQ(seen.body, R"({"resourceArn":"arn:cluster","secretArn":"arn:secret","database":"hr","sql":"SELECT :id",)"
                         R"("parameters":[{"name":"id","value":{"longValue":7}}],"includeResultMetadata":true})");
    EXPECT_EQ(seen.headers.at("content-type"), "application/json");
    EXPECT_THAT(seen.headers.at("user-agent"), HasSubstr("borealis-client/"));

    std::vector<auth::header> headers;
    for (const auto& [name, value] : seen.headers) headers.push_back({name, value});
    const auth::known_key key{.secret = core::secret_text("secret")};
    auth::signing_keys cache;
    const auto find_key = [&key](std::string_view id, std::string_view token) {
        return id == "AKIDEXAMPLE" && token == "token" ? &key : nullptr;
    };
    const auto who = auth::verify({seen.method, seen.target, "", headers, seen.body}, {.regions = {"eu-central-1"}},
                                  find_key, cache, std::chrono::floor<std::chrono::seconds>(at.fake.held->now));
    ASSERT_TRUE(who) << who.error().message;
}

TEST(execute, given_rows_when_taken_wrongly_then_the_error_names_the_column) {
    stage at(
        {answer(
             R"({"records":[[{"longValue":7},{"longValue":8},{"longValue":9}]],"columnMetadata":[{"label":"id"},{"label":"x"},{"label":"x"}]})"),
         answer(R"({"records":[[{"longValue":7}]]})")});
    const auto what = [](const std::function<void()>& act) {
        try {
            act();
            return std::string("nothing");
        } catch (const bad_field_access& refused) {
            return std::string(refused.what());
        }
    };
    const auto labelled = at.client().execute("SELECT 1");
    EXPECT_EQ(what([&] { (void)labelled.rows()[0].get<std::string>("id"); }),
              "column 0 'id': the field holds an integer, not text");
    EXPECT_EQ(what([&] { (void)labelled.rows()[0].get<int>("ID"); }), "there is no column 'ID'");
    EXPECT_EQ(what([&] { (void)labelled.rows()[0].get<int>("x"); }),
              "there are several columns 'x': use the column's number");
    EXPECT_EQ(what([&] { (void)labelled.rows()[0].get<int>(3); }), "there is no column 3: the record has 3");
    EXPECT_EQ(what([&] { (void)labelled.rows()[1]; }), "there is no row 1: the result has 1");
    const auto bare = at.client().execute("SELECT 1");
    EXPECT_EQ(what([&] { (void)bare.rows()[0].get<int>("id"); }),
              "columns have no labels here: set include_result_metadata in the request, or use the column's number");
}

TEST(execute, given_an_endpoint_with_a_path_when_called_then_it_is_prefixed) {
    stage at({done});
    at.options.endpoint_url += "/base/";
    at.client().execute(std::string(insert));
    EXPECT_THAT(at.targets(), ElementsAre("/base/Execute"));
}

// L-5.60 to L-5.66: what is repeated, and what is not.
struct repeat_case {
    std::string_view name;
    std::vector<step> script;
    std::function<void(data_api_client&)> act;
    std::string error;
    std::size_t requests;
    std::vector<int> slept;
};

std::ostream& operator<<(std::ostream& out, const repeat_case& of) { return out << of.name; }

void write(data_api_client& client) { client.execute(std::string(insert)); }
void read(data_api_client& client) { client.execute("SELECT 1"); }
void write_idempotent(data_api_client& client) {
    client.execute_statement({.sql = "UPDATE t SET a = 1", .idempotent = true});
}
void batch(data_api_client& client) { client.batch_execute(std::string(insert), {{}}); }
void begin(data_api_client& client) { (void)client.begin_transaction(); }
void commit(data_api_client& client) { client.commit_transaction({.transaction_id = "T"}); }
void roll_back(data_api_client& client) { client.rollback_transaction({.transaction_id = "T"}); }

const auto resuming = refuse(400, "DatabaseResumingException",
                             "The Aurora DB instance db-X is resuming after being auto-paused. Please wait");
const auto old_resuming =
    refuse(400, "BadRequestException",
           "Communications link failure\\n\\nThe driver has not received any packets from the server.");
const auto throttling = refuse(400, "ThrottlingException", "Rate exceeded");
const auto unavailable = refuse(503, "ServiceUnavailableError", "");
const auto internal = refuse(500, "InternalServerErrorException", "");
const auto bad_gateway = step{.bytes = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>"};

const repeat_case repeat_cases[] = {
    {"a lost write is not repeated", {lose(), done}, write, "ConnectionError unknown", 1, {}},
    {"a lost write on a kept connection is not repeated",
     {answer(R"({"records":[]})"), lose(), done},
     [](data_api_client& client) {
         read(client);
         write(client);
     },
     "ConnectionError unknown",
     2,
     {}},
    {"a lost batch is not repeated", {lose(), answer("{}")}, batch, "ConnectionError unknown", 1, {}},
    {"a lost commit is not repeated", {lose(), committed}, commit, "ConnectionError unknown", 1, {}},
    {"a commit whose answer breaks off is not repeated",
     {{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", .close_after = true}, committed},
     commit,
     "ConnectionError unknown",
     1,
     {}},
    {"a commit whose answer cannot be read is not repeated",
     {answer("<html>"), committed},
     commit,
     "InvalidResponse unknown",
     1,
     {}},
    {"a lost read is repeated", {lose(), answer("{}")}, read, "none", 2, {1000}},
    {"a lost idempotent write is repeated", {lose(), done}, write_idempotent, "none", 2, {1000}},
    {"a lost begin is repeated", {lose(), began}, begin, "none", 2, {1000}},
    {"a lost roll-back is repeated", {lose(), lose(), rolled_back}, roll_back, "none", 3, {1000, 2000}},
    {"three attempts are all",
     {lose(), lose(), lose(), answer("{}")},
     read,
     "ConnectionError retryable",
     3,
     {1000, 2000}},
    {"a 500 leaves a write in doubt", {internal, done}, write, "InternalServerErrorException unknown", 1, {}},
    {"a proxy's 502 leaves a write in doubt", {bad_gateway, done}, write, "502 unknown", 1, {}},
    {"a proxy's 502 of a read is repeated", {bad_gateway, answer("{}")}, read, "none", 2, {1000}},
    {"an unavailable service did nothing", {unavailable, done}, write, "none", 2, {1000}},
    {"throttling did nothing", {throttling, throttling, committed}, commit, "none", 3, {1000, 2000}},
    {"throttled for good",
     {throttling, throttling, throttling},
     write,
     "ThrottlingException retryable",
     3,
     {1000, 2000}},
    {"an SQL error is not repeated",
     {refuse(400, "DatabaseErrorException", "ERROR")},
     read,
     "DatabaseErrorException",
     1,
     {}},
    {"a write that the database did not answer is in doubt",
     {refuse(400, "DatabaseErrorException", "The connection was lost. Its outcome is unknown; SQLState: 08007"), done},
     write,
     "DatabaseErrorException unknown",
     1,
     {}},
    {"so is a commit",
     {refuse(400, "DatabaseErrorException", "The connection was lost. Its outcome is unknown; SQLState: 08007"),
      committed},
     commit,
     "DatabaseErrorException unknown",
     1,
     {}},
    {"a time-out that the database did not confirm is in doubt",
     {refuse(400, "StatementTimeoutException", "Its outcome is unknown; SQLState: 08007"), done},
     write,
     "StatementTimeoutException unknown",
     1,
     {}},
    {"a read cannot be in doubt",
     {refuse(400, "DatabaseErrorException", "The connection was lost. Its outcome is unknown; SQLState: 08007")},
     read,
     "DatabaseErrorException",
     1,
     {}},
    {"the server's hint counts",
     {refuse(400, "ThrottlingException", "", "x-amz-retry-after: 3500\r\n"), done},
     write,
     "none",
     2,
     {3500}},
    {"a resuming database is waited for",
     {resuming, resuming, resuming, resuming, resuming, done},
     write,
     "none",
     6,
     {1000, 2000, 3000, 5000, 5000}},
    {"so is one of v1", {old_resuming, old_resuming, began}, begin, "none", 3, {1000, 2000}},
    {"resuming does not use up the attempts",
     {resuming, throttling, resuming, throttling, done},
     write,
     "none",
     5,
     {1000, 1000, 2000, 2000}},
    {"inside a transaction nothing is waited for",
     {resuming},
     [](data_api_client& client) { client.execute_statement({.sql = "SELECT 1", .transaction_id = "T"}); },
     "DatabaseResumingException retryable",
     1,
     {}},
    {"a statement that runs on is in doubt",
     {refuse(400, "StatementTimeoutException", "")},
     [](data_api_client& client) {
         client.execute_statement({.sql = std::string(insert), .continue_after_timeout = true});
     },
     "StatementTimeoutException unknown",
     1,
     {}},
    {"a statement that was cancelled is not",
     {refuse(400, "StatementTimeoutException", "")},
     write,
     "StatementTimeoutException",
     1,
     {}},
};

class l_5_65 : public testing::TestWithParam<repeat_case> {};

TEST_P(l_5_65, given_faults_when_a_call_is_made_then_only_what_is_safe_is_repeated) {
    stage at(GetParam().script);
    EXPECT_EQ(error_of([&] { GetParam().act(at.client()); }), GetParam().error);
    EXPECT_EQ(at.server.requests().size(), GetParam().requests);
    EXPECT_EQ(at.fake.slept_milliseconds(), GetParam().slept);
}

INSTANTIATE_TEST_SUITE_P(faults, l_5_65, testing::ValuesIn(repeat_cases));

TEST(retries, given_nobody_listening_when_a_write_is_made_then_it_is_tried_three_times_and_certainly_not_done) {
    stage at({});
    at.options.endpoint_url = "http://127.0.0.1:1";
    EXPECT_EQ(error_of([&] { write(at.client()); }), "ConnectionError retryable");
    EXPECT_EQ(at.fake.slept_milliseconds(), (std::vector<int>{1000, 2000}));
}

TEST(retries, given_an_attempt_that_takes_too_long_when_it_is_a_write_then_its_outcome_is_unknown) {
    stage at({silence});
    at.options.attempt_timeout = 50ms;
    EXPECT_EQ(error_of([&] { write(at.client()); }), "CallTimeout unknown");
}

TEST(retries, given_a_whole_call_time_when_a_pause_would_pass_it_then_the_call_fails_instead_of_waiting) {
    stage at({resuming, resuming, resuming, done});
    at.options.call_timeout = 5s;
    EXPECT_EQ(error_of([&] { write(at.client()); }), "DatabaseResumingException retryable");
    EXPECT_EQ(at.fake.slept_milliseconds(), (std::vector<int>{1000, 2000}));
    stage own({resuming, done});
    EXPECT_EQ(error_of([&] { own.client().execute_statement({.sql = "SELECT 1", .timeout = 900ms}); }),
              "DatabaseResumingException retryable");
    EXPECT_THAT(own.fake.slept_milliseconds(), IsEmpty());
}

TEST(l_5_64, given_a_database_that_never_resumes_when_the_limit_is_reached_then_the_error_is_the_services) {
    stage at({});
    at.server.otherwise(resuming);
    at.options.resume_timeout = 12s;
    EXPECT_EQ(error_of([&] { write(at.client()); }), "DatabaseResumingException retryable");
    EXPECT_EQ(at.fake.slept_milliseconds(), (std::vector<int>{1000, 2000, 3000, 5000}));
    stage never({resuming});
    never.options.resume_timeout = 0s;
    EXPECT_EQ(error_of([&] { write(never.client()); }), "DatabaseResumingException retryable");
}

TEST(l_5_60, given_a_service_that_fails_on_and_on_when_called_then_the_bucket_ends_the_retries) {
    stage at({});
    at.server.otherwise(throttling);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(error_of([&] { write(at.client()); }), "ThrottlingException retryable");
    EXPECT_EQ(at.server.requests().size(), 150U);
    EXPECT_EQ(error_of([&] { write(at.client()); }), "ThrottlingException retryable");
    EXPECT_EQ(at.server.requests().size(), 151U);
}

TEST(l_5_6, given_a_clock_that_is_wrong_when_the_service_says_so_then_it_is_corrected_and_stays_so) {
    stage at({refuse(403, "InvalidSignatureException", "Signature expired", "Date: Mon, 23 Nov 2026 13:00:00 GMT\r\n"),
              done, done});
    write(at.client());
    write(at.client());
    const auto seen = at.server.requests();
    ASSERT_EQ(seen.size(), 3U);
    EXPECT_EQ(seen[0].headers.at("x-amz-date"), "20261123T120000Z");
    EXPECT_EQ(seen[1].headers.at("x-amz-date"), "20261123T130000Z");
    EXPECT_EQ(seen[2].headers.at("x-amz-date"), "20261123T130000Z");
}

TEST(l_5_6, given_a_clock_that_is_right_when_the_signature_is_refused_then_there_is_no_second_attempt) {
    const auto wrong =
        refuse(403, "InvalidSignatureException", "does not match", "Date: Mon, 23 Nov 2026 12:00:01 GMT\r\n");
    stage at({wrong, wrong});
    EXPECT_EQ(error_of([&] { write(at.client()); }), "InvalidSignatureException");
    EXPECT_EQ(at.server.requests().size(), 1U);
}

TEST(credentials, given_that_they_expired_at_the_service_when_they_can_be_fetched_then_the_call_is_made_again) {
    const auto expired = refuse(403, "ExpiredTokenException", "The security token included in the request is expired");
    stage at({expired, done, expired, expired});
    const client::tests::temporary_folder home;
    home.write(".aws/config", R"([default]
credential_process = echo {\"Version\":1,\"AccessKeyId\":\"PROC\",\"SecretAccessKey\":\"p\"})");
    at.fake.held->variables["HOME"] = home.path();
    at.options.credentials.reset();
    write(at.client());
    EXPECT_EQ(at.server.requests().size(), 2U);
    EXPECT_EQ(error_of([&] { write(at.client()); }), "ExpiredTokenException");
    EXPECT_EQ(at.server.requests().size(), 4U);
}

// The classes of errors.hpp.
struct class_case {
    std::string_view code;
    std::function<bool(const std::function<void()>&)> throws;
};

template <class Error>
bool throws(const std::function<void()>& act) {
    try {
        act();
    } catch (const aws_error& failed) {
        return dynamic_cast<const Error*>(&failed) != nullptr;
    }
    return false;
}

TEST(errors, given_each_shape_when_answered_then_its_class_is_thrown) {
    const class_case cases[] = {{"AccessDeniedException", throws<access_denied>},
                                {"BadRequestException", throws<bad_request>},
                                {"DatabaseErrorException", throws<database_error>},
                                {"DatabaseNotFoundException", throws<database_not_found>},
                                {"ForbiddenException", throws<forbidden>},
                                {"HttpEndpointNotEnabledException", throws<http_endpoint_not_enabled>},
                                {"InvalidResourceStateException", throws<invalid_resource_state>},
                                {"InvalidSecretException", throws<invalid_secret>},
                                {"NotFoundException", throws<not_found>},
                                {"SecretsErrorException", throws<secrets_error>},
                                {"StatementTimeoutException", throws<statement_timeout>},
                                {"TransactionNotFoundException", throws<transaction_not_found>},
                                {"UnsupportedResultException", throws<unsupported_result>},
                                {"ValidationException", throws<invalid_request>},
                                {"SerializationException", throws<invalid_request>},
                                {"UnrecognizedClientException", throws<not_authenticated>},
                                {"SomethingNew", throws<aws_error>}};
    for (const auto& of : cases) {
        stage at({refuse(400, of.code, "text")});
        EXPECT_TRUE(of.throws([&] { write(at.client()); })) << of.code;
    }
    for (const auto& of : {class_case{"DatabaseUnavailableException", throws<database_unavailable>},
                           class_case{"InternalServerErrorException", throws<internal_server_error>}}) {
        stage at({refuse(500, of.code, "")});
        EXPECT_TRUE(of.throws([&] { write(at.client()); })) << of.code;
    }
}

TEST(errors, given_a_database_error_when_caught_then_all_its_parts_are_there) {
    stage at({refuse(400, "DatabaseErrorException:http://internal.amazon.com/coral/",
                     "Duplicate entry 'a' for key 'k'; Error code: 1062; SQLState: 23000")});
    try {
        write(at.client());
        FAIL();
    } catch (const database_error& failed) {
        EXPECT_EQ(failed.code(), "DatabaseErrorException");
        EXPECT_EQ(failed.message(), "Duplicate entry 'a' for key 'k'; Error code: 1062; SQLState: 23000");
        EXPECT_EQ(failed.sql_state(), "23000");
        EXPECT_EQ(failed.engine_code(), 1062);
        EXPECT_EQ(failed.status(), 400);
        EXPECT_EQ(failed.request_id(), "request-1");
        EXPECT_STREQ(failed.what(),
                     "An error occurred (DatabaseErrorException) when calling the ExecuteStatement operation: "
                     "Duplicate entry 'a' "
                     "for key 'k'; Error code: 1062; SQLState: 23000");
    }
}

TEST(errors, given_a_body_alone_when_it_names_the_error_then_it_is_found) {
    const std::string body =
        R"({"__type":"com.amazon#StatementTimeoutException","Message":"late","dbConnectionId":42})";
    stage at({{.bytes = "HTTP/1.1 400 Bad\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body}});
    try {
        write(at.client());
        FAIL();
    } catch (const statement_timeout& failed) {
        EXPECT_EQ(failed.message(), "late");
        EXPECT_EQ(failed.db_connection_id(), 42);
        EXPECT_EQ(failed.sql_state(), std::nullopt);
    }
}

TEST(errors, given_a_call_within_attempt_when_it_fails_then_the_error_is_a_value) {
    stage at({refuse(400, "BadRequestException", "no"), done});
    const auto failed = attempt([&] { return at.client().execute("SELECT 1"); });
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code(), "BadRequestException");
    EXPECT_TRUE(attempt([&] { return at.client().execute("SELECT 1"); }));
}

TEST(settings, given_something_missing_when_the_first_call_is_made_then_the_error_says_what) {
    stage no_region({});
    no_region.options.region.clear();
    EXPECT_EQ(error_of([&] { write(no_region.client()); }), "ConfigurationError");
    stage no_credentials({});
    no_credentials.options.credentials.reset();
    EXPECT_EQ(error_of([&] { write(no_credentials.client()); }), "CredentialsError");
    EXPECT_THAT(no_credentials.server.requests(), IsEmpty());
    client::tests::fake_environment fake;
    auto no_target = client_access::make_data_api({.region = "x"}, {}, fake.make());
    EXPECT_EQ(error_of([&] { write(no_target); }), "ValidationException");
}

// Transactions.
TEST(transaction, given_a_transaction_when_committed_then_nothing_is_rolled_back) {
    stage at({began, done, answer(R"({"updateResults":[]})"), committed});
    {
        auto work = at.client().begin();
        EXPECT_EQ(work.id(), "T1");
        work.execute(std::string(insert), {param("a", 1)});
        work.batch_execute(std::string(insert), {});
        work.commit();
        EXPECT_FALSE(work.open());
    }
    EXPECT_THAT(at.targets(), ElementsAre("/BeginTransaction", "/Execute", "/BatchExecute", "/CommitTransaction"));
    const auto seen = at.server.requests();
    EXPECT_THAT(seen[1].body, HasSubstr(R"("database":"hr")"));
    EXPECT_THAT(seen[1].body, HasSubstr(R"("transactionId":"T1")"));
    EXPECT_THAT(seen[2].body, HasSubstr(R"("transactionId":"T1")"));
    EXPECT_EQ(seen[3].body, R"({"resourceArn":"arn:cluster","secretArn":"arn:secret","transactionId":"T1"})");
}

TEST(transaction, given_an_exception_when_the_transaction_is_left_then_it_is_rolled_back) {
    stage at({began, refuse(400, "DatabaseErrorException", "no"), rolled_back});
    EXPECT_THROW(
        {
            auto work = at.client().begin();
            work.execute(std::string(insert));
            work.commit();
        },
        database_error);
    EXPECT_THAT(at.targets(), ElementsAre("/BeginTransaction", "/Execute", "/RollbackTransaction"));
    EXPECT_THAT(at.warnings, IsEmpty());
}

TEST(transaction, given_an_explicit_roll_back_when_done_then_it_happens_once) {
    stage at({began, rolled_back});
    {
        auto work = at.client().begin();
        work.rollback();
    }
    EXPECT_THAT(at.targets(), ElementsAre("/BeginTransaction", "/RollbackTransaction"));
}

TEST(transaction, given_a_transaction_when_moved_then_one_object_owns_it) {
    stage at({began, began, rolled_back, rolled_back});
    {
        auto first = at.client().begin();
        auto second = std::move(first);
        EXPECT_FALSE(first.open());  // NOLINT(bugprone-use-after-move): that is what is tested
        EXPECT_TRUE(second.open());
        second = at.client().begin();  // the old one is rolled back
        EXPECT_EQ(at.server.requests().size(), 3U);
    }
    EXPECT_EQ(at.server.requests().size(), 4U);
}

TEST(transaction, given_a_failed_roll_back_when_in_a_destructor_then_it_is_a_warning) {
    stage at({began, refuse(403, "AccessDeniedException", "not you")});
    {
        auto work = at.client().begin();
    }
    EXPECT_THAT(at.warnings, ElementsAre("A transaction could not be rolled back; the service will end it: An error "
                                         "occurred (AccessDeniedException) "
                                         "when calling the RollbackTransaction operation: not you"));
}

TEST(transaction, given_a_transaction_that_is_over_when_left_then_nobody_is_warned) {
    stage at({began, refuse(404, "TransactionNotFoundException", "Transaction T1 is not found")});
    {
        auto work = at.client().begin();
    }
    EXPECT_THAT(at.warnings, IsEmpty());
}

// R-9.6: PostgreSQL's answer to the commit of a failed transaction.
TEST(transaction, given_a_commit_when_the_database_rolled_back_then_it_throws) {
    stage at({began, rolled_back});
    auto work = at.client().begin();
    EXPECT_EQ(error_of([&] { work.commit(); }), "TransactionRolledBack");
    EXPECT_FALSE(work.open());
}

TEST(transaction, given_a_commit_whose_answer_is_lost_when_left_then_a_roll_back_settles_it) {
    stage at({began, lose(), refuse(404, "TransactionNotFoundException", "Transaction T1 is not found")});
    {
        auto work = at.client().begin();
        EXPECT_EQ(error_of([&] { work.commit(); }), "ConnectionError unknown");
    }
    EXPECT_THAT(at.targets(), ElementsAre("/BeginTransaction", "/CommitTransaction", "/RollbackTransaction"));
    EXPECT_THAT(at.warnings, IsEmpty());
}

TEST(transaction, given_a_client_when_it_is_gone_then_its_transaction_still_works) {
    stage at({began, committed});
    auto work = at.client().begin();
    at.made.reset();
    work.commit();
    EXPECT_THAT(at.targets(), ElementsAre("/BeginTransaction", "/CommitTransaction"));
}

TEST(threads, given_many_threads_when_they_share_a_client_then_all_calls_succeed) {
    stage at({});
    at.server.otherwise(done);
    auto& client = at.client();
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&client] {
            for (int k = 0; k < 20; ++k) EXPECT_EQ(client.execute(std::string(insert)).records_updated, 1);
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(at.server.requests().size(), 80U);
}

// Secrets Manager.
TEST(secrets_manager, given_a_secret_when_asked_for_then_all_of_it_is_there) {
    scripted_server server(
        {lose(), answer(R"({"ARN":"arn:x","Name":"demo","VersionId":"v","SecretString":"{\"username\":\"u\"}",)"
                        R"("VersionStages":["AWSCURRENT"],"CreatedDate":1523477145.713})")});
    client::tests::fake_environment fake;
    fake.held->variables["AWS_ENDPOINT_URL_SECRETS_MANAGER"] = server.url();
    fake.held->variables["AWS_ACCESS_KEY_ID"] = "A";
    fake.held->variables["AWS_SECRET_ACCESS_KEY"] = "b";
    fake.held->variables["AWS_DEFAULT_REGION"] = "eu-west-1";
    auto client = client_access::make_secrets_manager({}, fake.make());
    const auto secret = client.get_secret_value({"demo"});
    EXPECT_EQ(secret.arn, "arn:x");
    EXPECT_EQ(secret.secret_string, R"({"username":"u"})");
    EXPECT_FALSE(secret.secret_binary);
    EXPECT_THAT(secret.version_stages, ElementsAre("AWSCURRENT"));
    EXPECT_EQ(secret.created, std::chrono::system_clock::time_point(1523477145713ms));
    const auto seen = server.requests().at(1);
    EXPECT_EQ(seen.target, "/");
    EXPECT_EQ(seen.headers.at("content-type"), "application/x-amz-json-1.1");
    EXPECT_EQ(seen.headers.at("x-amz-target"), "secretsmanager.GetSecretValue");
    EXPECT_THAT(seen.headers.at("authorization"), HasSubstr("/eu-west-1/secretsmanager/aws4_request"));
    EXPECT_THAT(seen.headers.at("authorization"), HasSubstr("SignedHeaders=content-type;host;x-amz-date;x-amz-target"));
    EXPECT_EQ(seen.body, R"({"SecretId":"demo"})");
}

TEST(secrets_manager, given_no_such_secret_when_asked_for_then_it_is_not_found) {
    const std::string body =
        R"({"__type":"ResourceNotFoundException","Message":"Secrets Manager can't find the specified secret."})";
    scripted_server server(
        {{.bytes = "HTTP/1.1 400 Bad\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body}});
    client::tests::fake_environment fake;
    auto client = client_access::make_secrets_manager(
        {.region = "x",
         .endpoint_url = server.url(),
         .credentials = aws_credentials{.access_key_id = "A", .secret_access_key = "b"}},
        fake.make());
    EXPECT_THROW(client.get_secret_value({.secret_id = "none", .version_stage = "AWSPREVIOUS"}), resource_not_found);
    EXPECT_EQ(server.requests().at(0).body, R"({"SecretId":"none","VersionStage":"AWSPREVIOUS"})");
    EXPECT_THROW(client.get_secret_value({}), invalid_request);
}

}  // namespace
}  // namespace borealis
