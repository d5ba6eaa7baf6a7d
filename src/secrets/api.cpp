#include "secrets/api.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/base64.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"

namespace borealis::secrets {
namespace {

using std::chrono::system_clock;

/// Thrown where the request cannot be carried out, and answered by `handle`: a reader of twenty members that had to
/// hand on twenty results would hide what it reads.
struct refusal {
    std::string type;
    std::string message;
};

[[noreturn]] void refuse(std::string_view type, std::string message) {
    throw refusal{std::string(type), std::move(message)};
}

constexpr std::string_view invalid_parameter = "InvalidParameterException";
constexpr std::string_view invalid_request = "InvalidRequestException";
constexpr std::string_view resource_not_found = "ResourceNotFoundException";
constexpr std::string_view no_such_secret = "Secrets Manager can't find the specified secret.";

/// The one table from what the store says to what AWS says.
template <class T>
T taken(core::result<T> from) {
    if (from) return std::move(*from);
    switch (auto& error = from.error(); error.kind) {
        case core::error_kind::secret_not_found:
            refuse(resource_not_found, std::string(no_such_secret));
        case core::error_kind::already_exists:
            refuse("ResourceExistsException", std::move(error.message));
        case core::error_kind::invalid_state:
            refuse(invalid_request, std::move(error.message));
        case core::error_kind::validation:
            refuse(invalid_parameter, std::move(error.message));
        default:
            refuse("InternalServiceError", std::move(error.message));
    }
}

/// The members of a request.
class request {
 public:
    explicit request(const json::node& root) : root_(root) {
        if (root.is() != json::kind::object) refuse("SerializationException", "The request must be a JSON object.");
    }

    [[nodiscard]] const json::node* find(std::string_view name, json::kind wanted) const {
        const auto* found = root_.find(name);
        if (found == nullptr || found->is() == json::kind::null) return nullptr;
        if (found->is() != wanted) refuse("SerializationException", fmt::format("{} has the wrong JSON type.", name));
        return found;
    }
    [[nodiscard]] std::optional<std::string> text(std::string_view name) const {
        const auto* found = find(name, json::kind::string);
        return found == nullptr ? std::nullopt : std::optional<std::string>(found->text());
    }
    [[nodiscard]] std::string required(std::string_view name, std::size_t longest) const {
        auto found = text(name);
        if (!found) {
            refuse("ValidationException",
                   fmt::format("1 validation error detected: Value null at '{}' failed to satisfy constraint: Member "
                               "must not be null",
                               in_camel_case(name)));
        }
        if (found->empty() || found->size() > longest)
            refuse(invalid_parameter, fmt::format("{} must have 1 to {} characters.", name, longest));
        return std::move(*found);
    }
    [[nodiscard]] std::optional<std::int64_t> number(std::string_view name, std::int64_t least,
                                                     std::int64_t most) const {
        const auto* found = find(name, json::kind::integer);
        if (found == nullptr) return std::nullopt;
        if (found->integer() < least || found->integer() > most)
            refuse(invalid_parameter, fmt::format("{} must be between {} and {}.", name, least, most));
        return found->integer();
    }
    [[nodiscard]] bool flag(std::string_view name) const {
        const auto* found = find(name, json::kind::boolean);
        return found != nullptr && found->boolean();
    }
    /// The strings of an array.
    [[nodiscard]] std::vector<std::string> texts(std::string_view name) const {
        std::vector<std::string> all;
        const auto* found = find(name, json::kind::array);
        if (found == nullptr) return all;
        for (const auto& each : *found) {
            if (each.is() != json::kind::string)
                refuse("SerializationException", fmt::format("{} has the wrong JSON type.", name));
            all.emplace_back(each.text());
        }
        return all;
    }

 private:
    /// AWS names members in its validation texts so.
    static std::string in_camel_case(std::string_view name) {
        std::string out(name);
        out.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(out.front())));
        return out;
    }

    const json::node& root_;
};

