#pragma once
/// Values: what a parameter carries and what a record is made of.

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace borealis {

using blob = std::vector<std::byte>;

/// An array out of a record; elements may be null. `std::monostate` is a null among arrays of arrays.
struct array_value {
    using booleans = std::vector<std::optional<bool>>;
    using longs = std::vector<std::optional<std::int64_t>>;
    using doubles = std::vector<std::optional<double>>;
    using strings = std::vector<std::optional<std::string>>;
    using arrays = std::vector<array_value>;

    std::variant<std::monostate, booleans, longs, doubles, strings, arrays> elements = {};

    friend bool operator==(const array_value&, const array_value&) = default;
};

/// A field does not hold what it was asked for. The text names both, and the column where it is known.
class bad_field_access : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

namespace detail {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
inline constexpr bool is_character = std::same_as<T, char> || std::same_as<T, wchar_t> || std::same_as<T, char8_t> ||
                                     std::same_as<T, char16_t> || std::same_as<T, char32_t>;

template <class T>
concept integer = std::integral<T> && !std::same_as<T, bool> && !is_character<T>;

}  // namespace detail

/// One value, exactly as the service has it: null, boolean, 64-bit integer, double, text, bytes or an array. Dates,
/// times, decimals, UUIDs and JSON travel as text.
class field {
 public:
    using variant = std::variant<std::monostate, bool, std::int64_t, double, std::string, blob, array_value>;

    field() = default;  ///< Null.
    explicit(false) field(std::nullptr_t) {}
    explicit(false) field(std::nullopt_t) {}
    explicit(false) field(std::same_as<bool> auto value) : value_(value) {}
    /// Throws std::out_of_range for what 64 signed bits do not hold.
    template <detail::integer T>
    explicit(false) field(T value) : value_(checked(value)) {}
    template <std::floating_point T>
    explicit(false) field(T value) : value_(static_cast<double>(value)) {}
    explicit(false) field(std::string value) : value_(std::move(value)) {}
    explicit(false) field(std::string_view value) : value_(std::string(value)) {}
    explicit(false) field(const char* value) : value_(std::string(value)) {}
    explicit(false) field(blob value) : value_(std::move(value)) {}
    explicit(false) field(std::span<const std::byte> value) : value_(blob(value.begin(), value.end())) {}
    explicit(false) field(array_value value) : value_(std::move(value)) {}
    /// Text `YYYY-MM-DD`.
    explicit(false) field(std::chrono::year_month_day value);
    /// Text `YYYY-MM-DD HH:MM:SS[.ffffff]`; the service knows no zones, so this is UTC.
    template <class Duration>
    explicit(false) field(std::chrono::sys_time<Duration> value)
        : value_(timestamp_text(std::chrono::floor<std::chrono::microseconds>(value).time_since_epoch())) {}
    template <class Duration>
    explicit(false) field(std::chrono::local_time<Duration> value)
        : value_(timestamp_text(std::chrono::floor<std::chrono::microseconds>(value).time_since_epoch())) {}
    /// Text `HH:MM:SS[.ffffff]`.
    template <class Duration>
    explicit(false) field(std::chrono::hh_mm_ss<Duration> value)
        : value_(time_text(std::chrono::floor<std::chrono::microseconds>(value.to_duration()))) {}
    template <class T>
        requires std::constructible_from<field, T>
    explicit(false) field(std::optional<T> value) {
        if (value) *this = field(std::move(*value));
    }

    [[nodiscard]] bool is_null() const noexcept { return std::holds_alternative<std::monostate>(value_); }
    [[nodiscard]] const variant& value() const noexcept { return value_; }

    /// The value as `T`; throws `bad_field_access` where it is something else.
    ///
    /// | T                                   | taken from                                              |
    /// |-------------------------------------|---------------------------------------------------------|
    /// | bool, blob, array_value             | the same                                                |
    /// | an integer type                     | an integer that fits                                    |
    /// | float, double                       | a double or an integer                                  |
    /// | std::string, std::string_view       | text (a view lives as long as the field)                |
    /// | std::chrono::year_month_day         | text `YYYY-MM-DD`                                       |
    /// | sys_time / local_time<microseconds> | text `YYYY-MM-DD[ HH:MM:SS[.f]]`                        |
    /// | std::chrono::microseconds           | text `[-]HH:MM:SS[.f]`                                  |
    /// | std::optional<one of these>         | the same, and null                                      |
    template <class T>
    [[nodiscard]] T get() const {
        if constexpr (detail::is_optional<T>) {
            if (is_null()) return std::nullopt;
            return get<typename T::value_type>();
        } else if constexpr (std::same_as<T, bool> || std::same_as<T, blob> || std::same_as<T, array_value> ||
                             std::same_as<T, std::string>) {
            if (const auto* held = std::get_if<T>(&value_)) return *held;
            refuse(name_of<T>());
        } else if constexpr (std::same_as<T, std::string_view>) {
            return text("text");
        } else if constexpr (detail::integer<T>) {
            const auto* held = std::get_if<std::int64_t>(&value_);
            if (held == nullptr) refuse("an integer");
            if (!std::in_range<T>(*held)) refuse("an integer of fewer bits");
            return static_cast<T>(*held);
        } else if constexpr (std::floating_point<T>) {
            if (const auto* held = std::get_if<double>(&value_)) return static_cast<T>(*held);
            if (const auto* held = std::get_if<std::int64_t>(&value_)) return static_cast<T>(*held);
            refuse("a number");
        } else if constexpr (std::same_as<T, std::chrono::year_month_day>) {
            return as_date();
        } else if constexpr (std::same_as<T, std::chrono::sys_time<std::chrono::microseconds>> ||
                             std::same_as<T, std::chrono::local_time<std::chrono::microseconds>>) {
            return T(as_timestamp());
        } else if constexpr (std::same_as<T, std::chrono::microseconds>) {
            return as_time();
        } else {
            static_assert(sizeof(T) == 0, "field::get<T>: see its table of types");
        }
    }

    friend bool operator==(const field&, const field&) = default;

 private:
    template <detail::integer T>
    static std::int64_t checked(T value) {
        if (!std::in_range<std::int64_t>(value))
            throw std::out_of_range("the integer does not fit into 64 signed bits");
        return static_cast<std::int64_t>(value);
    }
    template <class T>
    static constexpr const char* name_of() {
        if constexpr (std::same_as<T, bool>) return "a boolean";
        if constexpr (std::same_as<T, blob>) return "bytes";
        if constexpr (std::same_as<T, array_value>) return "an array";
        return "text";
    }
    static std::string timestamp_text(std::chrono::microseconds since_epoch);
    static std::string time_text(std::chrono::microseconds since_midnight);
    [[noreturn]] void refuse(const char* wanted) const;
    [[nodiscard]] std::string_view text(const char* wanted) const;
    [[nodiscard]] std::chrono::year_month_day as_date() const;
    [[nodiscard]] std::chrono::microseconds as_timestamp() const;
    [[nodiscard]] std::chrono::microseconds as_time() const;

    variant value_ = {};
};

/// How the service shall read a text (R-4.30 and the table above it).
enum class type_hint : std::uint8_t { json, uuid, timestamp, date, time, decimal };

/// One `:name` of a statement.
struct parameter {
    std::string name = {};
    field value = {};
    std::optional<type_hint> hint = {};
};

namespace detail {

template <class T>
struct natural_hint {
    static constexpr std::optional<type_hint> value = std::nullopt;
};
template <>
struct natural_hint<std::chrono::year_month_day> {
    static constexpr std::optional<type_hint> value = type_hint::date;
};
template <class Clock, class Duration>
struct natural_hint<std::chrono::time_point<Clock, Duration>> {
    static constexpr std::optional<type_hint> value = type_hint::timestamp;
};
template <class Duration>
struct natural_hint<std::chrono::hh_mm_ss<Duration>> {
    static constexpr std::optional<type_hint> value = type_hint::time;
};
template <class T>
struct natural_hint<std::optional<T>> : natural_hint<T> {};

}  // namespace detail

/// `param("id", 7)`, `param("name", name)`, `param("note", std::optional<std::string>())`, `param("key", text,
/// type_hint::uuid)`. Dates, times and timestamps of <chrono> bring their hint along.
template <class T>
[[nodiscard]] parameter param(std::string name, T&& value, std::optional<type_hint> hint = std::nullopt) {
    if (!hint) hint = detail::natural_hint<std::remove_cvref_t<T>>::value;
    return parameter{std::move(name), field(std::forward<T>(value)), hint};
}

}  // namespace borealis
