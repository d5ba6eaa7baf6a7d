#include "json/document.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <malloc.h>

namespace borealis::json {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

/// The tree written back in a form of its own, so that one line shows kinds, values, keys and nesting.
void describe(std::string& out, const node& at) {
    switch (at.is()) {
        case kind::null:
            out += "null";
            return;
        case kind::boolean:
            out += at.boolean() ? "true" : "false";
            return;
        case kind::integer:
            out += "i" + std::to_string(at.integer());
            return;
        case kind::real:
            out.append("r").append(at.raw());
            return;
        case kind::string:
            out.append("'").append(at.text()).append("'");
            return;
        case kind::array:
        case kind::object:
            break;
    }
    out += at.is() == kind::array ? "[" : "{";
    std::size_t members = 0;
    for (const node& member : at) {
        if (members++ != 0) out += ' ';
        if (at.is() == kind::object) out.append(member.key()).append(":");
        describe(out, member);
    }
    EXPECT_EQ(members, at.size());
    out += at.is() == kind::array ? "]" : "}";
}

std::string outcome(document& reader, std::string_view text) {
    const auto root = reader.parse_copy(text);
    if (!root) {
        EXPECT_EQ(root.error().kind, core::error_kind::serialization);
        return "error: " + root.error().message;
    }
    std::string out;
    describe(out, **root);
    return out;
}

std::string nested(std::string_view open, std::string_view close, std::size_t levels) {
    std::string text;
    for (std::size_t i = 0; i < levels; ++i) text += open;
    for (std::size_t i = 0; i < levels; ++i) text += close;
    return text;
}

struct accepted_case {
    std::string_view text, tree;
};

class json_accepted : public testing::TestWithParam<accepted_case> {};

TEST_P(json_accepted, given_json_when_parsed_then_tree_is_its_values) {
    document reader;
    EXPECT_EQ(outcome(reader, GetParam().text), GetParam().tree);
}

TEST_P(json_accepted, given_json_when_anything_follows_in_the_padding_then_it_is_not_seen) {
    document reader;
    for (const char filling : "]},:[{\"1nt \\x\n\xFF"sv) {
        std::string text(GetParam().text);
        text.append(padding, filling);
        const auto root = reader.parse(std::string_view(text).substr(0, GetParam().text.size()));
        ASSERT_TRUE(root) << root.error().message << " with " << filling;
        std::string tree;
        describe(tree, **root);
        EXPECT_EQ(tree, GetParam().tree) << filling;
    }
}

/// What plain text is read by ourselves, and what is read by simdjson because something in it is not plain, are the
/// same.
TEST_P(json_accepted, given_json_when_it_stands_beside_what_is_not_plain_then_the_tree_is_the_same) {
    document reader;
    EXPECT_EQ(outcome(reader, "[" + std::string(GetParam().text) + R"(,"\u0041"])"),
              "[" + std::string(GetParam().tree) + " 'A']");
}

constexpr accepted_case structure[] = {
    {"null", "null"},
    {"true", "true"},
    {"false", "false"},
    {" \t\r\n null \t\r\n ", "null"},
    {R"("")", "''"},
    {R"("a")", "'a'"},
    {R"( "a" )", "'a'"},
    {"0", "i0"},
    {" -1 ", "i-1"},
    {"[]", "[]"},
    {"{}", "{}"},
    {"[ ]", "[]"},
    {"{ }", "{}"},
    {"[[]]", "[[]]"},
    {"[[],[],{}]", "[[] [] {}]"},
    {"[1,2.5,\"x\",true,null]", "[i1 r2.5 'x' true null]"},
    {"[1\n,\r2\t]", "[i1 i2]"},
    {R"({"a":1})", "{a:i1}"},
    {R"({"a":1,"a":2})", "{a:i1 a:i2}"},
    {R"({"":0})", "{:i0}"},
    {R"({"a":{"b":[{"c":null}]},"d":[]})", "{a:{b:[{c:null}]} d:[]}"},
    {R"({"a\u0041\n":"b"})", "{aA\n:'b'}"},
    {R"({"resourceArn":"r","parameters":[{"name":"id","value":{"longValue":1}},{"name":"s","value":{"isNull":true}}]})",
     "{resourceArn:'r' parameters:[{name:'id' value:{longValue:i1}} {name:'s' value:{isNull:true}}]}"},
};
INSTANTIATE_TEST_SUITE_P(structure, json_accepted, testing::ValuesIn(structure));

constexpr accepted_case strings[] = {
    {R"("\"\\\/\b\f\n\r\t")", "'\"\\/\b\f\n\r\t'"},
    {R"("\u0000x")", "'\0x'"sv},
    {R"("\u007f\u0080\u00e9\u00E9")", "'\x7F\u0080\u00e9\u00e9'"},
    {R"("\u20ac\uFFFF")", "'\u20ac\uFFFF'"},
    {R"("\ud83d\ude00")", "'\U0001F600'"},
    {R"("\uD800\uDC00\uDBFF\uDFFF")", "'\U00010000\U0010FFFF'"},
    {"\"\u00e9\u20ac\U0001F600\"", "'\u00e9\u20ac\U0001F600'"},
    {"\"\x7F\"", "'\x7F'"},
    {"\"\xEF\xBF\xBF\"", "'\uFFFF'"},
    {R"("[1,2]{}:")", "'[1,2]{}:'"},
    {R"("a\\")", "'a\\'"},
    {R"("\\u0041")", "'\\u0041'"},
    {R"(["a\"",":","\\\\"])", "['a\"' ':' '\\\\']"},
    {"\"/'\"", "'/''"},
};
INSTANTIATE_TEST_SUITE_P(strings, json_accepted, testing::ValuesIn(strings));

