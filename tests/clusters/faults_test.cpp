#include "clusters/faults.hpp"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace borealis::clusters {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

struct fault_case {
    std::string_view name, text;
    fault_kind is;
    std::chrono::milliseconds duration;
    std::uint64_t times;
};
constexpr fault_case good[] = {
    {"delay", "resume-delay=2000", fault_kind::resume_delay, 2000ms, 1},
    {"failure", "resume-failure", fault_kind::resume_failure, 0ms, 1},
    {"latency_often", "latency=250,times=3", fault_kind::latency, 250ms, 3},
    {"throttling", "throttling,times=2", fault_kind::throttling, 0ms, 2},
    {"timeout", "statement-timeout", fault_kind::statement_timeout, 0ms, 1},
    {"commit", "lost-commit", fault_kind::lost_commit, 0ms, 1},
    {"drop", "drop", fault_kind::drop, 0ms, 1},
};
struct a_fault : ::testing::TestWithParam<fault_case> {};
INSTANTIATE_TEST_SUITE_P(cases, a_fault, ::testing::ValuesIn(good),
                         [](const auto& of) { return std::string(of.param.name); });
TEST_P(a_fault, given_its_words_when_read_then_kind_duration_and_count_are_known) {
    const auto& what = GetParam();
    const auto read = parse_fault(what.text);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->is, what.is);
    EXPECT_EQ(read->duration, what.duration);
    EXPECT_EQ(read->times, what.times);
}

TEST(a_fault, given_wrong_words_when_read_then_the_error_says_what_would_be_right) {
    for (const std::string_view each :
         {"", "nonsense", "latency", "latency=", "latency=x", "latency=-1", "latency=600001", "drop=5", "drop,times=0",
          "drop,times=", "drop,often=2", "drop,", ",drop"}) {
        const auto read = parse_fault(each);
        if (each == "drop,") {
            EXPECT_TRUE(read);
            continue;
        }
        ASSERT_FALSE(read) << each;
        EXPECT_EQ(read.error().kind, core::error_kind::validation);
    }
    EXPECT_THAT(parse_fault("x").error().message, HasSubstr("resume-delay, resume-failure, latency, throttling"));
    EXPECT_THAT(parse_fault("latency").error().message, HasSubstr("latency=500"));
}

TEST(fault_table, given_counted_faults_when_taken_then_they_are_used_up) {
    fault_table all;
    EXPECT_FALSE(all.any());
    EXPECT_FALSE(all.take("a", fault_kind::drop));
    all.add("a", {.is = fault_kind::drop, .times = 2});
    all.add("a", {.is = fault_kind::latency, .duration = 5ms});
    EXPECT_TRUE(all.any());
    EXPECT_FALSE(all.take("b", fault_kind::drop));
    EXPECT_FALSE(all.take("a", fault_kind::throttling));
    EXPECT_TRUE(all.take("a", fault_kind::drop));
    EXPECT_EQ(all.list("a").size(), 2U);
    EXPECT_TRUE(all.take("a", fault_kind::drop));
    EXPECT_FALSE(all.take("a", fault_kind::drop));
    EXPECT_EQ(all.take("a", fault_kind::latency)->duration, 5ms);
    EXPECT_FALSE(all.any());
    all.add("a", {.is = fault_kind::drop});
    all.clear("a");
    EXPECT_FALSE(all.any());
    EXPECT_TRUE(all.list("a").empty());
}

}  // namespace
}  // namespace borealis::clusters
