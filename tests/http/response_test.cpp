#include "http/response.hpp"

#include <ctime>
#include <string>
#include <string_view>
#include <thread>

#include <gtest/gtest.h>

namespace borealis::http {
namespace {

using namespace std::string_view_literals;

constexpr std::time_t rfc_example = 784111777;  // RFC 9110, section 5.6.7

struct date_case {
    std::time_t at;
    std::string_view text;
};

class http_dates : public testing::TestWithParam<date_case> {};

TEST_P(http_dates, given_a_time_when_written_then_imf_fixdate) { EXPECT_EQ(http_date(GetParam().at), GetParam().text); }

constexpr date_case dates[] = {
    {rfc_example, "Sun, 06 Nov 1994 08:49:37 GMT"}, {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
    {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},   {1735689599, "Tue, 31 Dec 2024 23:59:59 GMT"},
    {4102444800, "Fri, 01 Jan 2100 00:00:00 GMT"},
};
INSTANTIATE_TEST_SUITE_P(rfc9110_5_6_7, http_dates, testing::ValuesIn(dates));

TEST(http_date_cache, given_the_second_changes_when_asked_then_text_changes_with_it_on_each_thread) {
    EXPECT_EQ(http_date(rfc_example), "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(http_date(rfc_example), "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(http_date(rfc_example + 1), "Sun, 06 Nov 1994 08:49:38 GMT");
    std::thread([] { EXPECT_EQ(http_date(rfc_example - 1), "Sun, 06 Nov 1994 08:49:36 GMT"); }).join();
    EXPECT_EQ(http_date(rfc_example), "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(http_response_head, given_headers_when_finished_then_status_date_headers_and_length_in_order) {
    std::string out = "earlier response";
    response_head head(out, 200, rfc_example);
    head.add("Content-Type", "application/json").add("x-amzn-RequestId", "id").finish(12, true);
    EXPECT_EQ(out,
              "earlier response"
              "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: "
              "application/json\r\nx-amzn-RequestId: id\r\n"
              "Content-Length: 12\r\n\r\n");
}

TEST(http_response_head, given_the_connection_ends_when_finished_then_it_says_close) {
    std::string out;
    response_head(out, 413, rfc_example).finish(0, false);
    EXPECT_EQ(out,
              "HTTP/1.1 413 Content Too Large\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n"
              "Connection: close\r\n\r\n");
}

TEST(http_response_head, given_no_content_when_finished_then_no_length) {
    std::string out;
    response_head(out, 204, rfc_example).finish(0, true);
    EXPECT_EQ(out, "HTTP/1.1 204 No Content\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n");
}

TEST(http_response_head, given_a_value_that_breaks_the_line_when_added_then_a_bug_or_blanks) {
    EXPECT_DEBUG_DEATH(
        {
            std::string out;
            response_head(out, 200, rfc_example).add("X", "a\r\nSet-Cookie: b\0"sv).finish(0, true);
            EXPECT_NE(out.find("X: a  Set-Cookie: b \r\nContent-Length"), out.npos) << out;
        },
        "broken");
}

TEST(http_reason_phrase, given_a_status_when_asked_then_the_rfcs_words) {
    EXPECT_EQ(reason_phrase(200), "OK");
    EXPECT_EQ(reason_phrase(431), "Request Header Fields Too Large");
    EXPECT_EQ(reason_phrase(599), "Unknown");
}

}  // namespace
}  // namespace borealis::http
