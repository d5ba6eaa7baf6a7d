#include "core/on_first_use.hpp"

#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace borealis::core {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr const char* mathematics = "libm.so.6";

TEST(on_first_use, given_a_library_when_its_function_is_called_again_then_it_answers_each_time) {
    const on_first_use<double(double)> magnitude(mathematics, "fabs");
    EXPECT_EQ(magnitude(-3.0), 3.0);
    EXPECT_EQ(magnitude(2.0), 2.0);
}

TEST(on_first_use, given_no_such_library_when_called_then_the_error_names_it) {
    const on_first_use<int()> absent("libborealis-none.so.1", "any");
    EXPECT_THAT([&] { absent(); }, ThrowsMessage<std::runtime_error>(HasSubstr("libborealis-none.so.1 is needed")));
}

TEST(on_first_use, given_no_such_function_when_called_then_the_error_names_it) {
    const on_first_use<int()> absent(mathematics, "borealis_none");
    EXPECT_THAT([&] { absent(); }, ThrowsMessage<std::runtime_error>(HasSubstr("borealis_none")));
}

}  // namespace
}  // namespace borealis::core
