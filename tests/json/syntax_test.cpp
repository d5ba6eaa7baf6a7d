#include "json/syntax.hpp"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json/document.hpp"

namespace borealis::json {
namespace {

constexpr std::size_t deep = 64;

TEST(json_syntax, given_texts_with_any_one_byte_changed_then_both_readers_agree) {
    constexpr std::string_view texts[] = {
        R"({"a":[1,-2.5e+10,0,true,false,null,"x\n\u00e4"],"b":{},"c":[]})",
        R"("text")",
        "-0.1",
        " [ { } , [ ] ] ",
        "tru",
        "\"\xC3\xA4\"",
        "[1,]",
        "{\"a\":1,}",
        "01",
        "1e",
        "[[[]]]",
    };
    constexpr std::string_view bytes = "{}[]\",:\\ 01-.eEtn\n\x01\x80u";
    document parser;
    const auto both_agree = [&parser](const std::string& text) {
        const bool read = parser.parse_copy(text).has_value();
        EXPECT_EQ(check_syntax(text, deep).has_value(), read) << text;
    };
    for (const auto text : texts) {
        both_agree(std::string(text));
        for (std::size_t i = 0; i <= text.size(); ++i) {
            both_agree(std::string(text.substr(0, i)));
            for (const char c : bytes) {
                auto changed = std::string(text);
                changed.insert(i, 1, c);
                both_agree(changed);
                if (i == text.size()) continue;
                changed = text;
                changed[i] = c;
                both_agree(changed);
            }
        }
    }
}

TEST(json_syntax, given_nesting_when_over_the_limit_then_it_is_refused) {
    const auto nested = [](std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
    EXPECT_TRUE(check_syntax(nested(1000), 1000));
    EXPECT_FALSE(check_syntax(nested(1001), 1000));
    EXPECT_FALSE(check_syntax(std::string(1'000'000, '['), 1000));
}

TEST(json_syntax, given_broken_text_when_checked_then_place_and_reason_are_said) {
    const auto checked = check_syntax(R"({"a" 1})", deep);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().message, "Invalid JSON at byte 5: a colon is expected");
    EXPECT_EQ(check_syntax("1 2", deep).error().message,
              "Invalid JSON at byte 2: one JSON value is expected, more follows it");
    EXPECT_EQ(check_syntax(std::string_view("1\0", 2), deep).has_value(), false);
}

}  // namespace
}  // namespace borealis::json
