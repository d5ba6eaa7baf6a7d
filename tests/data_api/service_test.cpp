/// Statements, batches and their failures over both engines. Transactions: transactions_test.cpp; time:
/// timeouts_test.cpp.
#include <fmt/format.h>

#include "harness.hpp"
#include "json/document.hpp"

namespace borealis::data_api {
namespace {

using namespace std::chrono_literals;

std::string message_of(const response& of) {
    return std::string((*json::document().parse_copy(of.body))->find("message")->text());
}

INSTANTIATE_TEST_SUITE_P(engines, service_test, testing::Values(engine::postgresql, engine::mysql),
                         [](const auto& each) { return each.param == engine::postgresql ? "postgresql" : "mysql"; });

#define EXPECT_REFUSED(made, wanted_status, wanted_type, wanted_message)                \
    do {                                                                                \
        const response refused_ = (made);                                               \
        EXPECT_EQ(refused_.status, wanted_status);                                      \
        EXPECT_EQ(refused_.error_type, wanted_type);                                    \
        EXPECT_EQ(refused_.body, fmt::format(R"({{"message":"{}"}})", wanted_message)); \
    } while (false)

// ---- ExecuteStatement

TEST_P(service_test, given_parameters_when_executed_then_values_come_back) {  // R-1.20, section 4.2
    const auto made =
        execute("SELECT :n + 1 AS n, :t AS t, :n AS again, NULL AS nothing;  -- end",
                R"(,"parameters":[{"name":"n","value":{"longValue":41}},{"name":"t","value":{"stringValue":"ü:n"}}])");
    EXPECT_EQ(made.status, 200);
    EXPECT_EQ(made.error_type, "");
    EXPECT_EQ(
        made.body,
        R"({"numberOfRecordsUpdated":0,"records":[[{"longValue":42},{"stringValue":"ü:n"},{"longValue":41},{"isNull":true}]]})");
}

TEST_P(service_test, given_a_table_when_written_then_counts_and_generated_fields_are_told) {  // R-8.1 to R-8.3
    EXPECT_EQ(execute("CREATE TABLE t (id " + pick("SERIAL", "INT AUTO_INCREMENT") + " PRIMARY KEY, v INT)").body,
              R"({"generatedFields":[],"numberOfRecordsUpdated":0})");
    EXPECT_EQ(execute("INSERT INTO t (v) VALUES (:v)", R"(,"parameters":[{"name":"v","value":{"longValue":5}}])").body,
              pick(R"({"generatedFields":[],"numberOfRecordsUpdated":1})",
                   R"({"generatedFields":[{"longValue":1}],"numberOfRecordsUpdated":1})"));
    EXPECT_EQ(
        execute("INSERT INTO t (v) VALUES (:v), (7)", R"(,"parameters":[{"name":"v","value":{"isNull":true}}])").body,
        pick(R"({"generatedFields":[],"numberOfRecordsUpdated":2})",
             R"({"generatedFields":[{"longValue":2}],"numberOfRecordsUpdated":2})"));
    EXPECT_EQ(execute("UPDATE t SET v = 5").body, R"({"generatedFields":[],"numberOfRecordsUpdated":3})");
    EXPECT_EQ(execute("SELECT v FROM t WHERE id = 99").body, R"({"numberOfRecordsUpdated":0,"records":[]})");
    EXPECT_EQ(execute("DELETE FROM t WHERE id < 3").body, R"({"generatedFields":[],"numberOfRecordsUpdated":2})");
}

TEST_P(service_test, given_returning_when_inserted_then_rows_come_back_and_stay) {  // R-8.1
    execute("CREATE TABLE t (id INT PRIMARY KEY)");
    EXPECT_EQ(execute("INSERT INTO t VALUES (1), (2) RETURNING id").body,
              R"({"numberOfRecordsUpdated":0,"records":[[{"longValue":1}],[{"longValue":2}]]})");
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM t"), "2");
}

TEST_P(service_test, given_metadata_wanted_when_selected_then_columns_are_described) {  // section 6
    execute("CREATE TABLE t (id " + pick("SERIAL", "INT AUTO_INCREMENT") + " PRIMARY KEY, name VARCHAR(20) NOT NULL)");
    const auto made = execute("SELECT id AS number, name FROM t", R"(,"includeResultMetadata":true)");
    ASSERT_EQ(made.status, 200) << made.body;
    json::document document;
    const auto& columns = *(*document.parse_copy(made.body))->find("columnMetadata");
    ASSERT_EQ(columns.size(), 2U);
    const auto& id = *columns.begin();
    EXPECT_EQ(id.size(), 14U);
    EXPECT_EQ(id.find("label")->text(), "number");
    EXPECT_EQ(id.find("typeName")->text(), pick("serial", "INT"));
    EXPECT_EQ(id.find("type")->integer(), 4);
    EXPECT_EQ(id.find("tableName")->text(), "t");
    EXPECT_EQ(id.find("nullable")->integer(), 0);
    EXPECT_TRUE(id.find("isAutoIncrement")->boolean());
    EXPECT_EQ(execute("DELETE FROM t", R"(,"includeResultMetadata":true)").body,
              R"({"generatedFields":[],"numberOfRecordsUpdated":0})");
}

TEST_P(service_test, given_json_wanted_when_selected_then_records_are_formatted) {  // section 7
    EXPECT_EQ(
        execute("SELECT 1 AS id, 'Ja\"ne' AS name UNION ALL SELECT 2, NULL",
                R"(,"formatRecordsAs":"JSON","includeResultMetadata":true)")
            .body,
        R"({"formattedRecords":"[{\"id\":1,\"name\":\"Ja\\\"ne\"},{\"id\":2,\"name\":null}]","numberOfRecordsUpdated":0})");
    EXPECT_REFUSED(execute("SELECT 1 AS a, 2 AS a", R"(,"formatRecordsAs":"JSON")"), 400, "UnsupportedResultException",
                   "The result contains duplicate column names.");
    EXPECT_EQ(execute("SELECT 1 AS a, 2 AS a").status, 200);
}

TEST_P(service_test, given_options_when_selected_then_numbers_take_their_form) {  // R-5.5, R-5.6
    EXPECT_EQ(execute("SELECT CAST(1.50 AS DECIMAL(10,2)) AS d, CAST(7 AS DECIMAL(10,0)) AS w",
                      R"(,"resultSetOptions":{"decimalReturnType":"DOUBLE_OR_LONG"})")
                  .body,
              R"({"numberOfRecordsUpdated":0,"records":[[{"doubleValue":1.5},{"longValue":7}]]})");
    EXPECT_EQ(
        execute("SELECT 5 AS l, CAST(1.50 AS DECIMAL(10,2)) AS d", R"(,"resultSetOptions":{"longReturnType":"STRING"})")
            .body,
        R"({"numberOfRecordsUpdated":0,"records":[[{"stringValue":"5"},{"stringValue":"1.50"}]]})");
}

TEST_P(service_test, given_hinted_parameters_when_stored_then_they_come_back_in_awss_form) {  // section 4.3, R-5.2
    execute("CREATE TABLE t (d DATE, t TIME" + pick("", "(6)") + ", s " + pick("TIMESTAMPTZ", "DATETIME(6)") +
            ", n DECIMAL(10,3), b " + pick("BYTEA", "BLOB") + ")");
    const auto stored =
        execute("INSERT INTO t VALUES (:d, :t, :s, :n, :b)",
                R"(,"parameters":[{"name":"d","value":{"stringValue":"2024-01-15"},"typeHint":"DATE"},)"
                R"({"name":"t","value":{"stringValue":"12:34:56.5"},"typeHint":"TIME"},)"
                R"({"name":"s","value":{"stringValue":"2024-01-15 12:34:56.780180"},"typeHint":"TIMESTAMP"},)"
                R"({"name":"n","value":{"stringValue":"-12.340"},"typeHint":"DECIMAL"},)"
                R"({"name":"b","value":{"blobValue":"AP8Q"}}])");
    ASSERT_EQ(stored.status, 200) << stored.body;
    EXPECT_EQ(execute("SELECT * FROM t").body,
              R"({"numberOfRecordsUpdated":0,"records":[[{"stringValue":"2024-01-15"},{"stringValue":"12:34:56.500"},)"
              R"({"stringValue":"2024-01-15 12:34:56.780180"},{"stringValue":"-12.340"},{"blobValue":"AP8Q"}]]})");
}

TEST_P(service_test, given_uuid_and_json_hints_when_executed_then_only_postgresql_takes_them) {  // R-2.19, R-4.35
    constexpr std::string_view uuid =
        R"(,"parameters":[{"name":"p","value":{"stringValue":"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"},"typeHint":"UUID"}])";
    constexpr std::string_view json =
        R"(,"parameters":[{"name":"p","value":{"stringValue":"{\"a\": [1, 2.50]}"},"typeHint":"JSON"}])";
    if (is_postgresql()) {
        EXPECT_EQ(
            execute("SELECT :p", uuid).body,
            R"({"numberOfRecordsUpdated":0,"records":[[{"stringValue":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}]]})");
        EXPECT_EQ(execute("SELECT :p", json).body,
                  R"({"numberOfRecordsUpdated":0,"records":[[{"stringValue":"{\"a\":[1,2.50]}"}]]})");
    } else {
        EXPECT_REFUSED(execute("SELECT :p", uuid), 400, "ValidationException",
                       "The type hint UUID isn't supported for Aurora MySQL.");
        EXPECT_REFUSED(execute("SELECT :p", json), 400, "ValidationException",
                       "The type hint JSON isn't supported for Aurora MySQL.");
    }
}

