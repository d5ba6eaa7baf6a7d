#include "borealis/field.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace borealis {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;

template <class T>
const T& held(const parameter& of) {
    return std::get<T>(of.value.value());
}

TEST(param, given_values_of_many_types_when_made_then_each_has_its_member) {
    EXPECT_EQ(held<std::int64_t>(param("a", 7)), 7);
    EXPECT_EQ(held<std::int64_t>(param("a", std::uint8_t{255})), 255);
    EXPECT_EQ(held<std::int64_t>(param("a", std::uint64_t{1} << 62)), std::int64_t{1} << 62);
    EXPECT_EQ(held<bool>(param("a", true)), true);
    EXPECT_EQ(held<double>(param("a", 1.5F)), 1.5);
    EXPECT_EQ(held<std::string>(param("a", "text")), "text");
    EXPECT_EQ(held<std::string>(param("a", std::string_view("text"))), "text");
    EXPECT_EQ(held<blob>(param("a", blob{std::byte{0}, std::byte{255}})).size(), 2U);
    EXPECT_TRUE(param("a", nullptr).value.is_null());
    EXPECT_TRUE(param("a", std::nullopt).value.is_null());
    EXPECT_TRUE(param("a", std::optional<std::string>()).value.is_null());
    EXPECT_EQ(held<std::int64_t>(param("a", std::optional<int>(3))), 3);
    EXPECT_THROW((void)param("a", std::numeric_limits<std::uint64_t>::max()), std::out_of_range);
}

TEST(param, given_dates_and_times_when_made_then_text_and_hint_are_the_services) {
    const auto date = param("a", std::chrono::year(2026) / 3 / 9);
    EXPECT_EQ(held<std::string>(date), "2026-03-09");
    EXPECT_EQ(date.hint, type_hint::date);
    const auto whole = param("a", std::chrono::sys_seconds(sys_days(std::chrono::year(2026) / 3 / 9) + 1h + 2min + 3s));
    EXPECT_EQ(held<std::string>(whole), "2026-03-09 01:02:03");
    EXPECT_EQ(whole.hint, type_hint::timestamp);
    EXPECT_EQ(
        held<std::string>(param("a", sys_days(std::chrono::year(1969) / 12 / 31) + 23h + 59min + 59s + 999'999us)),
        "1969-12-31 23:59:59.999999");
    EXPECT_EQ(held<std::string>(param("a", std::chrono::local_days(std::chrono::year(2026) / 3 / 9) + 5ms)),
              "2026-03-09 00:00:00.005000");
    const auto time = param("a", std::chrono::hh_mm_ss(23h + 59min));
    EXPECT_EQ(held<std::string>(time), "23:59:00");
    EXPECT_EQ(time.hint, type_hint::time);
    EXPECT_EQ(param("a", std::optional(std::chrono::year(2026) / 3 / 9)).hint, type_hint::date);
    EXPECT_EQ(param("a", "x", type_hint::uuid).hint, type_hint::uuid);
    EXPECT_FALSE(param("a", "x").hint);
    EXPECT_THROW((void)param("a", std::chrono::year(2026) / 2 / 30), std::out_of_range);
    EXPECT_THROW((void)param("a", std::chrono::hh_mm_ss(24h)), std::out_of_range);
}

TEST(get, given_fields_when_taken_as_what_they_hold_then_the_value_is_there) {
    EXPECT_EQ(field(7).get<int>(), 7);
    EXPECT_EQ(field(7).get<double>(), 7.0);
    EXPECT_EQ(field(1.5).get<double>(), 1.5);
    EXPECT_EQ(field(true).get<bool>(), true);
    EXPECT_EQ(field("x").get<std::string>(), "x");
    EXPECT_EQ(field("x").get<std::string_view>(), "x");
    EXPECT_EQ(field().get<std::optional<int>>(), std::nullopt);
    EXPECT_EQ(field(7).get<std::optional<int>>(), 7);
    EXPECT_EQ(field("2026-03-09").get<std::chrono::year_month_day>(), std::chrono::year(2026) / 3 / 9);
    using timestamp = std::chrono::sys_time<std::chrono::microseconds>;
    EXPECT_EQ(field("2026-03-09 01:02:03.25").get<timestamp>(),
              sys_days(std::chrono::year(2026) / 3 / 9) + 1h + 2min + 3s + 250ms);
    EXPECT_EQ(field("2026-03-09").get<timestamp>(), sys_days(std::chrono::year(2026) / 3 / 9));
    EXPECT_EQ(field("01:02:03.000001").get<std::chrono::microseconds>(), 1h + 2min + 3s + 1us);
    EXPECT_EQ(field("-838:59:59").get<std::chrono::microseconds>(), -(838h + 59min + 59s));
}

struct refused_case {
    std::string_view message;
    std::function<void()> act;
};

TEST(get, given_fields_when_taken_as_something_else_then_the_error_names_both) {
    const refused_case cases[] = {
        {"the field holds text, not an integer", [] { (void)field("7").get<int>(); }},
        {"the field holds null, not an integer (use std::optional where it may be null)",
         [] { (void)field().get<int>(); }},
        {"the field holds an integer, not an integer of fewer bits", [] { (void)field(300).get<std::uint8_t>(); }},
        {"the field holds an integer, not an integer of fewer bits", [] { (void)field(-1).get<unsigned>(); }},
        {"the field holds a double, not an integer", [] { (void)field(1.0).get<int>(); }},
        {"the field holds an integer, not a boolean", [] { (void)field(1).get<bool>(); }},
        {"the field holds a boolean, not text", [] { (void)field(true).get<std::string>(); }},
        {"the field holds text, not bytes", [] { (void)field("x").get<blob>(); }},
        {"the field holds text, not a date YYYY-MM-DD",
         [] { (void)field("2026-02-30").get<std::chrono::year_month_day>(); }},
        {"the field holds text, not a date YYYY-MM-DD",
         [] { (void)field("2026-03-09 ").get<std::chrono::year_month_day>(); }},
        {"the field holds text, not a time HH:MM:SS", [] { (void)field("01:60:00").get<std::chrono::microseconds>(); }},
    };
    for (const auto& of : cases) {
        try {
            of.act();
            ADD_FAILURE() << of.message;
        } catch (const bad_field_access& refused) {
            EXPECT_EQ(refused.what(), of.message);
        }
    }
}

}  // namespace
}  // namespace borealis
