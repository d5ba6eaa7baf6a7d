#include "secrets/request.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include <fmt/format.h>

#include "json/writer.hpp"

namespace borealis::secrets {
namespace {

/// AWS names members in its validation texts so.
std::string in_camel_case(std::string_view name) {
    std::string out(name);
    out.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(out.front())));
    return out;
}

}  // namespace

void refuse(std::string_view type, std::string message) { throw refusal{std::string(type), std::move(message)}; }

void refuse(core::error why) {
    switch (why.kind) {
        case core::error_kind::secret_not_found:
            refuse(resource_not_found, std::string(no_such_secret));
        case core::error_kind::not_found:
            refuse(resource_not_found, std::move(why.message));
        case core::error_kind::already_exists:
            refuse("ResourceExistsException", std::move(why.message));
        case core::error_kind::invalid_state:
            refuse(invalid_request, std::move(why.message));
        case core::error_kind::validation:
            refuse(invalid_parameter, std::move(why.message));
        default:
            refuse("InternalServiceError", std::move(why.message));
    }
}

request::request(const json::node& root) : root_(root) {
    if (root.is() != json::kind::object) refuse("SerializationException", "The request must be a JSON object.");
}

const json::node* request::find(std::string_view name, json::kind wanted) const {
    const auto* found = root_.find(name);
    if (found == nullptr || found->is() == json::kind::null) return nullptr;
    if (found->is() != wanted) refuse("SerializationException", fmt::format("{} has the wrong JSON type.", name));
    return found;
}

std::optional<std::string> request::text(std::string_view name) const {
    const auto* found = find(name, json::kind::string);
    return found == nullptr ? std::nullopt : std::optional<std::string>(found->text());
}

std::string request::choice(std::string_view name, std::initializer_list<std::string_view> allowed) const {
    auto given = text(name).value_or(std::string(*allowed.begin()));
    if (std::ranges::find(allowed, given) == allowed.end()) {
        std::string known;
        for (const auto each : allowed) known += (known.empty() ? "" : ", ") + std::string(each);
        refuse("ValidationException",
               fmt::format("1 validation error detected: Value '{}' at '{}' failed to satisfy constraint: Member must "
                           "satisfy enum value set: [{}]",
                           given, in_camel_case(name), known));
    }
    return given;
}

std::string request::required(std::string_view name, std::size_t longest) const {
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

std::optional<std::int64_t> request::number(std::string_view name, std::int64_t least, std::int64_t most) const {
    const auto* found = find(name, json::kind::integer);
    if (found == nullptr) return std::nullopt;
    if (found->integer() < least || found->integer() > most)
        refuse(invalid_parameter, fmt::format("{} must be between {} and {}.", name, least, most));
    return found->integer();
}

bool request::flag(std::string_view name, bool otherwise) const {
    const auto* found = find(name, json::kind::boolean);
    return found == nullptr ? otherwise : found->boolean();
}

std::vector<std::string> request::texts(std::string_view name) const {
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

std::vector<tag> request::tags(std::string_view name) const {
    std::vector<tag> all;
    const auto* found = find(name, json::kind::array);
    if (found == nullptr) return all;
    for (const auto& each : *found) {
        const request one(each);
        tag made{.key = one.required("Key", 128), .value = one.text("Value").value_or("")};
        if (made.key.starts_with("aws:"))
            refuse(invalid_parameter, "Tag keys that begin with aws: are reserved for AWS services.");
        if (std::ranges::find(all, made.key, &tag::key) != all.end())
            refuse(invalid_parameter, fmt::format("The tag key {} is given twice.", made.key));
        all.push_back(std::move(made));
    }
    return all;
}

object& object::text(std::string_view name, std::string_view value) {
    begin(name);
    json::append_string(out_, value);
    return *this;
}

object& object::time(std::string_view name, std::chrono::system_clock::time_point at) {
    begin(name);
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
    out_ += fmt::format("{}.{:03}", milliseconds / 1000, milliseconds % 1000);
    return *this;
}

object& object::raw(std::string_view name, std::string_view value) {
    begin(name);
    out_ += value;
    return *this;
}

void object::begin(std::string_view name) {
    out_ += out_.size() == 1 ? "" : ",";
    json::append_string(out_, name);
    out_ += ':';
}

std::string array_of(const std::vector<std::string>& texts) {
    std::string out = "[";
    for (const auto& each : texts) {
        if (out.size() != 1) out += ',';
        json::append_string(out, each);
    }
    return out + ']';
}

std::string array_of(const std::vector<tag>& tags) {
    std::string out = "[";
    for (const auto& each : tags) {
        if (out.size() != 1) out += ',';
        out += object().text("Key", each.key).text("Value", each.value).done();
    }
    return out + ']';
}

}  // namespace borealis::secrets