TEST_P(service_test, given_a_missing_parameter_when_executed_then_it_is_told) {  // R-4.8
    const auto made = execute("SELECT :a, :b", R"(,"parameters":[{"name":"a","value":{"longValue":1}}])");
    EXPECT_EQ(made.status, 400);
    if (is_postgresql()) {
        EXPECT_EQ(made.error_type, "DatabaseErrorException");
        EXPECT_TRUE(message_of(made).starts_with("ERROR: bind message supplies 1 parameters, but prepared statement"))
            << made.body;
        EXPECT_TRUE(message_of(made).ends_with("requires 2; SQLState: 08P01")) << made.body;
    } else {
        EXPECT_EQ(made.error_type, "ValidationException");
        EXPECT_EQ(message_of(made), "Cannot find parameter: b");
    }
}

// ---- refusals

TEST_P(service_test, given_what_the_api_refuses_when_executed_then_nothing_reaches_the_database) {
    EXPECT_REFUSED(execute("SELECT 1; SELECT 2"), 400, "ValidationException",
                   "Multistatements aren't supported.");                                   // R-2.14
    EXPECT_REFUSED(execute(" ; -- nothing"), 400, "ValidationException", "SQL is empty");  // R-2.33
    EXPECT_REFUSED(execute(""), 400, "ValidationException", "SQL is empty");
    EXPECT_REFUSED(execute("SELECT 1", R"(,"schema":"public")"), 400, "ValidationException",
                   "The schema parameter isn't supported");
    EXPECT_REFUSED(
        api->call(
            operation::execute_sql,
            R"({"dbClusterOrInstanceArn":"arn:aws:rds:x","awsSecretStoreArn":"arn:aws:sec","sqlStatements":"SELECT 1"})"),
        400, "BadRequestException",
        "ExecuteSql API is not supported for this DB cluster. Use ExecuteStatement.");  // R-2.40
    const auto broken = api->call(operation::execute_statement, "{");
    EXPECT_EQ(broken.status, 400);
    EXPECT_EQ(broken.error_type, "SerializationException");
    names.behaves.sql_characters = 20;
    const auto too_long = execute("SELECT 'twenty-one char'");
    EXPECT_EQ(too_long.error_type, "ValidationException");  // R-3.2
    EXPECT_TRUE(message_of(too_long).ends_with("Member must have length less than or equal to 20")) << too_long.body;
}

