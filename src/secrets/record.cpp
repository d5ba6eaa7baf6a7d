#include "secrets/record.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace borealis::secrets {
namespace {

void take_label(record& from, std::string_view label) {
    for (auto& each : from.versions) std::erase(each.labels, label);
}

version* find_id(record& in, std::string_view id) {
    const auto found = std::ranges::find(in.versions, id, &version::id);
    return found == in.versions.end() ? nullptr : &*found;
}

void drop_deprecated(record& of) {
    std::size_t kept = 0;
    std::erase_if(of.versions, [&kept](const version& each) { return each.labels.empty() && ++kept > most_versions; });
}

void note_current(record& of) {
    const auto* current = of.with_label(current_label);
    of.about.version_id = current == nullptr ? std::string() : current->id;
}

}  // namespace

bool version::has(std::string_view label) const { return std::ranges::find(labels, label) != labels.end(); }

const version* record::with_label(std::string_view label) const {
    const auto found = std::ranges::find_if(versions, [label](const version& each) { return each.has(label); });
    return found == versions.end() ? nullptr : &*found;
}

const version* record::with_id(std::string_view version_id) const {
    const auto found = std::ranges::find(versions, version_id, &version::id);
    return found == versions.end() ? nullptr : &*found;
}

std::optional<std::chrono::system_clock::time_point> record::next_rotation() const {
    const auto& rotates = about.rotates;
    if (!rotates.enabled || rotates.every.count() == 0) return std::nullopt;
    return rotates.last.value_or(about.created) + rotates.every;
}

void give_label(record& to, std::string_view id, std::string_view label) {
    auto* wanted = find_id(to, id);
    if (!wanted->has(label)) {
        const auto* former = to.with_label(label);
        if (label == current_label && former != nullptr) {
            const std::string former_id = former->id;
            take_label(to, previous_label);
            find_id(to, former_id)->labels.emplace_back(previous_label);
        }
        take_label(to, label);
        if (label == current_label) std::erase(wanted->labels, previous_label);  // it cannot be its own predecessor
        wanted->labels.emplace_back(label);
    }
    drop_deprecated(to);
    note_current(to);
}

core::result<void> move_label(record& of, std::string_view label, std::string_view remove_from,
                              std::string_view move_to) {
    if (label.empty() || label.size() > 256)
        return core::fail(core::error_kind::validation, "VersionStage must have 1 to 256 characters.");
    for (const auto id : {remove_from, move_to}) {
        if (!id.empty() && of.with_id(id) == nullptr) {
            return core::fail(
                core::error_kind::not_found,
                fmt::format("Secrets Manager can't find the specified secret value for VersionId: {}", id));
        }
    }
    const auto* holder = of.with_label(label);
    if (!remove_from.empty() && (holder == nullptr || holder->id != remove_from)) {
        return core::fail(
            core::error_kind::validation,
            fmt::format("The staging label {} isn't attached to version {}, so it can't be removed from there.", label,
                        remove_from));
    }
    if (move_to.empty()) {
        if (remove_from.empty())
            return core::fail(core::error_kind::validation, "You must provide MoveToVersionId or RemoveFromVersionId.");
        if (label == current_label) {
            return core::fail(core::error_kind::validation,
                              "You can only move staging label AWSCURRENT to a different secret version. It can’t be "
                              "completely removed.");
        }
        take_label(of, label);
        drop_deprecated(of);
        return {};
    }
    if (holder != nullptr && holder->id != move_to && remove_from.empty()) {
        return core::fail(
            core::error_kind::validation,
            fmt::format("The parameter RemoveFromVersionId can't be empty. Staging label {} is currently attached to "
                        "version {}, so you must explicitly reference that version in RemoveFromVersionId.",
                        label, holder->id));
    }
    if (const auto* target = of.with_id(move_to); !target->has(label) && target->labels.size() >= most_labels) {
        return core::fail(core::error_kind::validation,
                          fmt::format("A version can have at most {} staging labels.", most_labels));
    }
    give_label(of, move_to, label);
    return {};
}

}  // namespace borealis::secrets