constexpr accepted_case numbers[] = {
    {"-0", "i0"},
    {"9223372036854775807", "i9223372036854775807"},
    {"-9223372036854775808", "i-9223372036854775808"},
    {"9223372036854775808", "r9223372036854775808"},
    {"-9223372036854775809", "r-9223372036854775809"},
    {"18446744073709551616", "r18446744073709551616"},
    {"123456789012345678901234567890123456789", "r123456789012345678901234567890123456789"},
    {"1.0", "r1.0"},
    {"1e0", "r1e0"},
    {"1E+2", "r1E+2"},
    {"1e-2", "r1e-2"},
    {"-0.0", "r-0.0"},
    {"0.1000", "r0.1000"},
    {"1e999", "r1e999"},
    {"-1e999", "r-1e999"},
    {"1e-999", "r1e-999"},
    {"1e99999999999999999999", "r1e99999999999999999999"},
    {"[0,-0,0.0,-0e-0]", "[i0 i0 r0.0 r-0e-0]"},
    {"[1e1,10,1E1]", "[r1e1 i10 r1E1]"},
    {R"({"a":1 ,"b":-2.50 })", "{a:i1 b:r-2.50}"},
};
INSTANTIATE_TEST_SUITE_P(r_1_27, json_accepted, testing::ValuesIn(numbers));

struct real_case {
    std::string_view text;
    double value;
};

class json_reals : public testing::TestWithParam<real_case> {};

TEST_P(json_reals, given_a_number_when_parsed_then_real_is_the_nearest_double) {
    document reader;
    const auto root = reader.parse_copy(GetParam().text);
    ASSERT_TRUE(root);
    EXPECT_EQ((*root)->real(), GetParam().value);
    EXPECT_EQ(std::signbit((*root)->real()), std::signbit(GetParam().value));
    EXPECT_EQ((*root)->raw(), GetParam().text);
}