TEST_P(service_test, given_several_reasons_when_refused_then_body_comes_before_cluster_before_secret_before_sql) {
    const auto ask = [this](std::string_view arn, std::string_view secret, std::string_view more) {
        return std::string(api->call(operation::execute_statement,
                                     fmt::format(R"({{"resourceArn":"{}","secretArn":"{}"{}}})", arn, secret, more))
                               .error_type);
    };
    constexpr std::string_view no_arn = "arn:aws:rds:us-east-1:123456789012:cluster:none", no_secret = "no such secret";
    EXPECT_EQ(ask(no_arn, no_secret, R"(,"sql":"SELECT 1","includeResultMetadata":1)"), "SerializationException");
    EXPECT_EQ(ask(no_arn, no_secret, ""), "ValidationException");
    EXPECT_EQ(names.targets_asked, 0);
    EXPECT_EQ(ask(no_arn, no_secret, R"(,"sql":"SELECT 1; SELECT 2")"), "HttpEndpointNotEnabledException");  // R-2.10
    EXPECT_EQ(ask(test_arn, no_secret, R"(,"sql":"SELECT 1; SELECT 2")"), "SecretsErrorException");          // R-2.35
    EXPECT_EQ(ask(test_arn, test_secret, R"(,"sql":"SELECT 1; SELECT 2")"), "ValidationException");
}

