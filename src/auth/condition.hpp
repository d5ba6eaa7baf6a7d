#pragma once
/// The `Condition` of a policy's statement.

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/policy.hpp"
#include "json/document.hpp"

namespace borealis::auth {

/// An address range of IPv4 or IPv6, `10.0.0.0/8`.
struct address_range {
    std::array<std::uint8_t, 16> base{};  ///< IPv4 as ::ffff:a.b.c.d
    unsigned bits = 128;
    bool v4 = false;

    /// A single address is a range of one.
    [[nodiscard]] static std::optional<address_range> parse(std::string_view text);
    [[nodiscard]] bool contains(std::string_view address) const;
};

/// One operator on one key with its values: all conditions of a statement must hold.
struct policy::condition {
    enum class test : std::uint8_t { text, text_any_case, like, arn, boolean, address, date, null };
    enum class comparison : std::uint8_t { equal, less, less_or_equal, greater, greater_or_equal };
    enum class subject : std::uint8_t {
        source_ip,
        secure_transport,
        current_time,
        epoch_time,
        resource_tag,
        principal_arn,
        principal_account,
        user_name,
        user_id
    };
    enum class quantifier : std::uint8_t { none, any_value, all_values };

    test by = test::text;
    comparison how = comparison::equal;
    bool negated = false;
    bool if_exists = false;
    quantifier over = quantifier::none;
    subject of = subject::source_ip;
    std::string tag;  ///< Of `resource_tag`.

    std::vector<pattern> texts = {};
    std::vector<address_range> ranges = {};
    std::vector<std::chrono::sys_seconds> times = {};
    bool wanted = false;  ///< Of `boolean` and `null`.

    [[nodiscard]] bool holds(const question& asked) const;
};

/// Reads the object `{"IpAddress": {"aws:SourceIp": […]}, …}`.
/// @return `validation` naming the operator, key or value that is not understood.
[[nodiscard]] core::result<std::vector<policy::condition>> parse_conditions(const json::node& object, bool variables);

}  // namespace borealis::auth
