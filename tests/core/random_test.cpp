#include "core/random.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <regex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace borealis::core {
namespace {

TEST(random_uuid, given_many_when_made_then_all_are_version_4_and_differ) {
    const std::regex form("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        const auto id = random_uuid();
        EXPECT_TRUE(std::regex_match(id, form)) << id;
        EXPECT_TRUE(seen.insert(id).second);
    }
}

TEST(take_random_bytes, given_any_length_when_taken_then_they_differ_and_none_is_left_out) {
    for (const std::size_t length : {16UL, 138UL, 1024UL, 5000UL}) {
        std::vector<std::byte> one(length), another(length);
        take_random_bytes(one);
        take_random_bytes(another);
        EXPECT_NE(one, another);
        EXPECT_FALSE(std::ranges::all_of(std::span(one).last(16), [](std::byte each) { return each == std::byte{}; }));
    }
}

TEST(random_alphanumeric, given_a_length_when_made_then_only_letters_and_digits) {
    const auto text = random_alphanumeric(5000);
    EXPECT_EQ(text.size(), 5000U);
    EXPECT_EQ(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
              std::string::npos);
    EXPECT_EQ(std::set<char>(text.begin(), text.end()).size(), 62U);
}

TEST(random_uuid, given_a_fork_when_drawn_then_the_child_draws_another) {
    static_cast<void>(random_uuid());  // the pool is filled
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const auto drawn = random_uuid();
        ::_exit(::write(ends[1], drawn.data(), drawn.size()) == 36 ? 0 : 1);
    }
    std::string theirs(36, ' ');
    ASSERT_EQ(::read(ends[0], theirs.data(), theirs.size()), 36);
    int status = 1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_NE(theirs, random_uuid());
    ::close(ends[0]);
    ::close(ends[1]);
}

}  // namespace
}  // namespace borealis::core
