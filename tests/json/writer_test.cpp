#include "json/writer.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <string_view>

#include <gmock/gmock.h>

#include "json/document.hpp"

namespace borealis::json {
namespace {

using namespace std::string_view_literals;

std::string string_of(std::string_view text) {
    std::string out = "before:";
    append_string(out, text);
    return out.substr(7);
}

std::string double_of(double value) {
    std::string out;
    append_double(out, value);
    return out;
}

std::string float_of(float value) {
    std::string out;
    append_float(out, value);
    return out;
}

struct string_case {
    std::string_view text, json;
};

class json_strings : public testing::TestWithParam<string_case> {};

TEST_P(json_strings, given_text_when_written_then_escaped_as_r_7_7_says) {
    EXPECT_EQ(string_of(GetParam().text), GetParam().json);
}

TEST_P(json_strings, given_text_when_it_stands_at_any_place_of_a_longer_one_then_written_the_same) {
    const auto inner = GetParam().json.substr(1, GetParam().json.size() - 2);
    for (std::size_t before = 0; before < 20; ++before)
        for (std::size_t after = 0; after < 20; after += 3)
            EXPECT_EQ(string_of(std::string(before, 'x') + std::string(GetParam().text) + std::string(after, 'y')),
                      '"' + std::string(before, 'x') + std::string(inner) + std::string(after, 'y') + '"');
}

TEST_P(json_strings, given_text_when_asked_then_plain_is_what_stays_as_it_is) {
    for (std::size_t before = 0; before < 40; ++before) {
        const auto text = std::string(before, 'x') + std::string(GetParam().text) + "y";
        const bool ascii = std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
        EXPECT_EQ(is_plain(text), ascii && string_of(text) == '"' + text + '"') << text;
    }
}

constexpr string_case escapes[] = {
    {"", R"("")"},
    {"plain ASCII ~\x7F", "\"plain ASCII ~\x7F\""},
    {"\"", R"("\"")"},
    {"\\", R"("\\")"},
    {"\b\f\n\r\t", R"("\b\f\n\r\t")"},
    {"\0\x01\x0B\x1F"sv, R"("\u0000\u0001\u000B\u001F")"},
    {"/'", R"("/'")"},
    {"a\"b\\c\nd", R"("a\"b\\c\nd")"},
    {"\u00e9\u20ac\U0001F600", "\"\u00e9\u20ac\U0001F600\""},
    {"\u0080\u07FF\u0800\uD7FF\uE000\uFFFF\U00010000\U0010FFFF",
     "\"\u0080\u07FF\u0800\uD7FF\uE000\uFFFF\U00010000\U0010FFFF\""},
};
INSTANTIATE_TEST_SUITE_P(r_7_7, json_strings, testing::ValuesIn(escapes));

// Unicode 15, section 3.9: one U+FFFD for each maximal subpart.
constexpr string_case broken_utf8[] = {
    {"\x80", "\"\uFFFD\""},
    {"\xBF\x80", "\"\uFFFD\uFFFD\""},
    {"\xC3|", "\"\uFFFD|\""},
    {"\xE2\x82|", "\"\uFFFD|\""},
    {"\xF0\x9F\x98|", "\"\uFFFD|\""},
    {"\xC0\x80", "\"\uFFFD\uFFFD\""},
    {"\xE0\x9F\xBF", "\"\uFFFD\uFFFD\uFFFD\""},
    {"\xED\xA0\x80", "\"\uFFFD\uFFFD\uFFFD\""},
    {"\xF0\x8F\xBF\xBF", "\"\uFFFD\uFFFD\uFFFD\uFFFD\""},
    {"\xF4\x90\x80\x80", "\"\uFFFD\uFFFD\uFFFD\uFFFD\""},
    {"\xF8\xFE\xFF", "\"\uFFFD\uFFFD\uFFFD\""},
    {"\xC3\"", "\"\uFFFD\\\"\""},
    {"\xE2\x82\xE2\x82\xAC", "\"\uFFFD\u20ac\""},
    {"\xF1\x80\x80\xE1\x80\xC2|\x80|", "\"\uFFFD\uFFFD\uFFFD|\uFFFD|\""},
};
INSTANTIATE_TEST_SUITE_P(broken_utf8, json_strings, testing::ValuesIn(broken_utf8));

TEST(json_strings_cut, given_text_that_ends_within_a_character_when_written_then_one_replacement) {
    for (const auto text : {"\xC3"sv, "\xE2"sv, "\xE2\x82"sv, "\xF0"sv, "\xF0\x9F"sv, "\xF0\x9F\x98"sv})
        EXPECT_EQ(string_of(text), "\"\uFFFD\"");
}

TEST(json_strings_random, given_any_bytes_when_written_and_read_then_valid_text_is_unchanged_and_the_rest_replaced) {
    std::mt19937 random(20261123);
    // Few bytes of each class, so that broken and whole characters both come often.
    constexpr auto alphabet = "ab\"\\\n\x01/ \xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xED\xA0\xFF\0"sv;
    document reader;
    for (int round = 0; round < 20'000; ++round) {
        std::string text(random() % 40, ' ');
        for (auto& c : text) c = alphabet[random() % alphabet.size()];
        const auto written = string_of(text);
        const auto root = reader.parse_copy(written);
        ASSERT_TRUE(root) << root.error().message << ": " << written;
        const std::string read((*root)->text());
        EXPECT_EQ(string_of(read), written) << "what was replaced once stays";
        if (!read.contains("\uFFFD")) EXPECT_EQ(read, text);
    }
}

TEST(json_strings_random, given_valid_utf8_when_written_and_read_then_the_same) {
    std::mt19937 random(7);
    document reader;
    for (int round = 0; round < 5'000; ++round) {
        std::string text;
        for (auto left = random() % 30; left > 0; --left) {
            const auto kind = random() % 4;
            if (kind == 0) text += static_cast<char>(random() % 128);
            if (kind == 1) text += "\u00e9";
            if (kind == 2) text += "\u20ac";
            if (kind == 3) text += "\U0001F600";
        }
        const auto root = reader.parse_copy(string_of(text));
        ASSERT_TRUE(root) << root.error().message;
        EXPECT_EQ((*root)->text(), text);
    }
}

TEST(json_integers, given_edges_when_written_then_all_digits) {
    std::string out;
    append_integer(out, 0);
    out += ' ';
    append_integer(out, std::numeric_limits<std::int64_t>::min());
    out += ' ';
    append_integer(out, std::numeric_limits<std::int64_t>::max());
    out += ' ';
    append_unsigned(out, std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(out, "0 -9223372036854775808 9223372036854775807 18446744073709551615");
}

struct double_case {
    double value;
    std::string_view json;
};

class json_doubles : public testing::TestWithParam<double_case> {};

TEST_P(json_doubles, given_a_double_when_written_then_shortest_digits) {
    EXPECT_EQ(double_of(GetParam().value), GetParam().json);
}

constexpr double_case doubles[] = {
    {0.0, "0.0"},
    {-0.0, "-0.0"},
    {1, "1.0"},
    {10, "10.0"},
    {-10, "-10.0"},
    {100'000, "100000.0"},
    {0.1, "0.1"},
    {3.14, "3.14"},
    {0.1 + 0.2, "0.30000000000000004"},
    {0.0001, "0.0001"},
    {0.00001, "1e-05"},
    {9007199254740993.0, "9007199254740992.0"},
    {9999999999999998, "9999999999999998.0"},
    {1e16, "1e+16"},
    {1.5e300, "1.5e+300"},
    {4.9E-324, "5e-324"},
    {1.7976931348623157E308, "1.7976931348623157e+308"},
    {std::numeric_limits<double>::infinity(), "\"Infinity\""},
    {-std::numeric_limits<double>::infinity(), "\"-Infinity\""},
    {std::numeric_limits<double>::quiet_NaN(), "\"NaN\""},
};
INSTANTIATE_TEST_SUITE_P(r_7_5_r_1_26, json_doubles, testing::ValuesIn(doubles));

TEST(json_floats, given_a_float_when_written_then_its_own_shortest_digits) {
    EXPECT_EQ(float_of(3.14F), "3.14");
    EXPECT_EQ(float_of(10.0F), "10.0");
    EXPECT_EQ(float_of(0.1F), "0.1");
    EXPECT_EQ(float_of(9999999.0F), "9999999.0");
    EXPECT_EQ(float_of(1e15F), "1e+15");
    EXPECT_EQ(float_of(-std::numeric_limits<float>::max()), "-3.4028235e+38");
    EXPECT_EQ(float_of(std::numeric_limits<float>::denorm_min()), "1e-45");
    EXPECT_EQ(float_of(-std::numeric_limits<float>::infinity()), "\"-Infinity\"");
    EXPECT_EQ(float_of(std::numeric_limits<float>::quiet_NaN()), "\"NaN\"");
}

TEST(json_numbers_random, given_any_finite_double_when_written_and_read_then_the_same_bits) {
    std::mt19937_64 random(42);
    document reader;
    for (int round = 0; round < 50'000; ++round) {
        // Every other one of a common magnitude.
        const auto value =
            round % 2 == 0 ? std::bit_cast<double>(random()) : static_cast<double>(random() % 1'000'000) / 1000;
        if (!std::isfinite(value)) continue;
        const auto root = reader.parse_copy(double_of(value));
        ASSERT_TRUE(root) << double_of(value);
        EXPECT_EQ((*root)->is(), kind::real);
        EXPECT_EQ(std::bit_cast<std::uint64_t>((*root)->real()), std::bit_cast<std::uint64_t>(value))
            << double_of(value);
        const auto narrow = static_cast<float>(value);
        if (!std::isfinite(narrow)) continue;
        const auto text = float_of(narrow);
        const auto again = reader.parse_copy(text);
        ASSERT_TRUE(again) << text;
        EXPECT_EQ(std::strtof(text.c_str(), nullptr), narrow) << text;
    }
}

}  // namespace
}  // namespace borealis::json
