#include "data_api/statistics.hpp"

#include <gtest/gtest.h>

namespace borealis::data_api {
namespace {

using namespace std::chrono_literals;

TEST(histogram, given_durations_at_its_bounds_when_added_then_a_bound_counts_in_its_own_bucket) {
    histogram all;
    for (const auto took : {0ns, 500'000ns, 500'001ns, 1'000'000ns, 60'000'000'000ns, 60'000'000'001ns}) all.add(took);
    EXPECT_EQ(all.counts[0], 2U);
    EXPECT_EQ(all.counts[1], 2U);
    EXPECT_EQ(all.counts[15], 1U);
    EXPECT_EQ(all.counts[16], 1U);
    EXPECT_NEAR(all.seconds, 120.002, 0.0001);
    for (const auto bound : histogram::bounds) {
        histogram one;
        one.add(std::chrono::round<core::clock::duration>(std::chrono::duration<double>(bound)));
        EXPECT_EQ(one.counts[static_cast<std::size_t>(std::ranges::find(histogram::bounds, bound) -
                                                      histogram::bounds.begin())],
                  1U)
            << bound;
    }
}

}  // namespace
}  // namespace borealis::data_api