/// `{"A":…,"B":…}`, member by member.
class object {
 public:
    object& text(std::string_view name, std::string_view value) {
        begin(name);
        json::append_string(out_, value);
        return *this;
    }
    /// Epoch seconds with a fraction.
    object& time(std::string_view name, system_clock::time_point at) {
        begin(name);
        const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
        out_ += fmt::format("{}.{:03}", milliseconds / 1000, milliseconds % 1000);
        return *this;
    }
    object& raw(std::string_view name, std::string_view value) {
        begin(name);
        out_ += value;
        return *this;
    }
    [[nodiscard]] std::string done() { return std::move(out_) + "}"; }

 private:
    void begin(std::string_view name) {
        out_ += out_.size() == 1 ? "" : ",";
        json::append_string(out_, name);
        out_ += ':';
    }
    std::string out_ = "{";
};

std::string_view label_of(stage what) { return what == stage::current ? "AWSCURRENT" : "AWSPREVIOUS"; }
std::string labels_of(const version& what) { return fmt::format("[\"{}\"]", label_of(what.is)); }

object of(const record& secret) {
    object out;
    out.text("ARN", secret.about.arn).text("Name", secret.about.name);
    return out;
}

std::string description_of(const record& secret, std::string_view name_of_versions) {
    object out = of(secret);
    const auto& about = secret.about;
    if (!about.text.empty()) out.text("Description", about.text);
    out.time("LastChangedDate", about.changed);
    if (secret.removal) out.time("DeletedDate", *secret.removal);
    if (!about.tags.empty()) out.raw("Tags", about.tags);
    if (!secret.versions.empty()) {
        object versions;
        for (const auto& each : secret.versions) versions.raw(each.id, labels_of(each));
        out.raw(name_of_versions, versions.done());
    }
    if (!about.owning_service.empty()) out.text("OwningService", about.owning_service);
    return out.time("CreatedDate", about.created).done();
}

store::record_pointer found(const store& on, const request& asked) {
    auto secret = on.look_up(asked.required("SecretId", 2048));
    if (!secret) refuse(resource_not_found, std::string(no_such_secret));
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
    what.token = asked.text("ClientRequestToken").value_or("");
    if (const auto* tags = asked.find("Tags", json::kind::array); tags != nullptr && tags->size() != 0) {
        std::string list = "[";
        for (const auto& each : *tags) {
            const request tag(each);
            list += list.size() == 1 ? "" : ",";
            list += object().text("Key", tag.required("Key", 128)).text("Value", tag.text("Value").value_or("")).done();
        }
        what.tags = std::move(list) + "]";
    }
    return what;
}

/// The version that a request with this token has made or repeated.
const version& made_version(const record& secret, std::string_view token) {
    const auto* named = token.empty() ? nullptr : secret.find(token);
    return named != nullptr ? *named : *secret.find(stage::current);
}

std::string create(store& on, const request& asked) {
    const auto name = asked.required("Name", 512);
    auto what = change_of(asked);
    const auto secret = taken(on.create(name, std::move(what)));
    object out = of(*secret);
    if (!secret->versions.empty()) out.text("VersionId", secret->about.version_id);
    return out.done();
}

std::string get(store& on, const request& asked) {
    const auto secret = found(on, asked);
    if (secret->removal)
        refuse(invalid_request, "You can't perform this operation on the secret because it was marked for deletion.");
    const auto id = asked.text("VersionId");
    const auto label = asked.text("VersionStage");
    const version* wanted = nullptr;
    if (id) {
        wanted = secret->find(*id);
        if (wanted == nullptr || (label && *label != label_of(wanted->is)))
            refuse(resource_not_found,
                   fmt::format("Secrets Manager can't find the specified secret value for VersionId: {}", *id));
    } else {
        const std::string name = label.value_or("AWSCURRENT");
        for (const auto& each : secret->versions) {
            if (label_of(each.is) == name) wanted = &each;
        }
        if (wanted == nullptr)
            refuse(resource_not_found,
                   fmt::format("Secrets Manager can't find the specified secret value for staging label: {}", name));
    }
    return of(*secret)
        .text("VersionId", wanted->id)
        .text(wanted->binary ? "SecretBinary" : "SecretString", wanted->text.reveal())
        .raw("VersionStages", labels_of(*wanted))
        .time("CreatedDate", wanted->created)
        .done();
}

