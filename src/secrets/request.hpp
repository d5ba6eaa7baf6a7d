#pragma once
/// Requests and answers of AWS JSON 1.1: members read with AWS's errors, objects written member by member.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "json/document.hpp"
#include "secrets/record.hpp"

namespace borealis::secrets {

/// Thrown where a request cannot be carried out, and answered by `api::handle`: a reader of twenty members that had to
/// hand on twenty results would hide what it reads.
struct refusal {
    std::string type;
    std::string message;
};

inline constexpr std::string_view invalid_parameter = "InvalidParameterException";
inline constexpr std::string_view invalid_request = "InvalidRequestException";
inline constexpr std::string_view resource_not_found = "ResourceNotFoundException";
inline constexpr std::string_view no_such_secret = "Secrets Manager can't find the specified secret.";
inline constexpr std::string_view marked_for_deletion =
    "You can't perform this operation on the secret because it was marked for deletion.";

[[noreturn]] void refuse(std::string_view type, std::string message);
/// The one table from what the store says to what AWS says.
[[noreturn]] void refuse(core::error why);

template <class T>
T taken(core::result<T> from) {
    if (!from) refuse(std::move(from.error()));
    if constexpr (!std::is_void_v<T>) return std::move(*from);
}

/// The members of a request. A member that is null is not there; one of another JSON type is a SerializationException.
class request {
 public:
    explicit request(const json::node& root);

    [[nodiscard]] const json::node* find(std::string_view name, json::kind wanted) const;
    [[nodiscard]] std::optional<std::string> text(std::string_view name) const;
    /// One of `allowed`, the first where it is not there.
    [[nodiscard]] std::string choice(std::string_view name, std::initializer_list<std::string_view> allowed) const;
    [[nodiscard]] std::string required(std::string_view name, std::size_t longest) const;
    [[nodiscard]] std::optional<std::int64_t> number(std::string_view name, std::int64_t least,
                                                     std::int64_t most) const;
    [[nodiscard]] bool flag(std::string_view name, bool otherwise = false) const;
    /// The strings of an array.
    [[nodiscard]] std::vector<std::string> texts(std::string_view name) const;
    [[nodiscard]] std::vector<tag> tags(std::string_view name) const;

 private:
    const json::node& root_;
};

/// `{"A":…,"B":…}`, member by member.
class object {
 public:
    object& text(std::string_view name, std::string_view value);
    /// Epoch seconds with a fraction.
    object& time(std::string_view name, std::chrono::system_clock::time_point at);
    object& raw(std::string_view name, std::string_view value);
    [[nodiscard]] std::string done() { return std::move(out_) + "}"; }

 private:
    void begin(std::string_view name);
    std::string out_ = "{";
};

/// `["a","b"]`
[[nodiscard]] std::string array_of(const std::vector<std::string>& texts);
/// `[{"Key":…,"Value":…}]`
[[nodiscard]] std::string array_of(const std::vector<tag>& tags);

}  // namespace borealis::secrets