TEST_P(service_test, given_an_unknown_table_when_selected_then_text_is_the_engines_in_awss_form) {  // R-2.50, R-2.54
    if (is_postgresql())
        EXPECT_REFUSED(execute("SELECT * FROM no_such_table_xyz"), 400, "DatabaseErrorException",
                       R"(ERROR: relation \"no_such_table_xyz\" does not exist; Position: 15; SQLState: 42P01)");
    else
        EXPECT_REFUSED(execute("SELECT * FROM no_such_table_xyz"), 400, "DatabaseErrorException",
                       "Table '" + database + ".no_such_table_xyz' doesn't exist; Error code: 1146; SQLState: 42S02");
}

TEST_P(service_test, given_a_constraint_when_violated_then_row_values_are_not_told) {  // R-2.51
    execute("CREATE TABLE t (id INT PRIMARY KEY)");
    execute("INSERT INTO t VALUES (1)");
    if (is_postgresql())
        EXPECT_REFUSED(execute("INSERT INTO t VALUES (1)"), 400, "DatabaseErrorException",
                       R"(ERROR: duplicate key value violates unique constraint \"t_pkey\"; SQLState: 23505)");
    else
        EXPECT_REFUSED(execute("INSERT INTO t VALUES (1)"), 400, "DatabaseErrorException",
                       "Duplicate entry '1' for key 'PRIMARY'; Error code: 1062; SQLState: 23000");
}

TEST_P(service_test, given_an_unknown_database_when_executed_then_the_login_failure_is_told) {  // R-2.59
    const auto made = execute("SELECT 1", R"(,"database":"no_such_db")");
    if (is_postgresql())
        EXPECT_REFUSED(made, 400, "DatabaseErrorException",
                       R"(FATAL: database \"no_such_db\" does not exist; SQLState: 3D000)");
    else
        EXPECT_REFUSED(made, 400, "DatabaseErrorException",
                       "Unknown database 'no_such_db'; Error code: 1049; SQLState: 42000");
}

TEST_P(service_test, given_a_wrong_password_when_executed_then_the_servers_text_is_told) {  // R-2.58
    const auto& server = server_of(GetParam());
    names.logins[std::string(test_secret)] = {{{server.user, core::secret_text("wrong")}, {}}};
    const auto made = execute("SELECT 1");
    EXPECT_EQ(made.error_type, "DatabaseErrorException");
    EXPECT_NE(made.body.find(pick("SQLState: 28P01", "Error code: 1045; SQLState: 28000")), std::string::npos)
        << made.body;
    EXPECT_EQ(made.body.find("wrong"), std::string::npos);
}

TEST_P(service_test, given_a_rotated_secret_when_the_old_login_fails_then_the_new_one_is_used) {  // R-10.12
    const auto& server = server_of(GetParam());
    names.logins[std::string(test_secret)] = {{{server.user, core::secret_text("old")}, {}}, {server.login(), {}}};
    EXPECT_EQ(execute("SELECT 1").status, 200);
}

TEST_P(service_test, given_a_directory_that_remembers_when_called_again_then_each_call_goes_where_it_says) {
    names.remembers = true;
    const auto current = pick("SELECT current_database()", "SELECT DATABASE()");
    const std::string other = pick("postgres", "mysql");
    for (int round = 0; round < 3; ++round) {
        EXPECT_EQ(value_of(current), database);
        EXPECT_NE(execute(current, R"(,"database":")" + other + "\"").body.find(other), std::string::npos);
        EXPECT_EQ(execute(current, R"(,"database":"no_such_db")").status, 400);
        for (int i = 0; i < 20; ++i)  // more than it remembers
            EXPECT_EQ(execute(current, R"(,"database":"none)" + std::to_string(i) + "\"").status, 400);
    }
    EXPECT_EQ(names.targets_asked, 1);
}

TEST_P(service_test, given_a_directory_that_remembers_when_the_login_changes_then_the_next_call_uses_it) {
    names.remembers = true;
    const auto& server = server_of(GetParam());
    const std::string other = pick("postgres", "mysql");
    const auto current = pick("SELECT current_database()", "SELECT DATABASE()");
    names.logins[std::string(test_secret)] = {
        {{server.user, core::secret_text("old")}, {}}, {server.login(), {}}, {server.login(), other}};
    EXPECT_EQ(value_of(current), database);  // R-10.12: fetched again
    EXPECT_EQ(value_of(current), database);
    names.forget();
    EXPECT_EQ(value_of(current), other);
}

