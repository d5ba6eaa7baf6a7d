#include "server/trace.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace borealis::server {
namespace {

constexpr std::string_view parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

struct trace_case {
    std::string_view name, amazon, w3c, comment;
};

class traces : public testing::TestWithParam<trace_case> {};

TEST_P(traces, given_the_callers_headers_when_made_a_comment_then_nothing_can_end_it) {
    std::vector<http::header> headers;
    if (!GetParam().amazon.empty()) headers.push_back({"X-Amzn-Trace-Id", GetParam().amazon});
    if (!GetParam().w3c.empty()) headers.push_back({"Traceparent", GetParam().w3c});
    http::request asked;
    asked.headers = headers;
    EXPECT_EQ(sql_comment_of(trace_of(asked)), GetParam().comment);
}

INSTANTIATE_TEST_SUITE_P(
    headers, traces,
    testing::Values(
        trace_case{"none", "", "", ""},
        trace_case{"w3c", "", parent, "/*traceparent='00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'*/"},
        trace_case{"amazon", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1", "",
                   "/*x_amzn_trace_id='Root%3D1-5759e988-bd862e3fe1be46a994272793%3BParent%3D53995c3f42cd8ad8%3B"
                   "Sampled%3D1'*/"},
        trace_case{"both", "Root=1-a", parent,
                   "/*traceparent='00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',x_amzn_trace_id='Root%3D1-"
                   "a'*/"},
        trace_case{"quote", "Root=1-a'", "", ""}, trace_case{"comment_end", "Root=*/ DROP TABLE t", "", ""},
        trace_case{"backslash", "Root=\\", "", ""}, trace_case{"placeholder", "Root=?", "", ""},
        trace_case{"percent", "Root=%27", "", ""},
        trace_case{
            "too_long",
            "Root=1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "", ""},
        trace_case{"w3c_upper_case", "", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", ""},
        trace_case{"w3c_zeros", "", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", ""},
        trace_case{"w3c_no_parent", "", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", ""},
        trace_case{"w3c_version_ff", "", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", ""},
        trace_case{"w3c_short", "", "00-4bf92f35-00f067aa0ba902b7-01", ""}),
    [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace borealis::server
