#include "data_api/answer.hpp"

#include "json/writer.hpp"

namespace borealis::data_api {
namespace {

using core::error_kind;

struct shape {
    int status;
    std::string_view type;
};

// Section 2.1 of the reference.
constexpr shape shape_of(error_kind kind) {
    switch (kind) {
        case error_kind::validation:
            return {400, "ValidationException"};
        case error_kind::serialization:
            return {400, "SerializationException"};
        case error_kind::bad_request:
            return {400, "BadRequestException"};
        case error_kind::access_denied:
            return {403, "AccessDeniedException"};
        case error_kind::forbidden:
            return {403, "ForbiddenException"};
        case error_kind::not_authenticated:
            return {403, "UnrecognizedClientException"};
        case error_kind::database_error:
            return {400, "DatabaseErrorException"};
        case error_kind::database_not_found:
            return {404, "DatabaseNotFoundException"};
        case error_kind::database_resuming:
            return {400, "DatabaseResumingException"};
        case error_kind::database_unavailable:
            return {504, "DatabaseUnavailableException"};
        case error_kind::endpoint_not_enabled:
            return {400, "HttpEndpointNotEnabledException"};
        case error_kind::invalid_state:
            return {400, "InvalidResourceStateException"};
        case error_kind::invalid_secret:
            return {400, "InvalidSecretException"};
        case error_kind::secret_not_found:
            return {400, "SecretsErrorException"};
        case error_kind::not_found:
            return {404, "NotFoundException"};
        case error_kind::already_exists:
            return {400, "BadRequestException"};
        case error_kind::statement_timeout:
            return {400, "StatementTimeoutException"};
        case error_kind::transaction_not_found:
            return {404, "TransactionNotFoundException"};
        case error_kind::unsupported_result:
            return {400, "UnsupportedResultException"};
        case error_kind::throttled:
            return {400, "ThrottlingException"};
        case error_kind::too_large:
            return {413, {}};
        case error_kind::unavailable:
            return {503, "ServiceUnavailableError"};
        case error_kind::internal_failure:
            return {500, "InternalFailure"};
        case error_kind::internal:
            break;
    }
    return {500, "InternalServerErrorException"};
}

/// Of the kinds that generation 1 has no name of its own for: its model knew AccessDenied, BadRequest, Forbidden,
/// InternalServerError, NotFound, ServiceUnavailable and StatementTimeout (R-13.3 to R-13.6).
constexpr bool is_bad_request_in_v1(error_kind kind) {
    switch (kind) {
        case error_kind::validation:
        case error_kind::database_error:
        case error_kind::database_not_found:
        case error_kind::database_resuming:
        case error_kind::database_unavailable:
        case error_kind::endpoint_not_enabled:
        case error_kind::invalid_state:
        case error_kind::invalid_secret:
        case error_kind::secret_not_found:
        case error_kind::transaction_not_found:
        case error_kind::unsupported_result:
            return true;
        default:
            return false;
    }
}

}  // namespace

response answer(const core::error& what, error_naming naming) {
    const bool renamed = naming == error_naming::bad_request && is_bad_request_in_v1(what.kind);
    const auto [status, type] = shape_of(renamed ? error_kind::bad_request : what.kind);
    response made{.status = status, .error_type = type, .body = {}};
    if (what.kind == error_kind::internal ||
        what.kind == error_kind::internal_failure) {  // R-1.32: the text is for the log
        made.body = "{}";
        return made;
    }
    made.body = "{";
    if (what.db_connection_id) {
        made.body += R"("dbConnectionId":)";
        json::append_integer(made.body, *what.db_connection_id);
        made.body += ',';
    }
    made.body += R"("message":)";
    json::append_string(
        made.body, what.kind == error_kind::too_large ? "Request Entity Too Large" : std::string_view(what.message));
    made.body += '}';
    return made;
}

}  // namespace borealis::data_api