TEST_P(service_test, given_no_database_in_the_request_when_executed_then_secret_cluster_and_default_follow) {  // R-10.4
    const auto current = pick("SELECT current_database()", "SELECT DATABASE()");
    EXPECT_EQ(value_of(current), database);
    names.logins[std::string(test_secret)] = {{server_of(GetParam()).login(), pick("postgres", "mysql")}};
    EXPECT_EQ(value_of(current), pick("postgres", "mysql"));
    EXPECT_NE(execute(current, R"(,"database":")" + database + "\"").body.find(database), std::string::npos);
    names.logins[std::string(test_secret)] = {{server_of(GetParam()).login(), {}}};
    names.cluster.default_database.clear();
    const auto none = execute(current);
    EXPECT_NE(none.body.find(pick(R"({"stringValue":"postgres"})", R"({"isNull":true})")), std::string::npos)
        << none.body;
}

TEST_P(service_test, given_nobody_listening_when_executed_then_the_database_is_unavailable) {  // 504: nothing was sent
    names.cluster.endpoint.port = 1;
    const auto made = execute("SELECT 1");
    EXPECT_EQ(made.status, 504);
    EXPECT_EQ(made.error_type, "DatabaseUnavailableException");
}

TEST_P(service_test, given_all_sessions_in_use_when_executed_then_the_service_is_unavailable) {
    names.cluster.limits.maximum = 1;
    names.cluster.limits.wait = 100ms;
    const auto id = begin();
    const auto made = execute("SELECT 1");
    EXPECT_EQ(made.status, 503);
    EXPECT_EQ(made.error_type, "ServiceUnavailableError");
    EXPECT_EQ(rollback(id).status, 200);
    EXPECT_EQ(execute("SELECT 1").status, 200);
}

TEST_P(service_test, given_a_copy_when_executed_then_it_is_refused_and_the_next_call_works) {  // R-3.22
    if (!is_postgresql()) GTEST_SKIP() << "COPY is PostgreSQL's";
    EXPECT_REFUSED(execute("COPY (SELECT 1) TO STDOUT"), 400, "DatabaseErrorException",
                   "execute: unexpected message: CopyOutResponse");
    EXPECT_EQ(execute("SELECT 1").status, 200);
}

// ---- sessions

