#include "http/buffers.hpp"

#include <algorithm>
#include <cstring>
#include <set>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace borealis::http {
namespace {

TEST(buffers, given_any_size_when_made_then_all_of_it_can_be_written) {
    for (const std::size_t size :
         {std::size_t{1}, usual_buffer - 1, usual_buffer, usual_buffer + 1, 10 * usual_buffer}) {
        const auto one = make_buffer(size);
        const auto other = make_buffer(size);
        std::memset(one.get(), 1, size);
        std::memset(other.get(), 2, size);
        EXPECT_TRUE(std::all_of(one.get(), one.get() + size, [](char c) { return c == 1; })) << size;
    }
}

TEST(buffers, given_many_when_held_at_once_then_no_two_share_memory) {
    std::vector<buffer> held;
    std::set<const char*> begins;
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 300; ++i) {
            begins.insert(held.emplace_back(make_buffer(usual_buffer)).get());
            *held.back().get() = static_cast<char>(i);
        }
        EXPECT_EQ(begins.size(), held.size());
        for (std::size_t i = 0; i < held.size(); ++i) EXPECT_EQ(*held[i].get(), static_cast<char>(i));
        held.clear();
        begins.clear();
    }
}

TEST(buffers, given_many_when_given_back_then_the_system_has_nearly_all_of_their_memory) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
    GTEST_SKIP() << "the sanitizer's memory is not ours";
#endif
#endif
    constexpr std::size_t many = 500;
    std::vector<buffer> held;
    std::vector<char*> at;
    for (std::size_t i = 0; i < many; ++i) {
        at.push_back(held.emplace_back(make_buffer(usual_buffer)).get());
        std::memset(at.back(), 'x', usual_buffer);
    }
    const auto with_memory = [&at] {
        return std::ranges::count_if(at, [](char* one) {
            unsigned char in_memory = 0;
            return ::mincore(one, static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)), &in_memory) == 0 &&
                   (in_memory & 1U) != 0;
        });
    };
    EXPECT_EQ(with_memory(), many);
    held.clear();
    EXPECT_LE(with_memory(), 32);
}

}  // namespace
}  // namespace borealis::http
