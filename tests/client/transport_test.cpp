#include "client/transport.hpp"

#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "client/scripted_server.hpp"

namespace borealis::client {
namespace {

using namespace std::chrono_literals;
using tests::answer;
using tests::step;

http_call post(const tests::scripted_server& to, std::string_view body) {
    return {.url = to.url() + "/Execute",
            .headers = {{"Content-Type", "application/json"}},
            .body = body,
            .without_proxy = true};
}

TEST(transport, given_a_call_when_sent_then_the_server_sees_just_that) {
    tests::scripted_server server({answer("{\"a\":1}")});
    transport over("", 1);
    auto call = post(server, "{}");
    call.url = server.url() + "/a/./b%20c";
    const auto got = over.send(call);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->status, 200);
    EXPECT_EQ(got->body, "{\"a\":1}");
    EXPECT_EQ(got->find("x-amzn-requestid"), "request-1");
    const auto seen = server.requests().at(0);
    EXPECT_EQ(seen.method + " " + seen.target, "POST /a/./b%20c");
    EXPECT_EQ(seen.body, "{}");
    EXPECT_EQ(seen.headers.at("host"), server.authority());
    EXPECT_EQ(seen.headers.at("content-length"), "2");
    EXPECT_FALSE(seen.headers.contains("expect"));
    EXPECT_FALSE(seen.headers.contains("accept"));
    EXPECT_FALSE(seen.headers.contains("transfer-encoding"));
}

TEST(transport, given_a_body_over_a_megabyte_when_sent_then_it_does_not_ask_first) {
    tests::scripted_server server({answer("{}")});
    transport over("", 1);
    const std::string body(3'000'000, 'x');
    ASSERT_TRUE(over.send(post(server, body)));
    EXPECT_EQ(server.requests().at(0).body.size(), body.size());
    EXPECT_FALSE(server.requests().at(0).headers.contains("expect"));
}

TEST(transport, given_several_calls_when_sent_one_after_the_other_then_they_share_a_connection) {
    tests::scripted_server server({answer("1"), answer("2"), tests::refuse(400, "X", ""), answer("4")});
    transport over("", 1);
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(over.send(post(server, "{}")));
    for (const auto& seen : server.requests()) EXPECT_EQ(seen.connection, 0);
}

TEST(transport, given_a_redirect_when_answered_then_it_is_not_followed) {
    tests::scripted_server server(
        {{.bytes = "HTTP/1.1 307 Elsewhere\r\nLocation: /Other\r\nContent-Length: 0\r\n\r\n"}});
    transport over("", 1);
    EXPECT_EQ(over.send(post(server, "{}"))->status, 307);
    EXPECT_EQ(server.requests().size(), 1U);
}

TEST(transport, given_an_interim_answer_when_it_comes_then_only_the_final_one_counts) {
    tests::scripted_server server(
        {{.bytes = "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"}});
    transport over("", 1);
    const auto got = over.send(post(server, "{}"));
    ASSERT_TRUE(got);
    EXPECT_EQ(got->status, 200);
    EXPECT_EQ(got->find("x-early"), "");
}

// libcurl repeats a request by itself when a kept connection dies under it; the statement would run twice (L-5.66).
TEST(l_5_66, given_a_kept_connection_when_the_server_reads_a_request_and_closes_then_it_is_not_sent_again) {
    tests::scripted_server server({answer("{}"), tests::lose(), answer("{}")});
    transport over("", 1);
    ASSERT_TRUE(over.send(post(server, "{}")));
    const auto lost = over.send(post(server, "{\"sql\":\"INSERT\"}"));
    ASSERT_FALSE(lost);
    EXPECT_TRUE(lost.error().sent);
    EXPECT_FALSE(lost.error().timed_out);
    const auto seen = server.requests();
    ASSERT_EQ(seen.size(), 2U);
    EXPECT_EQ(seen[0].connection, seen[1].connection);
    // The next call opens a new one.
    ASSERT_TRUE(over.send(post(server, "{}")));
    EXPECT_NE(server.requests().at(2).connection, 0);
}

TEST(l_5_66, given_a_kept_connection_that_was_closed_between_calls_when_used_then_a_new_one_is_opened_unnoticed) {
    auto last = answer("{}");
    last.close_after = true;
    tests::scripted_server server({last, answer("{}")});
    transport over("", 1);
    ASSERT_TRUE(over.send(post(server, "{}")));
    server.await_closed(1);
    const auto second = over.send(post(server, "{}"));
    ASSERT_TRUE(second) << second.error().message;
    EXPECT_EQ(server.requests().size(), 2U);
}

TEST(transport, given_faults_when_sending_then_they_say_whether_bytes_were_sent) {
    transport over("", 1);
    {
        const auto refused = over.send({.url = "http://127.0.0.1:1/", .body = "{}", .without_proxy = true});
        ASSERT_FALSE(refused);
        EXPECT_FALSE(refused.error().sent);
    }
    {
        tests::scripted_server server({tests::lose()});
        const auto lost = over.send(post(server, "{}"));
        ASSERT_FALSE(lost);
        EXPECT_TRUE(lost.error().sent);
    }
    {
        tests::scripted_server server({{.what = step::kind::stay_silent}});
        auto call = post(server, "{}");
        call.timeout = 50ms;
        const auto late = over.send(call);
        ASSERT_FALSE(late);
        EXPECT_TRUE(late.error().timed_out);
        EXPECT_TRUE(late.error().sent);
    }
    {
        tests::scripted_server server(
            {{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", .close_after = true}});
        const auto cut = over.send(post(server, "{}"));
        ASSERT_FALSE(cut);
        EXPECT_TRUE(cut.error().sent);
    }
    {
        tests::scripted_server server({{.bytes = "SMTP ready\r\n", .close_after = true}});
        const auto strange = over.send(post(server, "{}"));
        ASSERT_FALSE(strange);
        EXPECT_TRUE(strange.error().sent);
    }
}

TEST(transport, given_other_schemes_when_asked_then_they_are_refused) {
    transport over("", 1);
    EXPECT_FALSE(over.send({.method = "GET", .url = "file:///etc/passwd"}));
}

TEST(transport, given_many_threads_when_they_send_then_each_gets_its_own_answer) {
    tests::scripted_server server;
    server.otherwise(answer("{}"));
    transport over("", 2);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int k = 0; k < 25; ++k) EXPECT_TRUE(over.send(post(server, "{}")));
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(server.requests().size(), 100U);
}

}  // namespace
}  // namespace borealis::client