TEST_P(service_test, given_a_setting_when_the_next_call_comes_then_it_is_gone) {  // R-9.15, R-10.5
    names.cluster.limits.maximum = 1;
    ASSERT_EQ(execute(pick("SET application_name = 'leaked'", "SET @leaked = 'leaked'")).status, 200);
    EXPECT_EQ(execute(pick("SELECT current_setting('application_name') = 'leaked' AS same",
                           "SELECT @leaked IS NOT NULL AS same"),
                      R"(,"formatRecordsAs":"JSON")")
                  .body,
              pick(R"({"formattedRecords":"[{\"same\":false}]","numberOfRecordsUpdated":0})",
                   R"({"formattedRecords":"[{\"same\":0}]","numberOfRecordsUpdated":0})"));
}

TEST_P(service_test, given_begin_as_sql_when_the_next_call_comes_then_it_is_outside) {  // R-9.11
    names.cluster.limits.maximum = 1;
    execute("CREATE TABLE t (id INT)");
    ASSERT_EQ(execute("BEGIN").status, 200);
    ASSERT_EQ(execute("INSERT INTO t VALUES (1)").status, 200);
    ASSERT_EQ(execute("ROLLBACK").status, 200);
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM t"), "1");
}

TEST_P(service_test, given_an_idle_session_that_died_when_executed_then_a_fresh_one_is_used) {
    const auto own_id = pick("SELECT pg_backend_pid()", "SELECT CONNECTION_ID()");
    const auto first = value_of(own_id);
    beside(pick("SELECT pg_terminate_backend(" + first + ", 5000)", "KILL CONNECTION " + first));
    const auto second = value_of(own_id);
    EXPECT_NE(second, first);
}

TEST_P(service_test, given_a_session_killed_while_it_runs_when_answered_then_never_5xx) {  // R-1.34
    const auto id = begin();
    const auto session = execute(pick("SELECT pg_backend_pid()", "SELECT CONNECTION_ID()"), in(id));
    const auto number = session.body.substr(session.body.find("longValue\":") + 11);
    const auto pending =
        api->start(operation::execute_statement,
                   body(R"(,"sql":")" + pick("SELECT 1 FROM pg_sleep(20)", "SELECT SLEEP(20)") + "\"" + in(id)));
    api->run_for(200ms);
    ASSERT_FALSE(*pending);
    beside(pick("SELECT pg_terminate_backend(", "KILL CONNECTION ") + number.substr(0, number.find('}')) +
           pick(")", ""));
    for (int i = 0; i < 50 && !*pending; ++i) api->run_for(100ms);
    ASSERT_TRUE(*pending);
    EXPECT_EQ((*pending)->status, 400) << (*pending)->body;
    EXPECT_EQ((*pending)->error_type, "DatabaseErrorException");
    EXPECT_REFUSED(
        execute("SELECT 1", in(id)), 404, "TransactionNotFoundException",
        fmt::format("Transaction {} is not found. Transaction has been aborted due to an error from a previous call.",
                    id));
}

// ---- limits and types

TEST_P(service_test, given_a_result_over_the_limit_when_selected_then_it_is_refused) {  // R-2.24, R-3.18
    const auto large =
        pick("SELECT repeat('x', 1000) FROM generate_series(1, 5000)", "SELECT REPEAT('x', 1000) FROM seq_1_to_5000");
    EXPECT_REFUSED(execute(large), 400, "UnsupportedResultException", "The result exceeds the size limit 1 MB.");
    const auto id = begin();
    execute("CREATE TABLE t (id INT)", in(id));
    execute("INSERT INTO t VALUES (1)", in(id));
    EXPECT_REFUSED(execute(large, in(id)), 400, "UnsupportedResultException",
                   "The result exceeds the size limit 1 MB.");
    EXPECT_EQ(execute("SELECT id FROM t", in(id)).body,
              R"({"numberOfRecordsUpdated":0,"records":[[{"longValue":1}]]})");
    EXPECT_EQ(commit(id).body, R"({"transactionStatus":"Transaction Committed"})");
}

TEST_P(service_test, given_a_write_whose_result_is_too_large_when_refused_then_it_was_done) {
    execute("CREATE TABLE t (v TEXT)");
    const auto made = execute(pick("INSERT INTO t SELECT repeat('x', 1000) FROM generate_series(1, 3000) RETURNING v",
                                   "INSERT INTO t SELECT REPEAT('x', 1000) FROM seq_1_to_3000 RETURNING v"));
    EXPECT_EQ(made.error_type, "UnsupportedResultException") << made.body;
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM t"), "3000");
}

TEST_P(service_test, given_a_row_of_half_a_megabyte_when_selected_then_it_comes) {  // R-3.5
    const auto made = execute(pick("SELECT repeat('x', 512000)", "SELECT REPEAT('x', 512000)"));
    EXPECT_EQ(made.status, 200);
    EXPECT_GT(made.body.size(), 512'000U);
}

class postgresql_types : public service_test {};
INSTANTIATE_TEST_SUITE_P(engines, postgresql_types, testing::Values(engine::postgresql));

TEST_P(postgresql_types, given_types_when_selected_then_fields_are_as_documented) {  // section 5.2
    const auto made = execute(
        "SELECT 1::int2, 9223372036854775807::int8, 5::oid, 3.14::float4, 10::float8, 'Infinity'::float8, "
        "1.10::numeric, true, 'x'::char(3), "
        "'\\x00ff'::bytea, '2024-01-15 12:34:56+09'::timestamptz, '12:00:00.1'::time, '{\"b\": 1, \"a\": [1, "
        "2]}'::jsonb, '{\"b\":  1.10}'::json, "
        "ARRAY[1,NULL,3], ARRAY['a b','\"'], '{}'::float8[], ARRAY[true], '[1,10)'::int4range, '192.168.1.1'::inet");
    EXPECT_EQ(
        made.body,
        R"({"numberOfRecordsUpdated":0,"records":[[{"longValue":1},{"longValue":9223372036854775807},{"longValue":5},)"
        R"({"doubleValue":3.14},{"doubleValue":10.0},{"doubleValue":"Infinity"},{"stringValue":"1.10"},{"booleanValue":true},)"
        R"({"stringValue":"x  "},{"blobValue":"AP8="},{"stringValue":"2024-01-15 03:34:56"},{"stringValue":"12:00:00.100"},)"
        R"({"stringValue":"{\"a\":[1,2],\"b\":1}"},{"stringValue":"{\"b\":1.10}"},{"arrayValue":{"longValues":[1,null,3]}},)"
        R"({"arrayValue":{"stringValues":["a b","\""]}},{"arrayValue":{"doubleValues":[]}},{"arrayValue":{"booleanValues":[true]}},)"
        R"x({"stringValue":"[1,10)"},{"stringValue":"192.168.1.1"}]]})x");
}

