#include "auth/condition.hpp"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "auth/signature.hpp"

namespace borealis::auth {
namespace {

using test = policy::condition::test;
using comparison = policy::condition::comparison;
using subject = policy::condition::subject;
using quantifier = policy::condition::quantifier;

struct known_operator {
    std::string_view name;
    test by;
    bool negated = false;
    comparison how = comparison::equal;
};

constexpr std::array<known_operator, 20> operators = {{
    {"StringEquals", test::text},
    {"StringNotEquals", test::text, true},
    {"StringEqualsIgnoreCase", test::text_any_case},
    {"StringNotEqualsIgnoreCase", test::text_any_case, true},
    {"StringLike", test::like},
    {"StringNotLike", test::like, true},
    {"ArnEquals", test::arn},
    {"ArnLike", test::arn},
    {"ArnNotEquals", test::arn, true},
    {"ArnNotLike", test::arn, true},
    {"Bool", test::boolean},
    {"IpAddress", test::address},
    {"NotIpAddress", test::address, true},
    {"DateEquals", test::date},
    {"DateNotEquals", test::date, true},
    {"DateLessThan", test::date, false, comparison::less},
    {"DateLessThanEquals", test::date, false, comparison::less_or_equal},
    {"DateGreaterThan", test::date, false, comparison::greater},
    {"DateGreaterThanEquals", test::date, false, comparison::greater_or_equal},
    {"Null", test::null},
}};

enum class value_type : std::uint8_t { text, arn, boolean, address, time };

struct known_key {
    std::string_view name;  // in lower case: keys have no case
    subject of;
    value_type is;
};

constexpr std::string_view tag_prefix = "aws:resourcetag/";
constexpr std::array<known_key, 8> keys = {{
    {"aws:sourceip", subject::source_ip, value_type::address},
    {"aws:securetransport", subject::secure_transport, value_type::boolean},
    {"aws:currenttime", subject::current_time, value_type::time},
    {"aws:epochtime", subject::epoch_time, value_type::time},
    {"aws:principalarn", subject::principal_arn, value_type::arn},
    {"aws:principalaccount", subject::principal_account, value_type::text},
    {"aws:username", subject::user_name, value_type::text},
    {"aws:userid", subject::user_id, value_type::text},
}};

std::string lowered(std::string_view text) {
    std::string out(text);
    for (auto& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

bool fits(test by, value_type is) {
    switch (by) {
        case test::text:
        case test::text_any_case:
        case test::like:
            return is == value_type::text || is == value_type::arn;
        case test::arn:
            return is == value_type::arn;
        case test::boolean:
            return is == value_type::boolean;
        case test::address:
            return is == value_type::address;
        case test::date:
            return is == value_type::time;
        case test::null:
            return true;
    }
    return false;
}

auto bad(std::string text) { return core::fail(core::error_kind::validation, std::move(text)); }

/// `2026-01-31T12:00:00Z`, a date alone, or seconds since 1970.
std::optional<std::chrono::sys_seconds> parse_time(std::string_view text) {
    std::int64_t seconds = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (failed == std::errc() && end == text.data() + text.size() && text.size() < 12)
        return std::chrono::sys_seconds(std::chrono::seconds(seconds));
    std::string basic(text);
    if (basic.size() == 10) basic += "T00:00:00Z";
    std::erase_if(basic, [](char c) { return c == '-' || c == ':'; });
    return parse_timestamp(basic);
}

/// The value of a key; nothing where the request has none.
std::optional<std::string_view> value_of(const policy::condition& one, const question& asked) {
    const auto there = [](std::string_view text) {
        return text.empty() ? std::nullopt : std::optional<std::string_view>(text);
    };
    switch (one.of) {
        case subject::source_ip:
            return there(asked.where.source_ip);
        case subject::secure_transport:
            return asked.where.secure_transport ? "true" : "false";
        case subject::current_time:
        case subject::epoch_time:
            return "now";
        case subject::principal_arn:
            return there(asked.principal_arn);
        case subject::principal_account:
            return there(asked.account);
        case subject::user_name:
            return there(asked.user_name);
        case subject::user_id:
            return there(asked.user_id);
        case subject::resource_tag: {
            if (asked.tagged == nullptr) return std::nullopt;
            const auto wanted = lowered(one.tag);
            for (const auto& [key, value] : *asked.tagged)
                if (lowered(key) == wanted) return value;
            return std::nullopt;
        }
    }
    return std::nullopt;
}

core::result<std::vector<std::string>> values_of(const json::node& from, std::string_view key) {
    std::vector<std::string> all;
    const auto take = [&all](const json::node& one) {
        switch (one.is()) {
            case json::kind::string:
                all.emplace_back(one.text());
                return true;
            case json::kind::boolean:
                all.emplace_back(one.boolean() ? "true" : "false");
                return true;
            case json::kind::integer:
                all.emplace_back(one.raw());
                return true;
            default:
                return false;
        }
    };
    bool good = true;
    if (from.is() == json::kind::array) {
        for (const auto& one : from) good = good && take(one);
    } else {
        good = take(from);
    }
    if (!good || all.empty()) return bad(fmt::format("the condition on {} needs a value or a list of values", key));
    return all;
}

core::result<void> take_values(const std::vector<std::string>& given, std::string_view key, bool variables,
                               policy::condition& into) {
    for (const auto& value : given) {
        switch (into.by) {
            case test::text:
            case test::text_any_case:
            case test::like:
            case test::arn: {
                const bool wild = into.by == test::like || into.by == test::arn;
                auto made = pattern::parse(value, {.variables = variables, .wildcards = wild});
                if (!made) return std::unexpected(std::move(made.error()));
                into.texts.push_back(*std::move(made));
                break;
            }
            case test::boolean:
            case test::null:
                if (given.size() != 1 || (value != "true" && value != "false"))
                    return bad(fmt::format("the condition on {}: give true or false", key));
                into.wanted = value == "true";
                break;
            case test::address: {
                const auto range = address_range::parse(value);
                if (!range)
                    return bad(
                        fmt::format("the condition on {}: `{}` is no address or range such as 10.0.0.0/8", key, value));
                into.ranges.push_back(*range);
                break;
            }
            case test::date: {
                const auto at = parse_time(value);
                if (!at)
                    return bad(
                        fmt::format("the condition on {}: `{}` is no time such as 2026-01-31T12:00:00Z", key, value));
                into.times.push_back(*at);
                break;
            }
        }
    }
    return {};
}

core::result<policy::condition> parse_operator(std::string_view name) {
    policy::condition made;
    auto rest = name;
    if (rest.starts_with("ForAnyValue:")) {
        made.over = quantifier::any_value;
        rest.remove_prefix(12);
    } else if (rest.starts_with("ForAllValues:")) {
        made.over = quantifier::all_values;
        rest.remove_prefix(13);
    }
    constexpr std::string_view suffix = "IfExists";
    if (rest.ends_with(suffix)) {
        made.if_exists = true;
        rest.remove_suffix(suffix.size());
    }
    const auto* const known = std::ranges::find(operators, rest, &known_operator::name);
    if (known == operators.end() || (made.if_exists && known->by == test::null)) {
        std::string names;
        for (const auto& one : operators) names += fmt::format("{}{}", names.empty() ? "" : ", ", one.name);
        return bad(
            fmt::format("the condition operator {} is not known; known are {}, each with IfExists", name, names));
    }
    made.by = known->by;
    made.how = known->how;
    made.negated = known->negated;
    return made;
}

core::result<value_type> parse_key(std::string_view name, policy::condition& into) {
    const auto key = lowered(name);
    if (key.starts_with(tag_prefix) && key.size() > tag_prefix.size()) {
        into.of = subject::resource_tag;
        into.tag = name.substr(tag_prefix.size());
        return value_type::text;
    }
    const auto* const known = std::ranges::find(keys, key, &known_key::name);
    if (known == keys.end()) {
        return bad(
            fmt::format("the condition key {} is not known; known are aws:SourceIp, aws:SecureTransport, "
                        "aws:CurrentTime, aws:EpochTime, aws:PrincipalArn, aws:PrincipalAccount, aws:username, "
                        "aws:userid and aws:ResourceTag/<key>",
                        name));
    }
    into.of = known->of;
    return known->is;
}

bool compares(comparison how, std::chrono::sys_seconds now, std::chrono::sys_seconds with) {
    switch (how) {
        case comparison::equal:
            return now == with;
        case comparison::less:
            return now < with;
        case comparison::less_or_equal:
            return now <= with;
        case comparison::greater:
            return now > with;
        case comparison::greater_or_equal:
            return now >= with;
    }
    return false;
}

std::optional<std::array<std::uint8_t, 16>> parse_address(std::string_view text, bool& is_v4) {
    const std::string copy(text);
    std::array<std::uint8_t, 16> out{};
    is_v4 = false;
    if (::inet_pton(AF_INET6, copy.c_str(), out.data()) == 1) return out;
    out = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    if (::inet_pton(AF_INET, copy.c_str(), out.data() + 12) != 1) return std::nullopt;
    is_v4 = true;
    return out;
}

}  // namespace

std::optional<address_range> address_range::parse(std::string_view text) {
    const auto slash = std::min(text.find('/'), text.size());
    bool is_v4 = false;
    const auto base = parse_address(text.substr(0, slash), is_v4);
    if (!base) return std::nullopt;
    const unsigned most = is_v4 ? 32 : 128;
    unsigned bits = most;
    if (slash < text.size()) {
        const auto digits = text.substr(slash + 1);
        const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
        if (failed != std::errc() || end != digits.data() + digits.size() || bits > most) return std::nullopt;
    }
    return address_range{*base, bits + 128 - most, is_v4};
}

bool address_range::contains(std::string_view address) const {
    bool is_v4 = false;
    const auto other = parse_address(address, is_v4);
    if (!other || is_v4 != v4) return false;
    for (unsigned bit = 0; bit < bits; bit += 8) {
        const unsigned left = bits - bit;
        const auto mask = static_cast<std::uint8_t>(left >= 8 ? 0xFF : 0xFF << (8 - left));
        if (((*other)[bit / 8] & mask) != (base[bit / 8] & mask)) return false;
    }
    return true;
}

bool policy::condition::holds(const question& asked) const {
    const auto value = value_of(*this, asked);
    if (by == test::null) return wanted == !value.has_value();
    // IAM, "Condition operators": a missing key fails, but holds where the operator is negated or says IfExists.
    if (!value) {
        if (over == quantifier::any_value) return if_exists;
        return if_exists || negated || over == quantifier::all_values;
    }
    bool equal = false;
    switch (by) {
        case test::text:
        case test::like:
            equal = std::ranges::any_of(texts, [&](const pattern& one) { return one.matches(*value, asked); });
            break;
        case test::text_any_case:
            equal = std::ranges::any_of(
                texts, [&](const pattern& one) { return one.matches(*value, asked, letter_case::any); });
            break;
        case test::arn:
            equal = std::ranges::any_of(texts, [&](const pattern& one) { return one.matches_arn(*value, asked); });
            break;
        case test::boolean:
            equal = (*value == "true") == wanted;
            break;
        case test::address:
            equal = std::ranges::any_of(ranges, [&](const address_range& one) { return one.contains(*value); });
            break;
        case test::date:
            equal = std::ranges::any_of(times, [&](auto at) { return compares(how, asked.where.at, at); });
            break;
        case test::null:
            break;
    }
    return equal != negated;
}

core::result<std::vector<policy::condition>> parse_conditions(const json::node& object, bool variables) {
    std::vector<policy::condition> all;
    if (object.is() != json::kind::object) return bad("Condition must be an object");
    for (const auto& block : object) {
        const auto by = parse_operator(block.key());
        if (!by) return std::unexpected(by.error());
        if (block.is() != json::kind::object || block.size() == 0)
            return bad(fmt::format("the condition {} must be an object of keys and values", block.key()));
        for (const auto& member : block) {
            auto made = *by;
            const auto type = parse_key(member.key(), made);
            if (!type) return std::unexpected(type.error());
            if (!fits(made.by, *type))
                return bad(
                    fmt::format("the condition operator {} does not go with the key {}", block.key(), member.key()));
            const auto values = values_of(member, member.key());
            if (!values) return std::unexpected(values.error());
            if (auto taken = take_values(*values, member.key(), variables, made); !taken)
                return std::unexpected(std::move(taken.error()));
            all.push_back(std::move(made));
        }
    }
    return all;
}

}  // namespace borealis::auth
