#include "data_api/array_text.hpp"

#include <gtest/gtest.h>

namespace borealis::data_api {
namespace {

/// What the reader finds: elements in quotes, NULL, and how it ended.
std::string read(std::string_view text, char delimiter = ',') {
    array_reader from(text, delimiter);
    std::string found;
    for (;;) {
        switch (from.next()) {
            case array_reader::step::element:
                found += "<" + std::string(from.text()) + ">";
                break;
            case array_reader::step::null:
                found += "NULL";
                break;
            case array_reader::step::nested:
                return found + " nested";
            case array_reader::step::end:
                return found + " end";
            case array_reader::step::malformed:
                return found + " malformed";
        }
    }
}

struct array_case {
    std::string_view text, expected;
};

class arrays : public testing::TestWithParam<array_case> {};

TEST_P(arrays, given_array_text_when_read_then_elements_are_its) {
    EXPECT_EQ(read(GetParam().text), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    r_5_40, arrays,
    testing::Values(array_case{"{}", " end"}, array_case{"{1}", "<1> end"}, array_case{"{1,NULL,3}", "<1>NULL<3> end"},
                    array_case{R"({"NULL",null})", "<NULL><null> end"}, array_case{R"({"",a})", "<><a> end"},
                    array_case{R"({"a,b","{c}"})", "<a,b><{c}> end"},
                    array_case{R"({"say \"hi\"","back\\slash"})", R"(<say "hi"><back\slash> end)"},
                    array_case{"[0:2]={1,2,3}", "<1><2><3> end"}, array_case{"{a b,ü}", "<a b><ü> end"}));
INSTANTIATE_TEST_SUITE_P(r_2_28, arrays,
                         testing::Values(array_case{"{{1,2},{3,4}}", " nested"},
                                         array_case{"[1:1][1:1]={{1}}", " nested"}));
INSTANTIATE_TEST_SUITE_P(broken, arrays,
                         testing::Values(array_case{"", " malformed"}, array_case{"{", " malformed"},
                                         array_case{"{1", "<1> malformed"}, array_case{"{1,", "<1> malformed"},
                                         array_case{"{1,}", "<1> malformed"}, array_case{R"({"a)", " malformed"},
                                         array_case{R"({"a\)", " malformed"}, array_case{R"({"a"b})", "<a> malformed"},
                                         array_case{"{}x", " malformed"}, array_case{"1,2", " malformed"},
                                         array_case{"[0:2]", " malformed"}));

TEST(array_text, given_another_delimiter_when_read_then_commas_are_text) {
    EXPECT_EQ(read("{(1,2);(3,4)}", ';'), "<(1,2)><(3,4)> end");
}

TEST(array_text, given_text_cut_anywhere_when_read_then_it_ends) {
    const std::string whole = R"([1:2]={"a\"b",NULL})";
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_TRUE(read(std::string_view(whole).substr(0, size)).ends_with("malformed")) << size;
}

}  // namespace
}  // namespace borealis::data_api