std::string put(store& on, const request& asked) {
    const auto id = asked.required("SecretId", 2048);
    auto what = change_of(asked);
    if (!what.value) refuse(invalid_parameter, "You must provide either SecretString or SecretBinary.");
    if (const auto labels = asked.texts("VersionStages");
        !labels.empty() && labels != std::vector<std::string>{"AWSCURRENT"})
        refuse(invalid_parameter, "VersionStages other than AWSCURRENT are not supported by Borealis.");
    const auto token = what.token;
    const auto secret =
        taken(on.update(id, {.value = std::move(what.value), .binary = what.binary, .token = std::move(what.token)}));
    const auto& made = made_version(*secret, token);
    return of(*secret).text("VersionId", made.id).raw("VersionStages", labels_of(made)).done();
}

std::string update(store& on, const request& asked) {
    const auto id = asked.required("SecretId", 2048);
    auto what = change_of(asked);
    what.tags.reset();  // no member of UpdateSecret
    const bool has_value = what.value.has_value();
    const auto token = what.token;
    const auto secret = taken(on.update(id, std::move(what)));
    object out = of(*secret);
    if (has_value) out.text("VersionId", made_version(*secret, token).id);
    return out.done();
}

std::string describe(store& on, const request& asked) {
    return description_of(*found(on, asked), "VersionIdsToStages");
}

/// One filter of ListSecrets: any of its values fits; a value that begins with `!` must not.
struct filter {
    std::string key;
    std::vector<std::string> values;

    [[nodiscard]] bool fits(const description& about) const {
        const auto fits_one = [&](const std::string& value) {
            const bool wanted = !value.starts_with('!');
            const std::string_view text = wanted ? std::string_view(value) : std::string_view(value).substr(1);
            return has(about, text) == wanted;
        };
        return std::ranges::any_of(values, fits_one);
    }

 private:
    [[nodiscard]] bool has(const description& about, std::string_view text) const {
        if (key == "name") return about.name.starts_with(text);
        if (key == "description") return about.text.starts_with(text);
        if (key == "owning-service") return about.owning_service.starts_with(text);
        return about.name.find(text) != std::string::npos || about.text.find(text) != std::string::npos;  // all
    }
};

std::vector<filter> filters_of(const request& asked) {
    static constexpr std::array<std::string_view, 4> known = {"name", "description", "owning-service", "all"};
    std::vector<filter> all;
    const auto* list = asked.find("Filters", json::kind::array);
    if (list == nullptr) return all;
    for (const auto& each : *list) {
        const request one(each);
        filter made{.key = one.required("Key", 64), .values = one.texts("Values")};
        if (std::ranges::find(known, made.key) == known.end()) {
            refuse(invalid_parameter, fmt::format("The filter key {} is not supported by Borealis; it knows name, "
                                                  "description, owning-service and all.",
                                                  made.key));
        }
        all.push_back(std::move(made));
    }
    return all;
}

