#include "secrets/listing.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "core/base64.hpp"

namespace borealis::secrets {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
    return out;
}

/// One filter: any of its values fits; a value that begins with `!` must not.
struct filter {
    std::string key;
    std::vector<std::string> values;

    [[nodiscard]] bool fits(const description& about, const std::string& region) const {
        return std::ranges::any_of(values, [&](const std::string& value) {
            const bool wanted = !value.starts_with('!');
            const std::string_view text = wanted ? std::string_view(value) : std::string_view(value).substr(1);
            return has(about, region, text) == wanted;
        });
    }

 private:
    /// All are prefixes and mind the case but description (AWS, Filter).
    [[nodiscard]] bool has(const description& about, const std::string& region, std::string_view text) const {
        if (key == "name") return about.name.starts_with(text);
        if (key == "description") return lower(about.text).starts_with(lower(text));
        if (key == "owning-service") return about.owning_service.starts_with(text);
        if (key == "primary-region") return region.starts_with(text);
        const auto begins = [text](const std::string& one) { return one.starts_with(text); };
        if (key == "tag-key") return std::ranges::any_of(about.tags, begins, &tag::key);
        if (key == "tag-value") return std::ranges::any_of(about.tags, begins, &tag::value);
        return has_words(about, region, lower(text));
    }

    /// `all`: each word of the text stands in some attribute, whatever its case.
    static bool has_words(const description& about, const std::string& region, std::string_view text) {
        std::string whole = fmt::format("{}\n{}\n{}\n{}", about.name, about.text, about.owning_service, region);
        for (const auto& each : about.tags) whole += fmt::format("\n{}\n{}", each.key, each.value);
        whole = lower(whole);
        while (!text.empty()) {
            const auto end = std::min(text.find_first_of(" \t,;"), text.size());
            if (whole.find(text.substr(0, end)) == std::string::npos) return false;
            text.remove_prefix(std::min(end + 1, text.size()));
        }
        return true;
    }
};

std::vector<filter> filters_of(const request& asked) {
    std::vector<filter> all;
    const auto* list = asked.find("Filters", json::kind::array);
    if (list == nullptr) return all;
    if (list->size() > 10) refuse(invalid_parameter, "At most 10 filters can be given.");
    for (const auto& each : *list) {
        const request one(each);
        filter made{.key = one.choice("Key", {"all", "description", "name", "tag-key", "tag-value", "primary-region",
                                              "owning-service"}),
                    .values = one.texts("Values")};
        if (made.values.empty() || made.values.size() > 10)
            refuse(invalid_parameter, "A filter must have 1 to 10 values.");
        all.push_back(std::move(made));
    }
    return all;
}

/// What the list is sorted by: a moment in milliseconds, and the name where two are alike.
using sort_key = std::pair<std::int64_t, std::string>;

sort_key key_of(const record& secret, std::string_view by) {
    const auto& about = secret.about;
    const auto at = [](std::chrono::system_clock::time_point when) {
        return std::chrono::duration_cast<std::chrono::milliseconds>(when.time_since_epoch()).count();
    };
    if (by == "name") return {0, about.name};
    if (by == "last-changed-date") return {at(about.changed), about.name};
    if (by == "last-accessed-date") return {about.accessed ? at(*about.accessed) : 0, about.name};
    return {at(about.created), about.name};
}

std::optional<sort_key> key_of(std::string_view token) {
    const auto text = core::decode_base64(token);
    if (!text) return std::nullopt;
    sort_key made;
    const auto* end = text->data() + text->size();
    const auto [stop, failed] = std::from_chars(text->data(), end, made.first);
    if (failed != std::errc() || stop == end || *stop != '\n') return std::nullopt;
    made.second.assign(stop + 1, end);
    return made;
}

}  // namespace

page list_page(const store& on, const request& asked, std::size_t most) {
    const auto count = static_cast<std::size_t>(
        asked.number("MaxResults", 1, static_cast<std::int64_t>(most)).value_or(static_cast<std::int64_t>(most)));
    const auto filters = filters_of(asked);
    const auto by = asked.choice("SortBy", {"created-date", "last-accessed-date", "last-changed-date", "name"});
    const bool ascending = asked.choice("SortOrder", {"asc", "desc"}) == "asc";
    const bool scheduled_too = asked.flag("IncludePlannedDeletion");
    auto secrets = on.all();
    std::erase_if(secrets, [&](const store::record_pointer& each) {
        return (each->removal && !scheduled_too) ||
               !std::ranges::all_of(filters, [&](const filter& one) { return one.fits(each->about, on.region()); });
    });
    const auto before = [&](const sort_key& one, const sort_key& other) {
        return ascending ? one < other : other < one;
    };
    const auto order = [by](const store::record_pointer& each) { return key_of(*each, by); };
    std::ranges::sort(secrets, before, order);
    if (const auto token = asked.text("NextToken")) {
        const auto last = key_of(*token);  // of the last one sent
        if (!last) refuse("InvalidNextTokenException", "The NextToken value is invalid.");
        secrets.erase(secrets.begin(), std::ranges::upper_bound(secrets, *last, before, order));
    }
    page made;
    if (secrets.size() > count) {
        secrets.resize(count);
        const auto [when, name] = order(secrets.back());
        core::append_base64(made.next, fmt::format("{}\n{}", when, name));
    }
    made.secrets = std::move(secrets);
    return made;
}

}  // namespace borealis::secrets
