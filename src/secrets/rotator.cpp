#include "secrets/rotator.hpp"

#include <algorithm>
#include <chrono>

#include "json/document.hpp"
#include "json/writer.hpp"
#include "secrets/random_password.hpp"

namespace borealis::secrets {
namespace {

void append_node(std::string& out, const json::node& what) {
    bool first = true;
    switch (what.is()) {
        case json::kind::null:
            out += "null";
            return;
        case json::kind::boolean:
            out += what.boolean() ? "true" : "false";
            return;
        case json::kind::integer:
        case json::kind::real:
            out += what.raw();
            return;
        case json::kind::string:
            json::append_string(out, what.text());
            return;
        case json::kind::array:
            out += '[';
            for (const auto& each : what) {
                if (!std::exchange(first, false)) out += ',';
                append_node(out, each);
            }
            out += ']';
            return;
        case json::kind::object:
            out += '{';
            for (const auto& each : what) {
                if (!std::exchange(first, false)) out += ',';
                json::append_string(out, each.key());
                out += ':';
                append_node(out, each);
            }
            out += '}';
            return;
    }
}

/// RDS takes neither / nor @ nor quotes in a master password; the rest keeps shells and connection strings happy.
constexpr std::string_view awkward = R"( /@"'\`$%&;|<>(){}[]*?!#:)";

}  // namespace

core::result<core::secret_text> next_value(const record& secret) {
    const auto refusal = [] {
        return core::fail(core::error_kind::validation,
                          "The secret's current value must be a JSON object with a member password to be rotated.");
    };
    const auto* current = secret.with_label(current_label);
    if (current == nullptr || current->binary) return refusal();
    json::document reader;
    const auto root = reader.parse_copy(current->text.reveal());
    if (!root || (*root)->is() != json::kind::object) return refusal();
    const auto* password = (*root)->find("password");
    if (password == nullptr || password->is() != json::kind::string) return refusal();
    auto fresh = random_password({.length = 32, .excluded = std::string(awkward)});
    if (!fresh) return std::unexpected(std::move(fresh.error()));
    std::string out = "{";
    for (const auto& each : **root) {
        if (each.key() == "password") continue;
        json::append_string(out, each.key());
        out += ':';
        append_node(out, each);
        out += ',';
    }
    out += R"("password":)";
    json::append_string(out, *fresh);
    out += '}';
    return core::secret_text(std::move(out));
}

core::result<store::record_pointer> prepare_rotation(store& in, std::string_view id, std::string token) {
    const auto secret = in.look_up(id);
    if (!secret) return core::fail(core::error_kind::secret_not_found, "");
    if (const auto* pending = secret->with_label(pending_label);
        pending != nullptr && !pending->has(current_label) && (token.empty() || pending->id != token)) {
        return core::fail(core::error_kind::invalid_state,
                          "A previous rotation isn't complete. That rotation will be reattempted.");
    } else if (pending != nullptr && !pending->has(current_label)) {
        return secret;
    }
    auto value = next_value(*secret);
    if (!value) return std::unexpected(std::move(value.error()));
    return in.update(id,
                     {.value = std::move(*value), .token = std::move(token), .labels = {std::string(pending_label)}});
}

core::result<void> finish_rotation(store& in, std::string_view id) {
    auto done = in.edit(id, [](record& of) -> core::result<void> {
        const auto* pending = of.with_label(pending_label);
        if (pending == nullptr) return {};
        const auto version_id = pending->id;
        give_label(of, version_id, current_label);
        for (auto& each : of.versions) std::erase(each.labels, pending_label);
        of.about.rotates.last = of.about.changed =
            std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
        return {};
    });
    if (!done) return std::unexpected(std::move(done.error()));
    return {};
}

}  // namespace borealis::secrets
