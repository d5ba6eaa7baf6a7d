#include "data_api/profile.hpp"

namespace borealis::data_api {
namespace {

// Each is a function, so that no table depends on the order in which tables of other files are made.

constexpr profile make_v1() {
    profile made;
    made.name = "aws-v1";
    made.row_bytes = 64 * 1024;
    made.errors = error_naming::bad_request;
    made.database_errors = database_wording::jdbc;
    made.texts.array_parameters = "Array parameters are not supported.";
    made.texts.result_too_large = "Database returned more than the allowed response size limit";
    made.texts.row_too_large =
        "Packet for query is too large ({} > {}). You can change this value on the server by setting the "
        "'max_allowed_packet' variable.";
    made.texts.secret_not_found =
        "Error fetching secret {} : Secrets Manager can’t find the specified secret. (Service: AWSSecretsManager; "
        "Status "
        "Code: 400; Error Code: ResourceNotFoundException; Request ID: {})";
    made.texts.unreachable_mysql =
        "Communications link failure\n\nThe last packet sent successfully to the server was 0 milliseconds ago. The "
        "driver "
        "has not received any packets from the server.";
    made.texts.unreachable_postgresql = "Connection is not available";
    made.ignores_schema = true;
    made.runs_execute_sql = true;
    made.runs_several_statements = true;
    made.strings = string_binding::varchar;
    made.checks_parameters = true;
    made.takes_hints_as_text = true;
    made.binds_json_as_is = true;
    made.values = {.refuses_types = false,
                   .refuses_nested = false,
                   .refuses_infinity = false,
                   .compacts_json = false,
                   .strips_fractions = true,
                   .as_jdbc = true,
                   .java_doubles = true};
    made.nullable_of_expressions = 2;
    made.jdbc_type_names = true;
    made.lists_every_generated_id = true;
    made.batches_return_inserted = true;
    made.refuses_rows_in_batches = true;
    made.calls_wait_for_transaction = true;
    made.large_results_end_transaction = true;
    return made;
}

constexpr profile make_v1_early() {
    profile made = make_v1();
    made.name = "aws-v1-early";
    made.database_errors = database_wording::early_jdbc;
    made.texts.endpoint_not_enabled = "HttpEndPoint is not enabled for {}";
    made.texts.result_too_large = "Database response exceeded size limit";
    return made;
}

constexpr profile make_relaxed() {
    profile made;
    made.name = "relaxed";
    made.result_bytes = 64 * 1024 * 1024;
    made.formatted_bytes = 64 * 1024 * 1024;
    made.sql_characters = 4 * 1024 * 1024;
    made.statement_timeout = std::chrono::minutes(5);
    made.runs_execute_sql = true;
    made.strings = string_binding::inferred;
    made.binds_arrays = true;
    made.takes_hints_as_text = true;
    made.takes_iso_moments = true;
    made.values.refuses_types = false;
    made.values.refuses_nested = false;
    made.values.refuses_infinity = false;
    return made;
}

}  // namespace

constinit const profile aws_v2{};
constinit const profile aws_v1 = make_v1();
constinit const profile aws_v1_early = make_v1_early();
constinit const profile relaxed = make_relaxed();

const profile* find_profile(std::string_view name) {
    for (const auto* each : {&aws_v2, &aws_v1, &aws_v1_early, &relaxed})
        if (each->name == name) return each;
    return nullptr;
}

std::string_view profile_names() { return "aws-v2, aws-v1, aws-v1-early, relaxed"; }

}  // namespace borealis::data_api