std::string list(store& on, const request& asked) {
    const auto most = static_cast<std::size_t>(asked.number("MaxResults", 1, 100).value_or(100));
    const auto filters = filters_of(asked);
    const bool scheduled_too = asked.flag("IncludePlannedDeletion");
    const auto order = asked.text("SortOrder").value_or("asc");
    if (order != "asc" && order != "desc") refuse(invalid_parameter, "SortOrder must be asc or desc.");
    auto secrets = on.all();
    if (order == "desc") std::ranges::reverse(secrets);
    std::erase_if(secrets, [&](const store::record_pointer& each) {
        return (each->removal && !scheduled_too) ||
               !std::ranges::all_of(filters, [&](const filter& one) { return one.fits(each->about); });
    });
    auto next = secrets.begin();
    if (const auto token = asked.text("NextToken")) {
        // The name of the last one sent.
        const auto last = core::decode_base64(*token);
        if (!last || last->empty()) refuse("InvalidNextTokenException", "The NextToken value is invalid.");
        next = std::ranges::find_if(secrets, [&](const store::record_pointer& each) {
            return order == "asc" ? each->about.name > *last : each->about.name < *last;
        });
    }
    std::string entries = "[";
    std::string last;
    for (std::size_t sent = 0; next != secrets.end() && sent < most; ++next, ++sent) {
        entries += sent == 0 ? "" : ",";
        entries += description_of(**next, "SecretVersionsToStages");
        last = (*next)->about.name;
    }
    object out;
    out.raw("SecretList", entries + "]");
    if (next != secrets.end()) {
        std::string token;
        core::append_base64(token, last);
        out.text("NextToken", token);
    }
    return out.done();
}

std::string remove(store& on, const request& asked) {
    const auto secret = found(on, asked);
    const bool force = asked.flag("ForceDeleteWithoutRecovery");
    const auto days = asked.number("RecoveryWindowInDays", 7, 30);
    if (force && days)
        refuse(invalid_parameter, "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.");
    auto at = system_clock::now();
    if (force) {
        if (auto done = on.remove(secret->about.arn); !done)
            taken(core::result<int>(std::unexpected(std::move(done.error()))));
    } else {
        at += std::chrono::hours(24) * days.value_or(30);
        taken(on.schedule_removal(secret->about.arn, at));
    }
    return of(*secret).time("DeletionDate", at).done();
}

std::string restore(store& on, const request& asked) {
    return of(*taken(on.schedule_removal(asked.required("SecretId", 2048), std::nullopt))).done();
}

struct operation {
    std::string_view name;
    std::string (*run)(store&, const request&);
};
constexpr std::array<operation, 8> operations = {{{"CreateSecret", &create},
                                                  {"GetSecretValue", &get},
                                                  {"PutSecretValue", &put},
                                                  {"UpdateSecret", &update},
                                                  {"DescribeSecret", &describe},
                                                  {"ListSecrets", &list},
                                                  {"DeleteSecret", &remove},
                                                  {"RestoreSecret", &restore}}};

answer failure(const refusal& why) {
    // the member is `Message`; some clients look for `message`.
    return {.status = why.type == "InternalServiceError" ? 500 : 400,
            .error_type = why.type,
            .body = object().text("__type", why.type).text("Message", why.message).text("message", why.message).done()};
}

}  // namespace

answer api::handle(std::string_view target, std::string_view body) const {
    constexpr std::string_view service = "secretsmanager.";
    const auto name = target.starts_with(service) ? target.substr(service.size()) : std::string_view();
    const auto* wanted = std::ranges::find(operations, name, &operation::name);
    if (wanted == operations.end())
        return failure({"UnknownOperationException", fmt::format("The operation {} is not known.", target)});
    json::document reader;
    const auto root = reader.parse_copy(body.empty() ? "{}" : body);
    if (!root) return failure({"SerializationException", root.error().message});
    try {
        return {.body = wanted->run(on_, request(**root))};
    } catch (const refusal& why) {
        return failure(why);
    }
}

std::string api::resource_of(std::string_view body) const {
    json::document reader;
    const auto root = reader.parse_copy(body.empty() ? "{}" : body);
    if (!root || (*root)->is() != json::kind::object) return "*";
    const auto text = [&](std::string_view name) {
        const auto* found = (*root)->find(name);
        return found == nullptr || found->is() != json::kind::string ? std::string() : std::string(found->text());
    };
    if (const auto id = text("SecretId"); !id.empty()) {
        const auto secret = on_.look_up(id);
        return secret ? secret->about.arn : id;
    }
    if (const auto name = text("Name"); !name.empty()) return on_.arn_without_suffix(name);
    return "*";
}

}  // namespace borealis::secrets
