#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "auth/policy.hpp"
#include "core/ascii.hpp"

namespace borealis::auth {
namespace {

// In a compiled pattern; a policy's text has no control characters.
constexpr char any_run = '\x01';
constexpr char any_one = '\x02';
constexpr char variable = '\x03';  // and one more character, which variable

struct known_variable {
    std::string_view name;
    std::string_view (*value)(const question&);
};

constexpr std::array<known_variable, 5> known_variables = {{
    {"aws:username", [](const question& asked) { return asked.user_name; }},
    {"aws:userid", [](const question& asked) { return asked.user_id; }},
    {"aws:PrincipalArn", [](const question& asked) { return asked.principal_arn; }},
    {"aws:PrincipalAccount", [](const question& asked) { return asked.account; }},
    {"aws:SourceIp", [](const question& asked) { return std::string_view(asked.where.source_ip); }},
}};

bool same(char a, char b, letter_case by) {
    return by == letter_case::exact ? a == b : core::lower(a) == core::lower(b);
}

bool same(std::string_view a, std::string_view b, letter_case by) {
    return by == letter_case::exact ? a == b : core::iequals(a, b);
}

/// Linear but for the last `*` seen, which is tried further and further: at most |text| × |wild| steps.
bool matches_wild(std::string_view wild, std::string_view text, letter_case by) {
    std::size_t w = 0;
    std::size_t t = 0;
    std::size_t star = std::string_view::npos;
    std::size_t resume = 0;
    while (t < text.size()) {
        if (w < wild.size() && wild[w] == any_run) {
            star = w++;
            if (w == wild.size()) return true;
            resume = t;
        } else if (w < wild.size() && (wild[w] == any_one || same(wild[w], text[t], by))) {
            ++w;
            ++t;
        } else if (star != std::string_view::npos) {
            w = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (w < wild.size() && wild[w] == any_run) ++w;
    return w == wild.size();
}

}  // namespace

core::result<pattern> pattern::parse(std::string_view text, grammar by) {
    pattern made;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (static_cast<unsigned char>(c) < 0x20)
            return core::fail(core::error_kind::validation, "a value has a control character");
        if (by.wildcards && (c == '*' || c == '?')) {
            made.compiled_ += c == '*' ? any_run : any_one;
            continue;
        }
        if (!by.variables || c != '$' || i + 1 == text.size() || text[i + 1] != '{') {
            made.compiled_ += c;
            continue;
        }
        const auto end = text.find('}', i);
        if (end == std::string_view::npos)
            return core::fail(core::error_kind::validation, fmt::format("`{}`: a variable has no end", text));
        const auto name = text.substr(i + 2, end - i - 2);
        i = end;
        if (name == "*" || name == "?" || name == "$") {  // the character itself
            made.compiled_ += name;
            continue;
        }
        const auto* const known = std::ranges::find(known_variables, name, &known_variable::name);
        if (known == known_variables.end()) {
            std::string names;
            for (const auto& one : known_variables) names += fmt::format("{}{}", names.empty() ? "" : ", ", one.name);
            return core::fail(core::error_kind::validation,
                              fmt::format("the policy variable ${{{}}} is not known; known are {}", name, names));
        }
        made.compiled_ += variable;
        made.compiled_ += static_cast<char>('a' + (known - known_variables.begin()));
        made.has_variables_ = true;
    }
    const auto wild = made.compiled_.find_first_of(std::string{any_run, any_one, variable});
    if (wild == std::string::npos) {
        made.is_ = kind::text;
    } else {
        const bool ends_there = wild + 1 == made.compiled_.size() && made.compiled_[wild] == any_run;
        made.is_ = ends_there ? kind::beginning : kind::search;
    }
    return made;
}

bool pattern::expand(std::string& into, const question& asked) const {
    for (std::size_t i = 0; i < compiled_.size(); ++i) {
        if (compiled_[i] != variable) {
            into += compiled_[i];
            continue;
        }
        const auto value = known_variables[static_cast<std::size_t>(compiled_[++i] - 'a')].value(asked);
        if (value.empty()) return false;
        into += value;
    }
    return true;
}

std::optional<bool> pattern::matches_simply(std::string_view text, letter_case by) const {
    const std::string_view known(compiled_);
    switch (is_) {
        case kind::text:
            return same(text, known, by);
        case kind::beginning:
            return same(text.substr(0, known.size() - 1), known.substr(0, known.size() - 1), by);
        case kind::search:
            break;
    }
    return std::nullopt;
}

bool pattern::matches(std::string_view text, const question& asked, letter_case by) const {
    if (const auto found = matches_simply(text, by)) return *found;
    if (!has_variables_) return matches_wild(compiled_, text, by);
    std::string wild;
    return expand(wild, asked) && matches_wild(wild, text, by);
}

bool pattern::matches_arn(std::string_view text, const question& asked) const {
    // A `*` at the end is in the last part, and reaches over colons; what stands before it has its own.
    if (const auto found = matches_simply(text, letter_case::exact)) return *found;
    std::string expanded;
    if (has_variables_ && !expand(expanded, asked)) return false;
    std::string_view wild = has_variables_ ? std::string_view(expanded) : std::string_view(compiled_);
    constexpr int parts_before_the_last = 5;  // arn:partition:service:region:account:
    for (int part = 0; part < parts_before_the_last; ++part) {
        const auto wild_end = wild.find(':');
        const auto text_end = text.find(':');
        if (wild_end == std::string_view::npos) break;  // `*`, `arn:aws:rds:*`: the rest is one
        if (text_end == std::string_view::npos) return false;
        if (!matches_wild(wild.substr(0, wild_end), text.substr(0, text_end), letter_case::exact)) return false;
        wild.remove_prefix(wild_end + 1);
        text.remove_prefix(text_end + 1);
    }
    return matches_wild(wild, text, letter_case::exact);
}

}  // namespace borealis::auth