constexpr auto infinity = std::numeric_limits<double>::infinity();
constexpr real_case reals[] = {
    {"1", 1},
    {"-9223372036854775808", -9223372036854775808.0},
    {"9223372036854775808", 9223372036854775808.0},
    {"0.1", 0.1},
    {"-0.0", -0.0},
    {"3.14159265358979323846", 3.14159265358979323846},
    {"1.7976931348623157e308", std::numeric_limits<double>::max()},
    {"1.7976931348623159e308", infinity},
    {"-1.7976931348623159E+308", -infinity},
    {"1e400", infinity},
    {"-1e400", -infinity},
    {"0.00001e400", infinity},
    {"1e99999999999999999999", infinity},
    {"1e+99999999999999999999", infinity},
    {"4.9E-324", 4.9E-324},
    {"2.2250738585072011e-308", 2.2250738585072011e-308},
    {"1e-400", 0.0},
    {"-1e-400", -0.0},
    {"10000e-400", 0.0},
    {"-1e-99999999999999999999", -0.0},
    {"0e99999999999999999999", 0.0},
    {"0.0e-99999999999999999999", 0.0},
};
INSTANTIATE_TEST_SUITE_P(edges, json_reals, testing::ValuesIn(reals));

TEST(json_numbers, given_hundreds_of_digits_when_parsed_then_infinity_and_the_digits_are_kept) {
    document reader;
    const std::string digits(400, '9');
    const auto root = reader.parse_copy(digits);
    ASSERT_TRUE(root);
    EXPECT_EQ((*root)->is(), kind::real);
    EXPECT_EQ((*root)->real(), infinity);
    EXPECT_EQ((*root)->raw(), digits);
    const auto small = reader.parse_copy("0." + std::string(400, '0') + "1");
    ASSERT_TRUE(small);
    EXPECT_EQ((*small)->real(), 0.0);
}

class json_refused : public testing::TestWithParam<std::string_view> {};

TEST_P(json_refused, given_what_is_not_json_when_parsed_then_serialization_error) {
    document reader;
    EXPECT_THAT(outcome(reader, GetParam()), testing::StartsWith("error: "));
    EXPECT_EQ(outcome(reader, "[1]"), "[i1]") << "the reader works on";
}

TEST_P(json_refused, given_what_is_not_json_when_the_padding_would_mend_it_then_error_all_the_same) {
    document reader;
    for (const char filling : "]},:[{\"1ntesl0 \\x\n\xFF\x80"sv) {
        std::string text(GetParam());
        text.append(padding, filling);
        EXPECT_FALSE(reader.parse(std::string_view(text).substr(0, GetParam().size()))) << filling;
    }
}

constexpr std::string_view broken_structure[] = {
    "",
    " ",
    "\n\t",
    "[",
    "]",
    "{",
    "}",
    "[1",
    "1]",
    "[1,]",
    "[,1]",
    "[,]",
    "[1,,2]",
    "[1 2]",
    "[1}",
    "{1]",
    "[[]",
    "[]]",
    "[[1]",
    "{}}",
    "{{}",
    "[1],",
    "[1]x",
    "[] []",
    "{} null",
    "1 2",
    "nullnull",
    "null null",
    "true false",
    "\"a\" \"b\"",
    "\"a\"b",
    "1\"a\"",
    "{\"a\"}",
    "{\"a\":}",
    "{:1}",
    "{\"a\":1,}",
    "{,\"a\":1}",
    "{\"a\" 1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1;\"b\":2}",
    "{a:1}",
    "{1:1}",
    "{null:1}",
    "{\"a\"::1}",
    "{\"a\":1:2}",
    "{\"a\",1}",
    "{'a':1}",
    "['a']",
    "[\"a\":1]",
    "[1:2]",
    "/**/1",
    "1//",
    "#",
    "*",
    "<null>",
    "[a]",
    "a",
    "nul",
    "nulll",
    "Null",
    "NULL",
    "tru",
    "truee",
    "True",
    "fals",
    "falsee",
    "undefined",
    "[true false]",
    "[nul]",
    "[truex]",
    "[fals,1]",
    "\xEF\xBB\xBF{}",
    "\xEF\xBB\xBF",
    "\xFE\xFF",
    "[1]\0"sv,
    "\0"sv,
    "[\0]"sv,
    "\v1",
    "\f1",
    "1\f",
    "\u00A01",
    "[\u2060]",
    "{\"a\":[1,}",
    "{\"a\":{\"b\":}}",
    "[{\"a\":1]}",
    "{\"a\":[1}]",
    "[[[1]]",
    "{\"a\":{\"b\":1}",
    "}{",
    "][",
    ",",
    ":",
    "{\"a\":1}}",
};
INSTANTIATE_TEST_SUITE_P(structure, json_refused, testing::ValuesIn(broken_structure));

