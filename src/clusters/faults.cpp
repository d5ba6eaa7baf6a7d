#include "clusters/faults.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace borealis::clusters {
namespace {

constexpr std::array<std::string_view, 7> names = {"resume-delay",      "resume-failure", "latency", "throttling",
                                                   "statement-timeout", "lost-commit",    "drop"};
constexpr std::uint64_t longest = 600'000;  // ms
constexpr std::uint64_t most = 1'000'000;

bool has_duration(fault_kind what) { return what == fault_kind::resume_delay || what == fault_kind::latency; }

std::optional<std::uint64_t> number_of(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace

std::string_view name_of(fault_kind what) { return names.at(static_cast<std::size_t>(what)); }

core::result<fault> parse_fault(std::string_view text) {
    const auto refuse = [&](std::string why) {
        return core::fail(core::error_kind::validation, fmt::format("The fault \"{}\" {}", text, why));
    };
    fault made;
    bool timed = false;
    bool first = true;
    for (auto rest = text; first || !rest.empty();) {
        const auto end = std::min(rest.find(','), rest.size());
        const auto word = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        const auto equals = std::min(word.find('='), word.size());
        const auto name = word.substr(0, equals);
        const auto value = word.substr(std::min(equals + 1, word.size()));
        if (first) {
            first = false;
            const auto found = std::ranges::find(names, name);
            if (found == names.end()) return refuse(fmt::format("is none of {}.", fmt::join(names, ", ")));
            made.is = static_cast<fault_kind>(found - names.begin());
            if (equals == word.size()) continue;
            const auto given = number_of(value);
            if (!has_duration(made.is)) return refuse("has no duration.");
            if (!given || *given > longest) return refuse(fmt::format("needs 0 to {} milliseconds.", longest));
            made.duration = std::chrono::milliseconds(*given);
            timed = true;
        } else if (name == "times") {
            const auto given = number_of(value);
            if (!given || *given == 0 || *given > most) return refuse(fmt::format("needs times=1 to times={}.", most));
            made.times = *given;
        } else {
            return refuse("has an unknown word: only times=N may follow.");
        }
    }
    if (has_duration(made.is) && !timed)
        return refuse(fmt::format("needs its milliseconds: {}=500.", name_of(made.is)));
    return made;
}

void fault_table::add(const std::string& cluster_id, const fault& what) {
    const std::lock_guard lock(mutex_);
    all_[cluster_id].push_back(what);
    ++count_;
}

void fault_table::clear(const std::string& cluster_id) {
    const std::lock_guard lock(mutex_);
    const auto found = all_.find(cluster_id);
    if (found == all_.end()) return;
    count_ -= found->second.size();
    all_.erase(found);
}

std::vector<fault> fault_table::list(std::string_view cluster_id) const {
    const std::lock_guard lock(mutex_);
    const auto found = all_.find(std::string(cluster_id));
    return found == all_.end() ? std::vector<fault>() : found->second;
}

std::optional<fault> fault_table::take(std::string_view cluster_id, fault_kind what) {
    if (!any()) return std::nullopt;
    const std::lock_guard lock(mutex_);
    const auto at = all_.find(std::string(cluster_id));
    if (at == all_.end()) return std::nullopt;
    const auto found = std::ranges::find(at->second, what, &fault::is);
    if (found == at->second.end()) return std::nullopt;
    const auto taken = *found;
    if (--found->times == 0) {
        at->second.erase(found);
        --count_;
    }
    return taken;
}

}  // namespace borealis::clusters
