#pragma once
/// What a cluster's Data API generation does: a table of values and switches, read in few places.
/// Nothing asks which profile it is; what differs is a member here.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace borealis::data_api {

/// How errors are named on the wire.
enum class error_naming : std::uint8_t {
    specific,     ///< Section 2.1: DatabaseErrorException, ValidationException …
    bad_request,  ///< R-13.3 to R-13.6: BadRequestException for nearly everything.
};

/// How the database's own errors are put.
enum class database_wording : std::uint8_t {
    one_line,    ///< R-2.50, R-2.51; MySQL R-2.54
    jdbc,        ///< R-2.53; MySQL R-2.54
    early_jdbc,  ///< R-2.53 without SQLState; MySQL R-2.55
};

/// What a stringValue without a hint is to PostgreSQL.
enum class string_binding : std::uint8_t {
    text,
    varchar,   ///< R-13.15
    inferred,  ///< What the statement asks for at its place; text where it does not say.
};

/// Texts of the service's own errors. `{}` stands for what the comment names.
struct wordings {
    std::string_view endpoint_not_enabled = "HttpEndpoint is not enabled for resource {}";  ///< resource ARN
    std::string_view array_parameters = "Array parameters are not supported";
    std::string_view result_too_large = "The result exceeds the size limit {}.";                     ///< as `1 MB`
    std::string_view row_too_large = "The result has a row that exceeds the size limit {1} bytes.";  ///< octets, limit
    std::string_view formatted_too_large = "The formatted result exceeds the size limit {}.";
    std::string_view secret_not_found = "The secret {} wasn't found.";  ///< secret ARN, a new request id
    /// When no session can be had; empty: the driver's words.
    std::string_view unreachable_mysql = {};
    std::string_view unreachable_postgresql = {};

    friend bool operator==(const wordings&, const wordings&) = default;
};

/// How values are written (section 5).
struct value_rules {
    bool refuses_types = true;      ///< R-5.30; false: those types come as text, MySQL's GEOMETRY as a blob.
    bool refuses_nested = true;     ///< R-2.28; false: R-5.44
    bool refuses_infinity = true;   ///< R-2.29; false: `infinity`
    bool compacts_json = true;      ///< R-13.16; false: the engine's text
    bool strips_fractions = false;  ///< R-5.3, false: R-5.2
    /// What JDBC makes of: oid (text), bit(1) (boolean), interval (pgjdbc's words), timetz (UTC); YEAR (a date), BIT(n)
    /// (a blob), zero dates (NULL), TIME (within a day).
    bool as_jdbc = false;
    bool java_doubles = false;  ///< R-7.5, in formatted records

    friend bool operator==(const value_rules&, const value_rules&) = default;
};

struct profile {
    std::string_view name = "aws-v2";

    // ---- limits
    std::size_t result_bytes = 1024 * 1024;               ///< R-3.3, counted as R-3.4
    std::size_t result_rows = 0;                          ///< A caller's own limit; 0: none
    std::size_t row_bytes = 0;                            ///< R-3.5, R-2.26; 0: none
    std::size_t formatted_bytes = 10 * 1024 * 1024;       ///< R-3.6
    std::size_t sql_characters = 65'536;                  ///< R-3.2
    std::chrono::milliseconds statement_timeout{45'000};  ///< R-3.9

    // ---- errors
    error_naming errors = error_naming::specific;
    database_wording database_errors = database_wording::one_line;
    wordings texts = {};

    // ---- requests
    bool ignores_schema = false;           ///< R-10.7; false: R-2.15
    bool runs_execute_sql = false;         ///< R-13.10; false: R-2.40
    bool runs_several_statements = false;  ///< R-3.19: PostgreSQL's; MySQL answers for itself. False: R-2.14

    // ---- parameters
    string_binding strings = string_binding::text;
    bool binds_arrays = false;         ///< False: R-2.17
    bool checks_parameters = false;    ///< R-4.8: a missing one is refused here on PostgreSQL, too.
    bool takes_hints_as_text = false;  ///< R-13.19: JSON and UUID on MySQL. False: R-2.19
    bool takes_iso_moments = false;    ///< `T`, `Z` and offsets in TIMESTAMP, `Z` in TIME. False: R-4.31
    bool binds_json_as_is = false;     ///< As json, unchecked (v1's PGobject). False: R-4.35

    // ---- results
    value_rules values = {};
    int nullable_of_expressions = 1;        ///< R-6.11, where the engine does not know
    bool jdbc_type_names = false;           ///< Section 6, MySQL: BIT and CHAR for BOOLEAN, ENUM and SET. False: R-6.20
    bool lists_every_generated_id = false;  ///< R-8.2: one for each inserted row of MySQL. False: the first
    bool batches_return_inserted = false;   ///< R-8.4: PostgreSQL's generatedFields hold all columns
    bool refuses_rows_in_batches = false;   ///< R-8.6; false: they are dropped

    // ---- transactions
    bool calls_wait_for_transaction = false;     ///< R-3.17; false: R-2.20
    bool large_results_end_transaction = false;  ///< R-9.8; false: R-3.18

    friend bool operator==(const profile&, const profile&) = default;
};

/// Aurora Serverless v2 and provisioned clusters.
extern const profile aws_v2;
/// Aurora Serverless v1: the JDBC generation as it was since November 2020.
extern const profile aws_v1;
/// As `aws_v1`, with the texts of 2019.
extern const profile aws_v1_early;
/// Kinder than AWS where users ask for it. What passes here need not pass there.
extern const profile relaxed;

/// The profile of that name, or null.
[[nodiscard]] const profile* find_profile(std::string_view name);
/// Names of all profiles: "aws-v2, aws-v1, …".
[[nodiscard]] std::string_view profile_names();

}  // namespace borealis::data_api
