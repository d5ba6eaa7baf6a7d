#include "auth/sts.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "core/xml.hpp"

namespace borealis::auth {
namespace {

using std::chrono::seconds;

constexpr std::string_view name_space = "https://sts.amazonaws.com/doc/2011-06-15/";
constexpr seconds shortest_session{900};
constexpr seconds longest_user_session{129'600};
constexpr seconds usual_user_session{43'200};
constexpr seconds usual_role_session{3'600};

sts_answer refuse(int status, std::string_view code, std::string message) {
    return {.status = status, .error_code = std::string(code), .message = std::move(message)};
}

std::string_view field(const form_fields& in, std::string_view name) {
    const auto found = std::ranges::find(in, name, &form_fields::value_type::first);
    return found == in.end() ? std::string_view() : std::string_view(found->second);
}

sts_answer answer(std::string_view operation, std::string_view result, std::string_view request_id) {
    sts_answer made;
    made.body = fmt::format(
        R"(<{0}Response xmlns="{1}"><{0}Result>{2}</{0}Result><ResponseMetadata><RequestId>{3}</RequestId></ResponseMetadata></{0}Response>)",
        operation, name_space, result, request_id);
    return made;
}

std::string in_xml(const credentials& made) {
    std::string out = "<Credentials>";
    core::append_xml_element(out, "AccessKeyId", made.access_key_id);
    core::append_xml_element(out, "SecretAccessKey", made.secret.reveal());
    core::append_xml_element(out, "SessionToken", made.session_token);
    core::append_xml_element(out, "Expiration", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", made.expires));
    return out + "</Credentials>";
}

/// The duration asked for, or the error text.
struct duration {
    seconds lasts{};
    std::string refused = {};
};

duration duration_of(const form_fields& form, seconds usual, seconds most) {
    const auto text = field(form, "DurationSeconds");
    if (text.empty()) return {std::min(usual, most)};
    int value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc() || end != text.data() + text.size() || seconds(value) < shortest_session) {
        return {{},
                fmt::format("1 validation error detected: Value '{}' at 'durationSeconds' failed to satisfy "
                            "constraint: Member must have value greater than or equal to {}",
                            text, shortest_session.count())};
    }
    if (seconds(value) > most)
        return {{}, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."};
    return {seconds(value)};
}

sts_answer get_session_token(const form_fields& form, const caller& who, const seal& with, std::string_view id) {
    if (who.who().temporary) return refuse(403, "AccessDenied", "Cannot call GetSessionToken with session credentials");
    if (!field(form, "SerialNumber").empty() || !field(form, "TokenCode").empty())
        return refuse(400, "ValidationError",
                      "SerialNumber and TokenCode are not supported: there are no MFA devices.");
    const auto asked = duration_of(form, usual_user_session, longest_user_session);
    if (!asked.refused.empty()) return refuse(400, "ValidationError", asked.refused);
    // In developer mode a key id is what anybody says: it must not be good for a key that is declared later.
    const std::string parent = who.may_everything() ? std::string() : who.access_key_id();
    const auto made = key_ring::mint({.parent_key = parent}, who.where().at + asked.lasts, with);
    if (!made) return refuse(400, "MalformedPolicyDocument", made.error().message);
    return answer("GetSessionToken", in_xml(*made), id);
}

/// How a role's trust speaks of a caller.
enum class trust : std::uint8_t { none, by_pattern, by_name };

trust trusts(const role& one, const caller& who) {
    auto found = trust::none;
    for (const auto& each : one.assumed_by) {
        if (each == who.arn() || (!who.who().user_name.empty() && each == who.who().user_name)) return trust::by_name;
        if (!each.contains('*')) continue;
        const auto wild = pattern::parse(each, {.variables = false});
        const question asked{.action = {}, .resource = {}, .where = who.where()};
        if (wild && wild->matches(who.arn(), asked)) found = trust::by_pattern;
    }
    return found;
}

sts_answer assume_role(const form_fields& form, const caller& who, const key_ring& known, const seal& with,
                       std::string_view id) {
    const auto arn = field(form, "RoleArn");
    const auto name = field(form, "RoleSessionName");
    if (arn.empty() || name.empty()) {
        return refuse(400, "ValidationError",
                      fmt::format("1 validation error detected: Value null at '{}' failed to satisfy constraint: "
                                  "Member must not be null",
                                  arn.empty() ? "roleArn" : "roleSessionName"));
    }
    if (!is_name(name) || name.size() < 2) {
        return refuse(400, "ValidationError",
                      fmt::format("1 validation error detected: Value '{}' at 'roleSessionName' failed to satisfy "
                                  "constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*",
                                  name));
    }
    // A role that is not there and one that may not be assumed look the same, as on AWS.
    const auto denied =
        refuse(403, "AccessDenied",
               fmt::format("User: {} is not authorized to perform: sts:AssumeRole on resource: {}", who.arn(), arn));
    const auto before = fmt::format("arn:aws:iam::{}:role/", who.account());
    const auto* wanted = arn.starts_with(before) ? known.find_role(arn.substr(before.size())) : nullptr;
    role any;
    if (wanted == nullptr &&
        who.may_everything()) {  // developer mode: whatever the program assumes when it is deployed
        any = {.name = std::string(arn.substr(arn.rfind('/') + 1)), .assumed_by = {who.arn()}};
        wanted = &any;
    }
    if (wanted == nullptr) return denied;
    const auto trusted = trusts(*wanted, who);
    const auto by_policy = who.judge("sts:AssumeRole", arn);
    if (trusted == trust::none || by_policy == policy::verdict::denied ||
        (trusted == trust::by_pattern && by_policy != policy::verdict::allowed))
        return denied;
    if (!who.who().session.empty() && !who.may("sts:AssumeRole", arn)) return denied;
    for (const auto& [parameter, value] : form) {
        for (const std::string_view unsupported : {"PolicyArns.", "Tags.", "TransitiveTagKeys.", "ExternalId",
                                                   "SerialNumber", "TokenCode", "SourceIdentity"}) {
            if (parameter.starts_with(unsupported)) {
                return refuse(400, "ValidationError", fmt::format("{} is not supported.", parameter));
            }
        }
    }
    // Role chaining lasts an hour at most (AWS, "Methods to assume a role").
    const auto most =
        who.who().temporary ? std::min(wanted->longest_session, usual_role_session) : wanted->longest_session;
    const auto asked = duration_of(form, usual_role_session, most);
    if (!asked.refused.empty()) return refuse(400, "ValidationError", asked.refused);
    const auto made = key_ring::mint({.role = wanted == &any ? std::string() : wanted->name,  // nor for a role
                                      .name = std::string(name),
                                      .policy = std::string(field(form, "Policy"))},
                                     who.where().at + asked.lasts, with);
    if (!made) return refuse(400, "MalformedPolicyDocument", made.error().message);
    std::string out = in_xml(*made) + "<AssumedRoleUser>";
    core::append_xml_element(out, "AssumedRoleId", fmt::format("{}:{}", stable_id("AROA", wanted->name), name));
    core::append_xml_element(out, "Arn",
                             fmt::format("arn:aws:sts::{}:assumed-role/{}/{}", who.account(), wanted->name, name));
    return answer("AssumeRole", out + "</AssumedRoleUser>", id);
}

}  // namespace

sts_answer answer_sts(const form_fields& form, const caller& who, const key_ring& known, const seal& with,
                      std::string_view request_id) {
    const auto action = field(form, "Action");
    if (action == "GetCallerIdentity") {  // needs no permission
        std::string out;
        core::append_xml_element(out, "UserId", who.who().user_id);
        core::append_xml_element(out, "Account", who.account());
        core::append_xml_element(out, "Arn", who.arn());
        return answer(action, out, request_id);
    }
    if (action == "GetSessionToken") return get_session_token(form, who, with, request_id);
    if (action == "AssumeRole") return assume_role(form, who, known, with, request_id);
    if (action.empty()) return refuse(400, "MissingAction", "The request must contain the parameter Action.");
    return refuse(400, "InvalidAction",
                  fmt::format("Could not find operation {} for version {}", action, field(form, "Version")));
}

}  // namespace borealis::auth
