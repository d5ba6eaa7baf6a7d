#include "core/base64.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace borealis::core {
namespace {

struct vector_case {
    std::string_view bytes, text;
};

// RFC 4648, section 10.
constexpr vector_case vectors[] = {{"", ""},
                                   {"f", "Zg=="},
                                   {"fo", "Zm8="},
                                   {"foo", "Zm9v"},
                                   {"foob", "Zm9vYg=="},
                                   {"fooba", "Zm9vYmE="},
                                   {"foobar", "Zm9vYmFy"},
                                   {"\xFF\xFE\xFD", "//79"}};

class base64_vectors : public testing::TestWithParam<vector_case> {};

TEST_P(base64_vectors, given_bytes_when_encoded_then_text_is_the_rfcs) {
    std::string text = "before ";
    append_base64(text, GetParam().bytes);
    EXPECT_EQ(text, "before " + std::string(GetParam().text));
}

TEST_P(base64_vectors, given_text_when_decoded_then_bytes_are_back) {
    EXPECT_EQ(decode_base64(GetParam().text), GetParam().bytes);
}

INSTANTIATE_TEST_SUITE_P(rfc4648, base64_vectors, testing::ValuesIn(vectors));

class base64_refused : public testing::TestWithParam<std::string_view> {};

TEST_P(base64_refused, given_what_is_not_canonical_when_decoded_then_nothing) {
    EXPECT_FALSE(decode_base64(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(r_1_25, base64_refused,
                         testing::Values("Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Z g=", "Zm9v\n", "Zm-v",
                                         "====", "Zg==Zg==", "=AAA"));

}  // namespace
}  // namespace borealis::core
