#include "data_api/bind.hpp"

#include <algorithm>
#include <ranges>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

#include "data_api/array_parameter.hpp"

namespace borealis::data_api {
namespace {

/// Up to here looking at every name is quicker than a table.
constexpr std::size_t few = 16;

using table = std::unordered_map<std::string_view, const named_parameter*>;

table table_of(std::span<const named_parameter> given) {
    table made(given.size());
    for (const auto& each : given) made[each.name] = &each;
    return made;
}

const named_parameter* last_named(std::span<const named_parameter> given, std::string_view name) {
    const auto backwards = given | std::views::reverse;
    const auto found = std::ranges::find(backwards, name, &named_parameter::name);
    return found == backwards.end() ? nullptr : &*found;
}

}  // namespace

core::result<void> bind_parameters(std::span<const std::string> placeholders, std::span<const named_parameter> given,
                                   sql::dialect of, const profile& as, std::deque<std::string>& made,
                                   std::vector<sql::parameter>& into) {
    into.clear();
    into.reserve(placeholders.size());
    const auto by_name = given.size() > few ? table_of(given) : table();
    for (const auto& name : placeholders) {
        const named_parameter* found = nullptr;
        if (given.size() <= few) {
            found = last_named(given, name);
        } else if (const auto at = by_name.find(name); at != by_name.end()) {
            found = at->second;
        }
        if (found == nullptr) {
            if (of == sql::dialect::postgresql && !as.checks_parameters) return {};
            return core::fail(core::error_kind::validation, fmt::format("Cannot find parameter: {}", name));
        }
        into.push_back(found->value);
        if (found->array == nullptr) continue;
        std::string& text = made.emplace_back();
        into.back().type = append_array(text, *found->array, of);
        into.back().value = std::string_view(text);
    }
    return {};
}

}  // namespace borealis::data_api
