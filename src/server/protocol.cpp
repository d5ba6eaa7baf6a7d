#include "server/protocol.hpp"

#include <array>

#include "core/random.hpp"
#include "core/xml.hpp"
#include "http/form.hpp"
#include "json/writer.hpp"
#include "lambda/invoke_api.hpp"

namespace borealis::server {
namespace {

constexpr std::string_view sts_version = "2011-06-15";

/// Service in the credential scope, `<key>/<day>/<region>/<service>/aws4_request`, of a header or presigned query;
/// empty where there is none.
std::string_view scoped_service(const http::request& asked) {
    auto text = asked.find("authorization");
    auto at = text.find("Credential=");
    std::string_view slash = "/";
    if (at == std::string_view::npos) {
        text = asked.query;
        at = text.find("X-Amz-Credential=");
        if (text.find("%2F", at == std::string_view::npos ? 0 : at) != std::string_view::npos) slash = "%2F";
    }
    if (at == std::string_view::npos) return {};
    text = text.substr(at);
    text = text.substr(0, text.find_first_of(",& "));
    for (int skipped = 0; skipped < 3; ++skipped) {
        const auto next = text.find(slash);
        if (next == std::string_view::npos) return {};
        text.remove_prefix(next + slash.size());
    }
    return text.substr(0, text.find(slash));
}

bool is_form(const http::request& asked) {
    constexpr std::string_view type = "application/x-www-form-urlencoded";
    return http::iequals(asked.find("content-type").substr(0, type.size()), type);
}

struct renamed {
    std::string_view rest, query;
};
/// The query protocol's names of what any service may answer (AWS, "Common Errors").
constexpr std::array<renamed, 9> query_names = {{
    {"MissingAuthenticationTokenException", "MissingAuthenticationToken"},
    {"UnrecognizedClientException", "InvalidClientTokenId"},
    {"InvalidSignatureException", "SignatureDoesNotMatch"},
    {"IncompleteSignatureException", "IncompleteSignature"},
    {"ExpiredTokenException", "ExpiredToken"},
    {"AccessDeniedException", "AccessDenied"},
    {"ThrottlingException", "Throttling"},
    {"UnknownOperationException", "InvalidAction"},
    {"SerializationException", "MalformedQueryString"},
}};

std::string_view query_name(std::string_view code) {
    for (const auto& [rest, query] : query_names)
        if (rest == code) return query;
    return code;
}

reply refuse_in_xml(service by, int status, std::string_view code, std::string_view message) {
    reply made{.status = status, .content_type = "text/xml", .request_id = core::random_uuid()};
    auto& out = made.body;
    out = by == service::sts ? R"(<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">)"
                             : R"(<ErrorResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/">)";
    out += status < 500 ? "<Error><Type>Sender</Type>" : "<Error><Type>Receiver</Type>";
    core::append_xml_element(out, "Code", query_name(code));
    core::append_xml_element(out, "Message", message);
    out += "</Error>";
    core::append_xml_element(out, "RequestId", made.request_id);
    out += "</ErrorResponse>";
    return made;
}

}  // namespace

std::string_view signing_name(service of) {
    static constexpr std::array<std::string_view, 5> names = {"rds-data", "secretsmanager", "rds", "sts", "lambda"};
    return names[static_cast<std::size_t>(of)];
}

service addressed_by(const http::request& asked) {
    if (lambda::invoke_api::is_path(asked.path)) return service::lambda;
    if (asked.path != "/" || asked.method != "POST") return service::rds_data;
    if (asked.find("x-amz-target").starts_with("secretsmanager.")) return service::secretsmanager;
    if (!is_form(asked)) return service::rds_data;
    const auto signed_for = scoped_service(asked);
    if (signed_for == signing_name(service::sts)) return service::sts;
    if (signed_for == signing_name(service::rds)) return service::rds;
    const auto fields = http::parse_form(asked.body);
    return fields && http::find(*fields, "Version") == sts_version ? service::sts : service::rds;
}

reply refuse(service by, int status, std::string_view code, std::string_view message) {
    if (by == service::rds || by == service::sts) return refuse_in_xml(by, status, code, message);
    reply made{.status = status, .error_type = std::string(code)};
    made.body = "{";
    if (by == service::secretsmanager) {  // clients of JSON 1.1 look for the error's name in the body
        made.content_type = "application/x-amz-json-1.1";
        made.body += R"("__type":)";
        json::append_string(made.body, code);
        made.body += ',';
    }
    made.body += R"("message":)";
    json::append_string(made.body, message);
    made.body += '}';
    return made;
}

}  // namespace borealis::server