TEST_P(postgresql_types, given_a_refused_type_when_selected_then_it_fails_only_with_rows) {  // R-2.27, R-5.31
    EXPECT_REFUSED(execute("SELECT '1 day'::interval"), 400, "UnsupportedResultException",
                   "The result contains the unsupported data type INTERVAL.");
    EXPECT_REFUSED(execute("SELECT 'a'::\"char\""), 400, "UnsupportedResultException",
                   R"(The result contains the unsupported data type \"CHAR\".)");
    EXPECT_REFUSED(execute("SELECT 'pg_class'::regclass"), 400, "UnsupportedResultException",
                   "The result contains the unsupported data type regclass.");
    EXPECT_EQ(execute("SELECT '1 day'::interval WHERE false").body, R"({"numberOfRecordsUpdated":0,"records":[]})");
    EXPECT_REFUSED(execute("SELECT ARRAY[[1,2],[3,4]]"), 400, "UnsupportedResultException",
                   "The result contains a multidimensional array.");  // R-2.28
}

TEST_P(postgresql_types, given_a_write_that_returns_a_refused_type_when_run_then_it_is_undone) {  // R-5.32
    execute("CREATE TABLE t (id INT, i INTERVAL)");
    EXPECT_EQ(execute("INSERT INTO t VALUES (1, '1 day') RETURNING i").error_type, "UnsupportedResultException");
    EXPECT_EQ(value_of("SELECT count(*) FROM t"), "0");
    EXPECT_EQ(execute("INSERT INTO t VALUES (1, '1 day') RETURNING id").status, 200);
    EXPECT_EQ(value_of("SELECT count(*) FROM t"), "1");
}

TEST_P(postgresql_types,
       given_an_infinite_date_when_selected_then_internal_failure_but_never_for_a_write) {  // R-2.29, R-1.34
    const auto made = execute("SELECT 'infinity'::date");
    EXPECT_EQ(made.status, 500);
    EXPECT_EQ(made.error_type, "InternalFailure");
    EXPECT_EQ(made.body, "{}");
    execute("CREATE TABLE t (d DATE)");
    EXPECT_EQ(execute("INSERT INTO t VALUES ('infinity') RETURNING d").status, 400);
    EXPECT_EQ(execute("WITH i AS (INSERT INTO t VALUES ('infinity') RETURNING d) SELECT d FROM i").status, 400);
    EXPECT_EQ(value_of("SELECT count(*) FROM t"), "2");
}

class mysql_types : public service_test {};
INSTANTIATE_TEST_SUITE_P(engines, mysql_types, testing::Values(engine::mysql));

TEST_P(mysql_types, given_types_when_selected_then_fields_are_as_documented) {  // section 5.3
    execute(
        "CREATE TABLE t (b TINYINT(1), s SMALLINT, u BIGINT UNSIGNED, f FLOAT, d DOUBLE, n DECIMAL(10,4), c CHAR(5), e "
        "ENUM('one','two'), "
        "r BINARY(2), i BIT(1), y YEAR, dt DATETIME(3), tm TIME, j JSON)");
    ASSERT_EQ(
        execute("INSERT INTO t VALUES (2, -3, 18446744073709551615, 3.14, 10, 0, 'x', 'two', x'00ff', b'1', 2024, "
                "'2024-01-15 12:34:56.7', '-838:59:59', '{\"a\": 1}')")
            .status,
        200);
    EXPECT_EQ(
        execute("SELECT b, s, u, f, d, n, c, e, r, i, y, dt, tm FROM t").body,
        R"({"numberOfRecordsUpdated":0,"records":[[{"booleanValue":true},{"longValue":-3},{"stringValue":"18446744073709551615"},)"
        R"({"doubleValue":3.14},{"doubleValue":10.0},{"stringValue":"0.0000"},{"stringValue":"x"},{"stringValue":"two"},{"blobValue":"AP8="},)"
        R"({"booleanValue":true},{"stringValue":"2024"},{"stringValue":"2024-01-15 12:34:56.700"},{"stringValue":"-838:59:59"}]]})");
}

// ---- BatchExecuteStatement

constexpr std::string_view three_sets =
    R"([[{"name":"v","value":{"longValue":1}}],[{"name":"v","value":{"longValue":2}}],[{"name":"v","value":{"longValue":3}}]])";
constexpr std::string_view twice_one =
    R"([[{"name":"v","value":{"longValue":1}}],[{"name":"v","value":{"longValue":1}}]])";

TEST_P(service_test, given_sets_when_batched_then_one_entry_each_and_all_are_there) {  // R-8.4
    execute("CREATE TABLE t (id " + pick("SERIAL", "INT AUTO_INCREMENT") + " PRIMARY KEY, v INT UNIQUE)");
    EXPECT_EQ(
        batch("INSERT INTO t (v) VALUES (:v)", three_sets).body,
        pick(
            R"({"updateResults":[{"generatedFields":[]},{"generatedFields":[]},{"generatedFields":[]}]})",
            R"({"updateResults":[{"generatedFields":[{"longValue":1}]},{"generatedFields":[{"longValue":2}]},{"generatedFields":[{"longValue":3}]}]})"));
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM t"), "3");
    EXPECT_EQ(batch("UPDATE t SET v = v + 10 WHERE v = :v", three_sets).body,
              R"({"updateResults":[{"generatedFields":[]},{"generatedFields":[]},{"generatedFields":[]}]})");
}

