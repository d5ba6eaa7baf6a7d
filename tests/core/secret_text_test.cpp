#include "core/secret_text.hpp"

#include <ostream>
#include <type_traits>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace borealis::core {
namespace {

template <class T>
concept streamable = requires(std::ostream& out, const T& value) { out << value; };

TEST(secret_text, given_a_secret_when_somebody_would_print_it_then_it_does_not_compile) {
    static_assert(!streamable<secret_text>);
    static_assert(!fmt::is_formattable<secret_text>::value);
    static_assert(!std::is_convertible_v<secret_text, std::string>);
    EXPECT_EQ(secret_text("hunter2").reveal(), "hunter2");
}

TEST(secret_text, given_a_secret_when_moved_then_the_source_is_empty) {
    secret_text from("hunter2");
    const secret_text to = std::move(from);
    EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move): that is what is tested
    EXPECT_EQ(to.reveal(), "hunter2");
}

}  // namespace
}  // namespace borealis::core