constexpr std::string_view broken_strings[] = {
    "\"",
    "\"a",
    "a\"",
    "[\"a]",
    "\"\\\"",
    "\"\\",
    "[\"\\\"]",
    "{\"a",
    "{\"a\":\"b}",
    "\"\\x\"",
    "\"\\a\"",
    "\"\\'\"",
    "\"\\0\"",
    "\"\\U0041\"",
    "\"\\u\"",
    "\"\\u1\"",
    "\"\\u12\"",
    "\"\\u123\"",
    "\"\\u123g\"",
    "\"\\u 123\"",
    "\"\\u+123\"",
    "\"\\u-123\"",
    "\"\\ud800\"",
    "\"\\ud800x\"",
    "\"\\ud800\\n\"",
    "\"\\ud800\\u0041\"",
    "\"\\ud800\\ud800\"",
    "\"\\udc00\"",
    "\"\\udfff\"",
    "\"x\\udc00y\"",
    "\"\\udc00\\ud800\"",
    "\"\\ud83d\\u\"",
    "\"\\ud83d\\ude0\"",
    "\"\\ud83d\\ue000\"",
    "\"\\ud83d\\udbff\"",
    "{\"\\ud800\":1}",
    "{\"\\x\":1}",
    "\"a\nb\"",
    "\"a\tb\"",
    "\"\0\""sv,
    "\"\x01\"",
    "\"\x1F\"",
    "{\"a\nb\":1}",
    "\"\\\n\"",
    // Broken UTF-8 (RFC 3629): lone and missing continuation bytes, overlong forms, surrogates, beyond U+10FFFF.
    "\"\x80\"",
    "\"\xBF\"",
    "\"\xC3\"",
    "\"\xC3x\"",
    "\"\xE2\x82\"",
    "\"\xE2\x82x\"",
    "\"\xF0\x9F\x98\"",
    "\"\xC0\x80\"",
    "\"\xC1\xBF\"",
    "\"\xE0\x9F\xBF\"",
    "\"\xF0\x8F\xBF\xBF\"",
    "\"\xED\xA0\x80\"",
    "\"\xED\xBF\xBF\"",
    "\"\xF4\x90\x80\x80\"",
    "\"\xF5\x80\x80\x80\"",
    "\"\xFE\"",
    "\"\xFF\"",
    "\"\xF8\x88\x80\x80\x80\"",
    "{\"\xFF\":1}",
    "[1\xFF]",
    "1 \xC3",
    "\xC3\xA9",
};
INSTANTIATE_TEST_SUITE_P(strings, json_refused, testing::ValuesIn(broken_strings));

constexpr std::string_view broken_numbers[] = {
    "-",          "+",          "+1",      "--1",   "-+1",      "01",           "-01",  "00",  "-00",   "1.",
    "-1.",        ".1",         "-.1",     "1.e1",  "1e",       "1E",           "1e+",  "1e-", "1e1.5", "1ee1",
    "1e+-1",      "1.2.3",      "1 .2",    "1. 2",  "- 1",      "1e 1",         "0x1",  "0b1", "1_000", "1,000",
    "1a",         "1-",         "1-2",     "1+2",   "Infinity", "-Infinity",    "NaN",  "inf", "nan",   "-inf",
    "-nan",       "1f",         "1L",      "0e",    "0.e1",     "\xEF\xBC\x91", "[1.]", "[-]", "[01]",  "[+1]",
    "{\"a\":01}", "{\"a\":1e}", "[1e1e1]", "[0 0]", "[-a]",     "[1/2]",
};
INSTANTIATE_TEST_SUITE_P(numbers, json_refused, testing::ValuesIn(broken_numbers));

