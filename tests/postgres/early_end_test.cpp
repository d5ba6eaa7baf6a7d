// A server that ends the session together with the answer to what was sent before.
#include <string>

#include "fixture.hpp"
#include "posing_server.hpp"
#include "postgres/driver.hpp"

namespace borealis::postgres {
namespace {

using namespace std::string_literals;

/// Lets one client log in, answers its first Parse and Describe, and is gone with a FATAL in the same segment.
void end_early(int client) {
    if (hear(client).empty()) return;
    say(client, admitted);
    if (hear(client).empty()) return;
    say(client, message('1', "") + message('t', "\0\0"s) + message('n', "") + message('Z', "I") +
                    message('E', "SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0"s));
}

class postgres_early_end : public testing::TestWithParam<protocol> {};

TEST_P(postgres_early_end, given_an_end_that_comes_with_an_answer_when_the_statement_goes_on_then_it_fails_at_once) {
    posing_server server({end_early});
    core::asio::io_context io{1};
    const auto driver = make_driver(GetParam());
    auto made = run(io, driver->connect(server.to, {"someone", core::secret_text("x")}, "d", soon()));
    ASSERT_TRUE(made) << made.error().message;
    keeper into;
    const auto began = core::clock::now();
    const auto done =
        run(io, (*made)->execute("UPDATE t SET v = 1", {}, into, sql::description::types, core::deadline::after(40s)));
    ASSERT_FALSE(done);
    // As nothing of it was sent, native sessions can say so; libpq learns of the end after it has sent.
    if (GetParam() == protocol::native) EXPECT_EQ(done.error().kind, sql::failure_kind::unreachable);
    EXPECT_NE(done.error().kind, sql::failure_kind::timeout);
    EXPECT_LT(core::clock::now() - began, 30s);
    EXPECT_FALSE((*made)->usable());
}

INSTANTIATE_TEST_SUITE_P(protocols, postgres_early_end, both_protocols, name_of_protocol);

}  // namespace
}  // namespace borealis::postgres
