#include "secrets/api.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/base64.hpp"
#include "json/document.hpp"
#include "secrets/listing.hpp"
#include "secrets/random_password.hpp"
#include "secrets/request.hpp"

namespace borealis::secrets {
namespace {

using std::chrono::system_clock;

/// What an operation works with.
struct work {
    store& on;
    rotator* turns;
    const auth::caller& who;
    const request& asked;
};

object of(const record& secret) {
    object out;
    out.text("ARN", secret.about.arn).text("Name", secret.about.name);
    return out;
}

std::string description_of(const record& secret, std::string_view name_of_versions) {
    object out = of(secret);
    const auto& about = secret.about;
    if (!about.text.empty()) out.text("Description", about.text);
    if (!about.kms_key.empty()) out.text("KmsKeyId", about.kms_key);
    if (const auto& rotates = about.rotates; rotates.enabled || rotates.last) {
        out.raw("RotationEnabled", rotates.enabled ? "true" : "false");
        if (!rotates.rules.empty()) out.raw("RotationRules", rotates.rules);
        if (rotates.last) out.time("LastRotatedDate", *rotates.last);
        if (const auto next = secret.next_rotation()) out.time("NextRotationDate", *next);
    }
    out.time("LastChangedDate", about.changed);
    if (about.accessed) out.time("LastAccessedDate", *about.accessed);
    if (secret.removal) out.time("DeletedDate", *secret.removal);
    if (!about.tags.empty()) out.raw("Tags", array_of(about.tags));
    object versions;
    bool labelled = false;
    for (const auto& each : secret.versions) {
        if (each.labels.empty()) continue;  // deprecated: ListSecretVersionIds shows them when asked
        versions.raw(each.id, array_of(each.labels));
        labelled = true;
    }
    if (labelled) out.raw(name_of_versions, versions.done());
    if (!about.owning_service.empty()) out.text("OwningService", about.owning_service);
    return out.time("CreatedDate", about.created).done();
}

store::record_pointer found(const work& with) {
    auto secret = with.on.look_up(with.asked.required("SecretId", 2048));
    if (!secret) refuse(resource_not_found, std::string(no_such_secret));
    return secret;
}

/// The one whose value or versions another service keeps is not the caller's to change.
store::record_pointer found_to_change(const work& with) {
    auto secret = found(with);
    if (!secret->about.owning_service.empty()) {
        refuse(invalid_request,
               fmt::format("You can't change a secret that is managed by another service: {} belongs to {}.",
                           secret->about.name, secret->about.owning_service));
    }
    return secret;
}

/// The value, token, description and tags of CreateSecret, PutSecretValue and UpdateSecret.
change change_of(const request& asked) {
    change what;
    const auto text = asked.text("SecretString");
    auto binary = asked.text("SecretBinary");
    if (text && binary)
        refuse(invalid_parameter,
               "You can't specify both a binary secret value and a string secret value in the same secret.");
    if (text) what.value.emplace(*text);
    if (binary) {
        if (!core::decode_base64(*binary)) refuse("SerializationException", "SecretBinary is not base64.");
        what.value.emplace(std::move(*binary));
        what.binary = true;
    }
    what.text = asked.text("Description");
    what.kms_key = asked.text("KmsKeyId");
    what.token = asked.text("ClientRequestToken").value_or("");
    return what;
}

/// The version that a request with this token has made or repeated.
const version& made_version(const record& secret, std::string_view token) {
    const auto* named = token.empty() ? nullptr : secret.with_id(token);
    return named != nullptr ? *named : secret.versions.front();
}

std::string create(const work& with) {
    const auto name = with.asked.required("Name", 512);
    if (const auto* replicas = with.asked.find("AddReplicaRegions", json::kind::array);
        replicas != nullptr && replicas->size() != 0)
        refuse(invalid_parameter, "Borealis has one region: a secret cannot be replicated.");
    auto what = change_of(with.asked);
    const auto token = what.token;
    if (auto tags = with.asked.tags("Tags"); !tags.empty()) what.tags = std::move(tags);
    const auto secret = taken(with.on.create(name, std::move(what)));
    object out = of(*secret);
    if (!secret->versions.empty()) out.text("VersionId", made_version(*secret, token).id);
    return out.done();
}

/// The version that VersionId and VersionStage mean. Throws where there is none.
const version& wanted_version(const record& secret, const std::optional<std::string>& id,
                              const std::optional<std::string>& label) {
    if (id) {
        const auto* wanted = secret.with_id(*id);
        if (wanted == nullptr)
            refuse(resource_not_found,
                   fmt::format("Secrets Manager can't find the specified secret value for VersionId: {}", *id));
        if (label && !wanted->has(*label)) {
            refuse(invalid_request, "You provided a VersionStage that is not associated to the provided VersionId.");
        }
        return *wanted;
    }
    const std::string name = label.value_or(std::string(current_label));
    const auto* wanted = secret.with_label(name);
    if (wanted == nullptr)
        refuse(resource_not_found,
               fmt::format("Secrets Manager can't find the specified secret value for staging label: {}", name));
    return *wanted;
}

/// AWS keeps the day; so one write a day and secret is enough.
void note_access(const work& with, const record& secret) {
    const auto today = std::chrono::floor<std::chrono::days>(system_clock::now());
    if (secret.about.from_config || secret.about.accessed == today) return;
    // What goes wrong here is logged by the store, and no reason to keep the value back.
    std::ignore = with.on.edit(secret.about.arn, [today](record& change) -> core::result<void> {
        change.about.accessed = today;
        return {};
    });
}

std::string value_of(const work& with, const record& secret, const std::optional<std::string>& id,
                     const std::optional<std::string>& label) {
    if (secret.removal) refuse(invalid_request, std::string(marked_for_deletion));
    const auto& wanted = wanted_version(secret, id, label);
    note_access(with, secret);
    return of(secret)
        .text("VersionId", wanted.id)
        .text(wanted.binary ? "SecretBinary" : "SecretString", wanted.text.reveal())
        .raw("VersionStages", array_of(wanted.labels))
        .time("CreatedDate", wanted.created)
        .done();
}

std::string get(const work& with) {
    return value_of(with, *found(with), with.asked.text("VersionId"), with.asked.text("VersionStage"));
}

/// Throws AccessDeniedException unless `who` may do `action` with the secret, or with what `id` says where there is
/// none.
void ask(const auth::caller& who, std::string_view action, const record* secret, std::string_view id) {
    if (who.may_everything()) return;
    auth::tags tagged;
    if (secret != nullptr) {
        for (const auto& each : secret->about.tags) tagged.emplace(each.key, each.value);
    }
    if (auto allowed = who.may(action, secret == nullptr ? id : std::string_view(secret->about.arn), &tagged); !allowed)
        refuse("AccessDeniedException", std::move(allowed.error().message));
}

/// One secret of BatchGetSecretValue, as an entry of SecretValues or of Errors.
void get_one(const work& with, const std::string& id, std::string& values, std::string& errors) {
    try {
        const auto secret = with.on.look_up(id);
        ask(with.who, "secretsmanager:GetSecretValue", secret.get(), id);
        if (!secret) refuse(resource_not_found, std::string(no_such_secret));
        auto entry = value_of(with, *secret, {}, {});
        values += (values.size() == 1 ? "" : ",") + std::move(entry);
    } catch (const refusal& why) {
        errors += errors.size() == 1 ? "" : ",";
        errors += object().text("SecretId", id).text("ErrorCode", why.type).text("Message", why.message).done();
    }
}

std::string get_batch(const work& with) {
    const auto ids = with.asked.texts("SecretIdList");
    const bool filtered = with.asked.find("Filters", json::kind::array) != nullptr;
    if (ids.empty() == !filtered)
        refuse(invalid_parameter, "You must provide either SecretIdList or Filters, not both.");
    if (ids.size() > 20) refuse(invalid_parameter, "SecretIdList can have at most 20 secrets.");
    if (!ids.empty() && (with.asked.text("NextToken") || with.asked.number("MaxResults", 1, 20)))
        refuse(invalid_parameter, "MaxResults and NextToken can only be used with Filters.");
    std::string values = "[";
    std::string errors = "[";
    page shown;
    if (filtered) {
        ask(with.who, "secretsmanager:ListSecrets", nullptr, "*");  // it tells which there are, as on AWS
        shown = list_page(with.on, with.asked, 20);
        for (const auto& each : shown.secrets) get_one(with, each->about.arn, values, errors);
    }
    for (const auto& id : ids) get_one(with, id, values, errors);
    object out;
    out.raw("SecretValues", values + "]").raw("Errors", errors + "]");
    if (!shown.next.empty()) out.text("NextToken", shown.next);
    return out.done();
}

std::string put(const work& with) {
    const auto secret = found_to_change(with);
    auto what = change_of(with.asked);
    if (!what.value) refuse(invalid_parameter, "You must provide either SecretString or SecretBinary.");
    const auto token = what.token;
    const auto after = taken(with.on.update(secret->about.arn, {.value = std::move(what.value),
                                                                .binary = what.binary,
                                                                .token = std::move(what.token),
                                                                .labels = with.asked.texts("VersionStages")}));
    const auto& made = made_version(*after, token);
    return of(*after).text("VersionId", made.id).raw("VersionStages", array_of(made.labels)).done();
}

std::string update(const work& with) {
    const auto secret = found_to_change(with);
    auto what = change_of(with.asked);
    const bool has_value = what.value.has_value();
    const auto token = what.token;
    const auto after = taken(with.on.update(secret->about.arn, std::move(what)));
    object out = of(*after);
    if (has_value) out.text("VersionId", made_version(*after, token).id);
    return out.done();
}

std::string move_stage(const work& with) {
    const auto secret = found_to_change(with);
    const auto label = with.asked.required("VersionStage", 256);
    const auto from = with.asked.text("RemoveFromVersionId").value_or("");
    const auto to = with.asked.text("MoveToVersionId").value_or("");
    const auto now = std::chrono::floor<std::chrono::milliseconds>(system_clock::now());
    return of(*taken(with.on.edit(secret->about.arn,
                                  [&](record& change) {
                                      change.about.changed = now;
                                      return move_label(change, label, from, to);
                                  })))
        .done();
}

std::string describe(const work& with) { return description_of(*found(with), "VersionIdsToStages"); }

std::string list(const work& with) {
    const auto shown = list_page(with.on, with.asked, 100);
    std::string entries = "[";
    for (const auto& each : shown.secrets)
        entries += (entries.size() == 1 ? "" : ",") + description_of(*each, "SecretVersionsToStages");
    object out;
    out.raw("SecretList", entries + "]");
    if (!shown.next.empty()) out.text("NextToken", shown.next);
    return out.done();
}

std::string list_versions(const work& with) {
    const auto secret = found(with);
    const bool deprecated_too = with.asked.flag("IncludeDeprecated");
    const auto most = static_cast<std::size_t>(with.asked.number("MaxResults", 1, 100).value_or(100));
    std::size_t next = 0;
    if (const auto token = with.asked.text("NextToken")) {  // the version that the next page begins with
        const auto id = core::decode_base64(*token);
        const auto* first = id ? secret->with_id(*id) : nullptr;
        if (first == nullptr) refuse("InvalidNextTokenException", "The NextToken value is invalid.");
        next = static_cast<std::size_t>(first - secret->versions.data());
    }
    std::string entries = "[";
    std::size_t sent = 0;
    std::string token;
    for (; next < secret->versions.size(); ++next) {
        const auto& each = secret->versions[next];
        if (each.labels.empty() && !deprecated_too) continue;
        if (sent++ == most) {
            core::append_base64(token, each.id);
            break;
        }
        object entry;
        entry.text("VersionId", each.id);
        if (!each.labels.empty()) entry.raw("VersionStages", array_of(each.labels));
        entries += (entries.size() == 1 ? "" : ",") + entry.time("CreatedDate", each.created).done();
    }
    object out = of(*secret);
    out.raw("Versions", entries + "]");
    if (!token.empty()) out.text("NextToken", token);
    return out.done();
}

std::string remove(const work& with) {
    const bool force = with.asked.flag("ForceDeleteWithoutRecovery");
    const auto days = with.asked.number("RecoveryWindowInDays", 7, 30);
    if (force && days)
        refuse(invalid_parameter, "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.");
    const auto id = with.asked.required("SecretId", 2048);
    auto at = system_clock::now();
    if (force && !with.on.look_up(id)) {  // succeeds, and tells what the caller has told
        object out;
        const bool whole = id.starts_with("arn:");
        return out.text("ARN", whole ? id : with.on.arn_without_suffix(id))
            .text("Name", whole ? id.substr(id.rfind(':') + 1) : id)
            .time("DeletionDate", at)
            .done();
    }
    const auto secret = found_to_change(with);
    if (force) {
        taken(with.on.remove(secret->about.arn));
    } else {
        at += std::chrono::hours(24) * days.value_or(30);
        taken(with.on.schedule_removal(secret->about.arn, at));
    }
    return of(*secret).time("DeletionDate", at).done();
}

std::string restore(const work& with) {
    return of(*taken(with.on.schedule_removal(with.asked.required("SecretId", 2048), std::nullopt))).done();
}

std::string add_tags(const work& with) {
    const auto tags = with.asked.tags("Tags");
    if (tags.empty()) refuse(invalid_parameter, "You must provide at least one tag.");
    taken(with.on.edit(with.asked.required("SecretId", 2048), [&](record& change) -> core::result<void> {
        for (const auto& each : tags) {
            std::erase_if(change.about.tags, [&](const tag& known) { return known.key == each.key; });
            change.about.tags.push_back(each);
        }
        return {};
    }));
    return "{}";
}

std::string remove_tags(const work& with) {
    const auto keys = with.asked.texts("TagKeys");
    for (const auto& key : keys) {
        if (key.starts_with("aws:"))
            refuse(invalid_parameter, "Tag keys that begin with aws: are reserved for AWS services.");
    }
    taken(with.on.edit(with.asked.required("SecretId", 2048), [&](record& change) -> core::result<void> {
        std::erase_if(change.about.tags,
                      [&](const tag& known) { return std::ranges::find(keys, known.key) != keys.end(); });
        return {};
    }));
    return "{}";
}

std::string make_password(const work& with) {
    const auto& asked = with.asked;
    password_rules rules;
    rules.length = static_cast<std::size_t>(asked.number("PasswordLength", 1, 4096).value_or(32));
    rules.excluded = asked.text("ExcludeCharacters").value_or("");
    if (rules.excluded.size() > 4096) refuse(invalid_parameter, "ExcludeCharacters can have at most 4096 characters.");
    rules.numbers = !asked.flag("ExcludeNumbers");
    rules.punctuation = !asked.flag("ExcludePunctuation");
    rules.uppercase = !asked.flag("ExcludeUppercase");
    rules.lowercase = !asked.flag("ExcludeLowercase");
    rules.space = asked.flag("IncludeSpace");
    rules.one_of_each_kind = asked.flag("RequireEachIncludedType", true);
    return object().text("RandomPassword", taken(random_password(rules))).done();
}

/// `rate(12 hours)`: what RotateSecret's ScheduleExpression may be here.
std::chrono::seconds interval_of(std::string_view expression) {
    std::int64_t count = 0;
    constexpr std::string_view start = "rate(";
    const auto* end = expression.data() + expression.size();
    const auto [stop, failed] = expression.starts_with(start)
                                    ? std::from_chars(expression.data() + start.size(), end, count)
                                    : std::from_chars_result{end, std::errc::invalid_argument};
    const std::string_view unit = failed == std::errc() ? std::string_view(stop, end) : std::string_view();
    const bool hours = unit == " hours)" || unit == " hour)";
    const bool days = unit == " days)" || unit == " day)";
    const auto every =
        hours ? std::chrono::seconds(std::chrono::hours(count)) : std::chrono::seconds(std::chrono::days(count));
    if ((!hours && !days) || count < 1 || count > 24'000 || every < std::chrono::hours(4) ||
        every > std::chrono::days(999)) {
        refuse(invalid_parameter,
               "ScheduleExpression must be rate(N hours) or rate(N days), from 4 hours to 999 days; Borealis has no "
               "cron() expressions.");
    }
    return every;
}

rotation rotation_of(const work& with, rotation before) {
    before.enabled = true;
    const auto* rules = with.asked.find("RotationRules", json::kind::object);
    if (rules == nullptr) return before;
    const request given(*rules);
    const auto days = given.number("AutomaticallyAfterDays", 1, 1000);
    const auto expression = given.text("ScheduleExpression");
    if (days && expression)
        refuse(invalid_parameter, "You can't specify both AutomaticallyAfterDays and ScheduleExpression.");
    object shown;
    if (days) {
        before.every = std::chrono::days(*days);
        shown.raw("AutomaticallyAfterDays", std::to_string(*days));
    }
    if (const auto window = given.text("Duration")) shown.text("Duration", *window);
    if (expression) {
        before.every = interval_of(*expression);
        shown.text("ScheduleExpression", *expression);
    }
    before.rules = shown.done();
    return before;
}

std::string rotate(const work& with) {
    const auto secret = found(with);
    if (secret->removal) refuse(invalid_request, std::string(marked_for_deletion));
    if (with.asked.text("RotationLambdaARN")) {
        refuse(
            invalid_parameter,
            "Borealis calls no rotation function: it rotates the logins of its clusters by itself, and others by the "
            "rotate_command of their [[secret]].");
    }
    if (with.turns == nullptr || !with.turns->can_rotate(*secret))
        refuse(invalid_request, "No Lambda rotation function ARN is associated with this secret.");
    const auto rules = rotation_of(with, secret->about.rotates);
    const auto token = with.asked.text("ClientRequestToken").value_or("");
    store::record_pointer after = secret;
    const bool now = with.asked.flag("RotateImmediately", true);
    if (now) {
        auto prepared = prepare_rotation(with.on, secret->about.arn, token);
        if (!prepared) {
            if (prepared.error().kind == core::error_kind::invalid_state) with.turns->begin(secret->about.arn);
            refuse(std::move(prepared.error()));
        }
        after = *std::move(prepared);
    }
    if (after->about.rotates != rules) {
        after = taken(with.on.edit(secret->about.arn, [&](record& change) -> core::result<void> {
            change.about.rotates = rules;
            return {};
        }));
    }
    object out = of(*after);
    if (now) {
        out.text("VersionId", after->with_label(pending_label)->id);
        with.turns->begin(secret->about.arn);
    }
    return out.done();
}

std::string cancel_rotation(const work& with) {
    const auto secret = found_to_change(with);
    const auto after = taken(with.on.edit(secret->about.arn, [](record& change) -> core::result<void> {
        change.about.rotates.enabled = false;
        return {};
    }));
    return of(*after).done();
}

/// Tools ask for it whenever they look at a secret.
std::string get_policy(const work& with) { return of(*found(with)).done(); }

struct operation {
    std::string_view name;
    std::string (*run)(const work&);
};
constexpr std::array<operation, 17> operations = {{{"CreateSecret", &create},
                                                   {"GetSecretValue", &get},
                                                   {"BatchGetSecretValue", &get_batch},
                                                   {"PutSecretValue", &put},
                                                   {"UpdateSecret", &update},
                                                   {"UpdateSecretVersionStage", &move_stage},
                                                   {"DescribeSecret", &describe},
                                                   {"ListSecrets", &list},
                                                   {"ListSecretVersionIds", &list_versions},
                                                   {"DeleteSecret", &remove},
                                                   {"RestoreSecret", &restore},
                                                   {"TagResource", &add_tags},
                                                   {"UntagResource", &remove_tags},
                                                   {"GetRandomPassword", &make_password},
                                                   {"RotateSecret", &rotate},
                                                   {"CancelRotateSecret", &cancel_rotation},
                                                   {"GetResourcePolicy", &get_policy}}};

answer failure(const refusal& why) {
    // the member is `Message`; some clients look for `message`.
    return {.status = why.type == "InternalServiceError" ? 500 : 400,
            .error_type = why.type,
            .body = object().text("__type", why.type).text("Message", why.message).text("message", why.message).done()};
}

}  // namespace

answer api::handle(std::string_view target, std::string_view body, const auth::caller& who) const {
    constexpr std::string_view service = "secretsmanager.";
    const auto name = target.starts_with(service) ? target.substr(service.size()) : std::string_view();
    const auto* wanted = std::ranges::find(operations, name, &operation::name);
    if (wanted == operations.end())
        return failure({"UnknownOperationException", fmt::format("The operation {} is not known.", target)});
    json::document reader;
    const auto root = reader.parse_copy(body.empty() ? "{}" : body);
    if (!root) return failure({"SerializationException", root.error().message});
    try {
        if (!who.may_everything()) {
            const auto resource = resource_of(name, **root);
            ask(who, fmt::format("secretsmanager:{}", name), on_.look_up(resource).get(), resource);
        }
        return {.body = wanted->run({on_, rotator_, who, request(**root)})};
    } catch (const refusal& why) {
        return failure(why);
    }
}

std::string api::resource_of(std::string_view operation, const json::node& body) const {
    const auto text = [&](std::string_view name) {
        const auto* found = body.is() == json::kind::object ? body.find(name) : nullptr;
        return found == nullptr || found->is() != json::kind::string ? std::string() : std::string(found->text());
    };
    // By what the operation works with: other members of the body are nobody's word.
    if (operation == "ListSecrets" || operation == "BatchGetSecretValue" || operation == "GetRandomPassword")
        return "*";
    const bool creates = operation == "CreateSecret";
    const auto given = text(creates ? "Name" : "SecretId");
    if (given.empty()) return "*";
    if (creates) return on_.arn_without_suffix(given);
    const auto secret = on_.look_up(given);
    return secret ? secret->about.arn : given;
}

}  // namespace borealis::secrets
