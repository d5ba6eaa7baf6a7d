#include "postgres/errors.hpp"

#include <gtest/gtest.h>

namespace borealis::postgres {
namespace {

using sql::failure_kind;

struct connect_case {
    std::string_view name, text;
    failure_kind kind;
    std::string_view sqlstate, message;
};

class connect_failure : public testing::TestWithParam<connect_case> {};

TEST_P(connect_failure, given_libpqs_text_when_read_then_the_servers_words_or_ours_remain) {
    const auto out = connect_failure_of(GetParam().text);
    EXPECT_EQ(out.kind, GetParam().kind);
    EXPECT_EQ(out.sqlstate, GetParam().sqlstate);
    EXPECT_EQ(out.message, GetParam().message);
    if (out.kind == failure_kind::unreachable) EXPECT_EQ(out.message.find("10.0.0.7"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    all, connect_failure,
    testing::Values(
        connect_case{
            "password",
            "connection to server at \"10.0.0.7\", port 5432 failed: FATAL:  28P01: password authentication failed "
            "for user \"x\"\nLOCATION:  auth_failed, auth.c:334\n",
            failure_kind::login, "28P01", "password authentication failed for user \"x\""},
        connect_case{
            "with_a_hint",
            "connection to server at \"10.0.0.7\", port 5432 failed: FATAL:  3D000: database \"a: b\" does not "
            "exist\nDETAIL:  It seems to have just been dropped.\nHINT:  Try.\n",
            failure_kind::login, "3D000", "database \"a: b\" does not exist"},
        connect_case{"translated", "connection to server at \"10.0.0.7\", port 5432 failed: ВАЖНО:  53300: извините\n",
                     failure_kind::login, "53300", "извините"},
        connect_case{"twice",
                     "connection to server at \"10.0.0.7\", port 5432 failed: FATAL:  28P01: password wrong\n"
                     "connection to server at \"10.0.0.7\", port 5432 failed: FATAL:  28000: no pg_hba.conf entry\n",
                     failure_kind::login, "28P01", "password wrong"},
        connect_case{"starting",
                     "connection to server at \"10.0.0.7\", port 5432 failed: FATAL:  57P03: the database system is "
                     "starting up\nLOCATION:  a, b.c:1\n",
                     failure_kind::unreachable, "57P03", "the database system is starting up"},
        connect_case{
            "refused",
            "connection to server at \"10.0.0.7\", port 5432 failed: Connection refused\n\tIs the server running on "
            "that host and accepting TCP/IP connections?\n",
            failure_kind::unreachable, "", "The database cannot be reached."},
        connect_case{"certificate",
                     "connection to server at \"10.0.0.7\", port 5432 failed: SSL error: certificate verify failed\n",
                     failure_kind::unreachable, "",
                     "No TLS connection to the database could be made that satisfies its TLS settings."},
        connect_case{"nothing", "", failure_kind::unreachable, "", "The database cannot be reached."}),
    [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace borealis::postgres