TEST(json_nesting, given_64_levels_when_parsed_then_read_and_one_more_is_refused) {
    document reader;
    EXPECT_EQ(outcome(reader, nested("[", "]", 64)), nested("[", "]", 64));
    EXPECT_THAT(outcome(reader, nested("[", "]", 65)), testing::HasSubstr("nested deeper than 64 levels"));
    EXPECT_THAT(outcome(reader, nested("{\"a\":", "}", 65)), testing::HasSubstr("nested deeper than 64 levels"));
    EXPECT_THAT(outcome(reader, nested("[", "", 100'000)), testing::StartsWith("error: "));
    EXPECT_THAT(outcome(reader, nested("[", "]", 100'000)), testing::HasSubstr("nested deeper than 64 levels"));
}

TEST(json_nesting, given_scalars_on_the_64th_level_when_parsed_then_read) {
    document reader;
    EXPECT_EQ(outcome(reader, nested("[", "", 64) + "1" + nested("", "]", 64)),
              nested("[", "", 64) + "i1" + nested("", "]", 64));
}

struct message_case {
    std::string_view text, words;
};

class json_messages : public testing::TestWithParam<message_case> {};

TEST_P(json_messages, given_an_error_when_told_then_words_say_what_and_where) {
    document reader;
    EXPECT_THAT(outcome(reader, GetParam().text), testing::HasSubstr(GetParam().words));
}

constexpr message_case messages[] = {
    {"", "The JSON text is empty"},
    {"{\"a\":tru}", "Invalid JSON at byte 5: neither a number nor true, false or null"},
    {"[1] 2", "Invalid JSON at byte 5: an array or object is not closed, or more follows it"},
    {"[1] []", "Invalid JSON at byte 4: one JSON value is expected, more follows it"},
    {"1 2", "Invalid JSON at byte 2: one JSON value is expected, more follows it"},
    {"\"\xFF\"", "UTF-8"},
};
INSTANTIATE_TEST_SUITE_P(words, json_messages, testing::ValuesIn(messages));

TEST(json_values, given_as_many_as_allowed_when_parsed_then_read_and_one_more_is_refused) {
    document reader(4);
    EXPECT_EQ(outcome(reader, "[1,2,3]"), "[i1 i2 i3]");
    EXPECT_EQ(outcome(reader, "[1,2,3,4]"), "error: The JSON text has more than 4 values");
    EXPECT_EQ(outcome(reader, R"({"a":{"b":[]},"c":{}})"), "{a:{b:[]} c:{}}");
    EXPECT_EQ(outcome(reader, R"({"a":{"b":[{}]},"c":1})"), "error: The JSON text has more than 4 values");
    EXPECT_EQ(outcome(reader, "7"), "i7");  // and the reader is as good as before
}

TEST(json_values, given_a_large_document_when_trimmed_then_the_reader_reads_on) {
    document reader;
    std::string many = "[0";
    for (int i = 0; i < 300'000; ++i) many += ",0";
    ASSERT_TRUE(reader.parse_copy(many + "]"));
    reader.trim();
    EXPECT_EQ(outcome(reader, "[1]"), "[i1]");
    many = "[0";
    for (std::size_t i = 0; i < document::usual_most_values; ++i) many += ",0";
    EXPECT_EQ(outcome(reader, many + "]"), "error: The JSON text has more than 500000 values");
}

TEST(json_find, given_a_name_twice_when_sought_then_the_last_is_found) {
    document reader;
    const auto root = reader.parse_copy(R"({"a":1,"b":{"a":2,"z":3},"a":4})");
    ASSERT_TRUE(root);
    const auto* found = (*root)->find("a");
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->integer(), 4);
    EXPECT_EQ((*root)->find("z"), nullptr) << "members of members are not members";
    EXPECT_EQ((*root)->find("A"), nullptr);
}

TEST(json_find, given_an_array_or_scalar_when_sought_then_nothing) {
    document reader;
    for (const auto text : {R"([{"a":1}])", R"("a")", "1"}) {
        const auto root = reader.parse_copy(text);
        ASSERT_TRUE(root);
        EXPECT_EQ((*root)->find("a"), nullptr);
        EXPECT_EQ((*root)->find(""), nullptr);
    }
}

TEST(json_document, given_a_reader_when_used_for_many_then_each_answer_is_its_own) {
    document reader;
    std::string large = "[";
    for (int i = 0; i < 100'000; ++i) large += "\"item\",";
    large += "0]";
    for (int round = 0; round < 3; ++round) {
        const auto root = reader.parse_copy(large);
        ASSERT_TRUE(root);
        EXPECT_EQ((*root)->size(), 100'001U);
        EXPECT_EQ(outcome(reader, R"({"a":"b"})"), "{a:'b'}");
        EXPECT_THAT(outcome(reader, "[1"), testing::StartsWith("error"));
    }
    document moved = std::move(reader);
    EXPECT_EQ(outcome(moved, "[1]"), "[i1]");
}

TEST(json_document, given_a_string_when_its_end_is_at_any_place_then_it_is_read_where_it_stands) {
    document reader;
    for (std::size_t size = 0; size < 70; ++size) {
        const std::string value(size, 'v');
        const std::string text = R"({")" + value + R"(":")" + value + R"("})";
        auto padded = text;
        padded.append(padding, 'x');
        const auto root = reader.parse(std::string_view(padded).substr(0, text.size()));
        ASSERT_TRUE(root) << root.error().message;
        EXPECT_EQ((*root)->begin()->key(), value);
        EXPECT_EQ((*root)->begin()->text(), value);
        EXPECT_EQ((*root)->begin()->text().data(), padded.data() + size + 5) << "not copied";
        for (std::size_t shorter = 0; shorter < text.size(); ++shorter)
            EXPECT_FALSE(reader.parse(std::string_view(padded).substr(0, shorter)));
    }
}

TEST(json_document, given_the_accepted_tables_when_every_prefix_is_parsed_then_none_but_numbers_are_json) {
    document reader;
    for (const auto& [text, tree] : structure) {
        for (std::size_t length = 0; length < text.size(); ++length) {
            const auto root = reader.parse_copy(text.substr(0, length));
            if (root) {
                std::string again;
                describe(again, **root);
                EXPECT_EQ(again, tree) << "only trailing blanks may be missing from " << text;
            }
        }
    }
}

/// Octets that malloc has given out.
std::size_t in_use() {
    const auto of = ::mallinfo2();
    return of.uordblks + of.hblkhd;
}

TEST(json_document, given_a_large_one_read_when_trimmed_or_a_small_one_follows_then_its_memory_is_given_back) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    GTEST_SKIP() << "the sanitizer's memory is not malloc's";
#endif
#endif
    std::string numbers = "[0";
    for (int i = 0; i < 200'000; ++i) numbers += ",1";
    const std::string plain = numbers + "]";
    const std::string escaped = numbers + R"(,"\n"])";
    document reader;
    const auto before = in_use();
    for (const auto* const text : {&plain, &escaped}) {
        ASSERT_TRUE(reader.parse_copy(*text));
        EXPECT_GT(in_use(), before + std::size_t{5'000'000});
        reader.trim();
        EXPECT_LT(in_use(), before + std::size_t{600'000});
        ASSERT_TRUE(reader.parse_copy(*text));
        ASSERT_TRUE(reader.parse_copy("[1]"));
        EXPECT_LT(in_use(), before + std::size_t{600'000});
    }
}

}  // namespace
}  // namespace borealis::json