TEST_P(service_test, given_no_sets_when_batched_then_nothing_runs_but_all_is_checked) {  // R-8.5
    EXPECT_EQ(batch("SYNTAX ERROR", "[]").body, R"({"updateResults":[]})");
    EXPECT_EQ(batch("SYNTAX ERROR", "null").body, R"({"updateResults":[]})");
    EXPECT_REFUSED(batch("SELECT 1; SELECT 2", "[]"), 400, "ValidationException", "Multistatements aren't supported.");
    EXPECT_REFUSED(api->call(operation::batch_execute_statement,
                             fmt::format(R"({{"resourceArn":"{}","secretArn":"no such secret","sql":"x"}})", test_arn)),
                   400, "SecretsErrorException", "The secret no such secret wasn't found.");
}

TEST_P(service_test,
       given_one_empty_set_when_batched_then_it_runs_once_even_outside_any_transaction) {  // R-8.5, R-8.10
    EXPECT_EQ(batch("CREATE TABLE t (id INT)", "[[]]").body, R"({"updateResults":[{"generatedFields":[]}]})");
    EXPECT_EQ(batch(pick("VACUUM t", "OPTIMIZE TABLE t"), "[[]]").status, 200);
}

TEST_P(service_test, given_a_failing_set_when_batched_then_none_stays) {  // R-8.7, R-8.8
    execute("CREATE TABLE t (v INT PRIMARY KEY)");
    const auto made = batch("INSERT INTO t VALUES (:v)", twice_one);
    EXPECT_EQ(made.error_type, "DatabaseErrorException");
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM t"), "0");
    EXPECT_EQ(batch("INSERT INTO t VALUES (:v)", three_sets).status, 200);  // and the session is fit for the next
}

TEST_P(service_test, given_a_batch_has_ended_when_more_is_written_then_it_stays) {
    execute("CREATE TABLE t (v INT PRIMARY KEY)");
    for (const auto& sets : {three_sets, twice_one}) {
        batch("INSERT INTO t VALUES (:v)", sets);
        // On the same session, which then rests: nothing of the batch's transaction may last.
        EXPECT_EQ(execute("DELETE FROM t").status, 200);
        api->run_for(std::chrono::milliseconds(50));
        EXPECT_EQ(value_of("SELECT COUNT(*) FROM t"), "0");
    }
}

TEST_P(service_test, given_a_failing_set_when_batched_in_a_transaction_then_engines_differ) {  // R-8.8
    execute("CREATE TABLE t (v INT PRIMARY KEY)");
    const auto id = begin();
    EXPECT_EQ(batch("INSERT INTO t VALUES (:v)", twice_one, in(id)).error_type, "DatabaseErrorException");
    EXPECT_EQ(commit(id).body,
              pick(R"({"transactionStatus":"Rollback Complete"})", R"({"transactionStatus":"Transaction Committed"})"));
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM t"), pick("0", "1"));
}

TEST_P(service_test, given_a_query_when_batched_then_its_rows_are_dropped) {  // R-8.6
    EXPECT_EQ(batch("SELECT :v", three_sets).body,
              R"({"updateResults":[{"generatedFields":[]},{"generatedFields":[]},{"generatedFields":[]}]})");
}

TEST_P(service_test, given_a_missing_parameter_in_one_set_when_batched_then_that_set_fails) {  // R-8.9
    execute("CREATE TABLE t (v INT)");
    const auto made = batch("INSERT INTO t VALUES (:v)", R"([[{"name":"v","value":{"longValue":1}}],[]])");
    EXPECT_EQ(made.error_type, pick("DatabaseErrorException", "ValidationException")) << made.body;
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM t"), "0");
}

TEST_P(service_test, given_too_many_ids_when_batched_then_all_is_undone) {  // R-8.11
    if (is_postgresql()) GTEST_SKIP() << "no generated fields on PostgreSQL (R-8.3)";
    names.behaves.result_bytes = 20;
    execute("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v INT)");
    EXPECT_EQ(batch("INSERT INTO t (v) VALUES (:v)", three_sets).error_type, "UnsupportedResultException");
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM t"), "0");
}

}  // namespace
}  // namespace borealis::data_api
