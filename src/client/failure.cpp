#include "client/failure.hpp"

#include <array>
#include <charconv>
#include <utility>

#include "client/judgement.hpp"

namespace borealis {
namespace {

std::string sentence(const error_details& of) {
    std::string text = "An error occurred (" + of.code + ")";
    if (!of.operation.empty()) text += " when calling the " + of.operation + " operation";
    if (!of.message.empty()) text += ": " + of.message;
    return text;
}

}  // namespace

aws_error::aws_error(error_details details) : std::runtime_error(sentence(details)), details_(std::move(details)) {}

std::optional<std::string> aws_error::sql_state() const {
    static constexpr std::string_view label = "SQLState: ";
    const auto at = details_.message.rfind(label);
    if (at == std::string::npos || details_.message.size() - at - label.size() != 5) return std::nullopt;
    return details_.message.substr(at + label.size());
}

std::optional<int> aws_error::engine_code() const {
    for (const std::string_view label : {"Error code: ", "Database error code: "}) {
        const auto at = details_.message.rfind(label);
        if (at == std::string::npos) continue;
        const char* digits = details_.message.data() + at + label.size();
        int code = 0;
        if (std::from_chars(digits, details_.message.data() + details_.message.size(), code).ec == std::errc())
            return code;
    }
    return std::nullopt;
}

}  // namespace borealis

namespace borealis::client {
namespace {

template <class Error>
[[noreturn]] void raise(error_details&& details) {
    throw Error(std::move(details));
}

struct shape {
    std::string_view code;
    void (*raise)(error_details&&);
};

constexpr shape shapes[] = {
    {"AccessDeniedException", raise<access_denied>},
    {"BadRequestException", raise<bad_request>},
    {"DatabaseErrorException", raise<database_error>},
    {"DatabaseNotFoundException", raise<database_not_found>},
    {"DatabaseResumingException", raise<database_resuming>},
    {"DatabaseUnavailableException", raise<database_unavailable>},
    {"ForbiddenException", raise<forbidden>},
    {"HttpEndpointNotEnabledException", raise<http_endpoint_not_enabled>},
    {"InternalServerErrorException", raise<internal_server_error>},
    {"InternalServiceError", raise<internal_server_error>},
    {"InternalFailure", raise<internal_server_error>},
    {"InvalidResourceStateException", raise<invalid_resource_state>},
    {"InvalidSecretException", raise<invalid_secret>},
    {"NotFoundException", raise<not_found>},
    {"SecretsErrorException", raise<secrets_error>},
    {"ServiceUnavailableError", raise<service_unavailable>},
    {"StatementTimeoutException", raise<statement_timeout>},
    {"TransactionNotFoundException", raise<transaction_not_found>},
    {"UnsupportedResultException", raise<unsupported_result>},
    {"ValidationException", raise<invalid_request>},
    {"SerializationException", raise<invalid_request>},
    {"InvalidParameterException", raise<invalid_request>},
    {"InvalidRequestException", raise<invalid_request>},
    {"ResourceNotFoundException", raise<resource_not_found>},
    {"UnrecognizedClientException", raise<not_authenticated>},
    {"InvalidSignatureException", raise<not_authenticated>},
    {"IncompleteSignatureException", raise<not_authenticated>},
    {"MissingAuthenticationTokenException", raise<not_authenticated>},
    {"ExpiredTokenException", raise<not_authenticated>},
    {"SignatureDoesNotMatch", raise<not_authenticated>},
    {"ConnectionError", raise<connection_error>},
    {"CallTimeout", raise<call_timeout>},
    {"InvalidResponse", raise<invalid_response>},
    {"CredentialsError", raise<credentials_error>},
    {"ConfigurationError", raise<configuration_error>},
    {"TransactionRolledBack", raise<transaction_rolled_back>},
};

}  // namespace

void throw_service_error(error_details details) {
    for (const auto& one : shapes) {
        if (one.code == details.code) one.raise(std::move(details));
    }
    if (is_throttling(details.code)) throw throttled(std::move(details));
    throw aws_error(std::move(details));
}

void throw_configuration(std::string message) {
    throw configuration_error({.code = "ConfigurationError", .message = std::move(message)});
}

void throw_credentials(std::string message) {
    throw credentials_error({.code = "CredentialsError", .message = std::move(message)});
}

void throw_invalid_request(std::string_view operation, std::string message) {
    throw invalid_request(
        {.code = "ValidationException", .message = std::move(message), .operation = std::string(operation)});
}

}  // namespace borealis::client
