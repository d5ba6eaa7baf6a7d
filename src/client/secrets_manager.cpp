#include "borealis/secrets_manager.hpp"

#include <cstdint>
#include <utility>

#include "client/access.hpp"
#include "client/failure.hpp"
#include "client/service.hpp"
#include "client/shapes.hpp"
#include "core/base64.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"

namespace borealis {
namespace {

[[noreturn]] void refuse(const client::service_answer& answer, const std::string& why) {
    throw invalid_response({.code = "InvalidResponse",
                            .message = "The answer is not the service's: " + why,
                            .operation = "GetSecretValue",
                            .status = 200,
                            .request_id = answer.request_id});
}

secret_value decode(const client::service_answer& answer) {
    json::document document;
    const auto root = document.parse_copy(answer.body);
    if (!root || (*root)->is() != json::kind::object) refuse(answer, "it is no JSON object");
    const auto text = [&](std::string_view name) -> std::optional<std::string> {
        const auto* found = (*root)->find(name);
        if (found == nullptr || found->is() == json::kind::null) return std::nullopt;
        if (found->is() != json::kind::string) refuse(answer, "its member '" + std::string(name) + "' is no text");
        return std::string(found->text());
    };
    secret_value value{.arn = text("ARN").value_or(""),
                       .name = text("Name").value_or(""),
                       .version_id = text("VersionId").value_or(""),
                       .secret_string = text("SecretString")};
    if (const auto binary = text("SecretBinary")) {
        const auto bytes = core::decode_base64(*binary);
        if (!bytes) refuse(answer, "SecretBinary is not base64");
        const auto* begin = reinterpret_cast<const std::byte*>(bytes->data());
        value.secret_binary.emplace(begin, begin + bytes->size());
    }
    if (const auto* stages = (*root)->find("VersionStages"); stages != nullptr && stages->is() == json::kind::array) {
        for (const auto& one : *stages) value.version_stages.emplace_back(one.text());
    }
    // Seconds since 1970 with a fraction.
    if (const auto* created = (*root)->find("CreatedDate");
        created != nullptr && (created->is() == json::kind::integer || created->is() == json::kind::real)) {
        value.created = std::chrono::system_clock::time_point(
            std::chrono::milliseconds(static_cast<std::int64_t>(created->real() * 1000)));
    }
    return value;
}

}  // namespace

struct secrets_manager_client::parts {
    client::service service;
};

secrets_manager_client::secrets_manager_client(client_options options)
    : secrets_manager_client(std::unique_ptr<parts>(
          new parts{{std::move(options), client::secrets_manager_names, client::system_environment()}})) {}
secrets_manager_client::secrets_manager_client(std::unique_ptr<parts> of) : parts_(std::move(of)) {}
secrets_manager_client::secrets_manager_client(secrets_manager_client&&) noexcept = default;
secrets_manager_client& secrets_manager_client::operator=(secrets_manager_client&&) noexcept = default;
secrets_manager_client::~secrets_manager_client() = default;

secret_value secrets_manager_client::get_secret_value(const get_secret_value_request& request) {
    static constexpr std::string_view operation = "GetSecretValue";
    if (request.secret_id.empty()) client::throw_invalid_request(operation, "secret_id is missing");
    std::string body;
    for (const auto& [name, value] :
         {std::pair("SecretId", &request.secret_id), std::pair("VersionId", &request.version_id),
          std::pair("VersionStage", &request.version_stage)}) {
        if (value->empty()) continue;
        if (!client::is_utf8(*value))
            client::throw_invalid_request(operation, std::string("The text of '") + name + "' is not valid UTF-8");
        body += body.empty() ? "{\"" : ",\"";
        body += name;
        body += "\":";
        json::append_string(body, *value);
    }
    body += '}';
    return decode(parts_->service.perform({.operation = operation,
                                           .path = "/",
                                           .content_type = "application/x-amz-json-1.1",
                                           .target = "secretsmanager.GetSecretValue",
                                           .body = std::move(body),
                                           .repeatable = true,
                                           .timeout = request.timeout}));
}

secrets_manager_client client_access::make_secrets_manager(client_options options, client::environment in) {
    return secrets_manager_client(std::unique_ptr<secrets_manager_client::parts>(
        new secrets_manager_client::parts{{std::move(options), client::secrets_manager_names, std::move(in)}}));
}

}  // namespace borealis
