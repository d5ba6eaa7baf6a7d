// Logging in without libpq and with it: the same at a real server, whatever proof it wants; and servers that only pose
// as one.
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "fixture.hpp"
#include "posing_server.hpp"
#include "postgres/driver.hpp"

namespace borealis::postgres {
namespace {

using namespace std::string_literals;
using sql::failure_kind;

// ---- a real server

/// Asks each role of the test for its own proof, until it is destroyed.
class asked_proofs {
 public:
    asked_proofs(std::string file, const std::string& lines, std::function<void()> reload)
        : file_(std::move(file)), reload_(std::move(reload)) {
        std::ifstream in(file_);
        before_.assign(std::istreambuf_iterator<char>(in), {});
        std::ofstream(file_) << lines << before_;
        reload_();
    }
    ~asked_proofs() {
        std::ofstream(file_) << before_;
        reload_();
    }
    asked_proofs(const asked_proofs&) = delete;
    asked_proofs& operator=(const asked_proofs&) = delete;

 private:
    std::string file_;
    std::string before_;
    std::function<void()> reload_;
};

class postgres_log_in : public postgres_fixture {};

TEST_P(postgres_log_in, given_each_proof_that_a_server_may_want_when_given_then_the_session_is_the_roles) {
    const std::string soft = "I\u00adX \u00e4";  // SASLprep takes the soft hyphen out
    std::string lines;
    for (const std::string_view method : {"trust", "password", "md5", "scram-sha-256"}) {
        for (const std::string_view where : {"local", "host"}) {
            lines += fmt::format("{} all \"{}_{}\" {} {}\n", where, method, database,
                                 where == "host" ? "127.0.0.1/32" : "", method);
        }
        must(fmt::format("SET password_encryption = '{}'", method == "md5" ? "md5" : "scram-sha-256"));
        must(fmt::format("CREATE ROLE \"{}_{}\" LOGIN PASSWORD 'right ''one'''", method, database));
    }
    must(fmt::format("CREATE ROLE \"soft_{}\" LOGIN PASSWORD '{}'", database, soft));
    {
        const asked_proofs asked(cell("SHOW hba_file"), lines, [this] { must("SELECT pg_reload_conf()"); });
        const auto& server = tests::postgresql();
        const sql::login trusted{"trust_" + database, core::secret_text("wrong")};
        for (int looks = 0; looks < 200 && !try_open(server.endpoint, trusted, database); ++looks) {
            std::this_thread::sleep_for(50ms);  // the postmaster reads the file when it gets round to it
        }
        for (const auto& to : {server.endpoint, server.socket}) {
            for (const std::string_view method : {"trust", "password", "md5", "scram-sha-256"}) {
                const auto role = fmt::format("{}_{}", method, database);
                const auto in = try_open(to, {role, core::secret_text("right 'one'")}, database);
                ASSERT_TRUE(in) << method << ": " << in.error().message;
                EXPECT_EQ(cell("SELECT current_user", {}, in->get()), role);
                EXPECT_EQ(cell("SELECT pg_backend_pid()::text", {}, in->get()), fmt::to_string((*in)->backend_id()));
                for (const std::string wrong : {"right", ""}) {
                    const auto out = try_open(to, {role, core::secret_text(wrong)}, database);
                    EXPECT_EQ(out.has_value(), method == "trust") << method;
                    if (out) continue;
                    EXPECT_EQ(out.error().kind, failure_kind::login);
                    EXPECT_EQ(out.error().sqlstate, "28P01");
                    EXPECT_EQ(out.error().message, fmt::format("password authentication failed for user \"{}\"", role));
                }
            }
            for (const auto& password : {soft, "IX \u00e4"s}) {
                const auto in = try_open(to, {"soft_" + database, core::secret_text(password)}, database);
                EXPECT_TRUE(in) << in.error().message;
            }
            EXPECT_FALSE(try_open(to, {"soft_" + database, core::secret_text("IX")}, database));
        }
    }
    for (const std::string_view role : {"trust", "password", "md5", "scram-sha-256", "soft"}) {
        must(fmt::format("DROP ROLE \"{}_{}\"", role, database));
    }
}

TEST_P(postgres_log_in, given_a_unix_socket_when_a_statement_is_late_then_it_is_cancelled_and_the_session_goes_on) {
    const auto& server = tests::postgresql();
    const auto in = try_open(server.socket, server.login(), database);
    ASSERT_TRUE(in) << in.error().message;
    keeper into;
    const auto out =
        execute("SELECT pg_sleep(20)", {}, into, sql::description::types, core::deadline::after(50ms), in->get());
    EXPECT_EQ(out.error().kind, failure_kind::timeout);
    EXPECT_TRUE((*in)->usable());
    EXPECT_EQ(cell("SELECT 1", {}, in->get()), "1");
}

TEST_P(postgres_log_in, given_a_session_that_is_let_go_when_it_ends_then_the_server_is_told) {
    auto in = open();
    const auto backend = in->backend_id();
    in.reset();
    for (int looks = 0; looks < 100; ++looks) {
        if (cell(fmt::format("SELECT count(*) FROM pg_stat_activity WHERE pid = {}", backend)) == "0") return;
        std::this_thread::sleep_for(20ms);
    }
    FAIL() << "its backend is still there";
}

INSTANTIATE_TEST_SUITE_P(over, postgres_log_in, both_protocols, name_of_protocol);

// ---- servers that only pose as one

std::function<void(int)> answers(std::string what) {
    return [what = std::move(what)](int client) {
        hear(client);
        say(client, what);
        hear(client);
    };
}

std::function<void(int)> answers_and_goes(std::string what) {
    return [what = std::move(what)](int client) {
        hear(client);
        say(client, what);
    };
}

class postgres_posing : public testing::TestWithParam<protocol> {
 protected:
    sql::result<std::unique_ptr<sql::connection>> log_in(const sql::endpoint& to,
                                                         core::deadline until = core::deadline::after(10s)) {
        return run(io, driver->connect(to, {"someone", core::secret_text("secret")}, "d", until));
    }

    core::asio::io_context io{1};
    std::unique_ptr<sql::driver> driver = make_driver(GetParam());
};

TEST_P(postgres_posing, given_answers_that_make_no_sense_when_logging_in_then_it_is_unreachable_at_once) {
    const std::string long_error = "E\x3f\xff\xff\xff";
    const std::pair<std::string_view, std::function<void(int)>> cases[] = {
        {"closes at once", [](int) {}},
        {"closes without an answer", [](int client) { hear(client); }},
        {"closes in the middle", answers_and_goes(admitted.substr(0, 5))},
        {"could not fork, as told before PostgreSQL 7.4", answers("Ecould not fork new process\n\0"s)},
        {"speaks HTTP", answers("HTTP/1.1 400 Bad Request\r\n\r\n")},
        {"an endless message", answers("R\x7f\xff\xff\xff")},
        // libpq reads on, as far as it goes.
        {"an error of a gigabyte", GetParam() == protocol::native ? answers(long_error) : answers_and_goes(long_error)},
        {"rows", answers(message('D', "\0\0"s))},
    };
    for (const auto& [name, what] : cases) {
        // libpq asks again where the first one could not be forked.
        posing_server server({what, what});
        const auto began = core::clock::now();
        const auto made = log_in(server.to);
        ASSERT_FALSE(made) << name;
        EXPECT_EQ(made.error().kind, failure_kind::unreachable) << name;
        EXPECT_EQ(made.error().sqlstate, "") << name;
        EXPECT_EQ(made.error().message.find("127.0.0.1"), std::string::npos) << name;
        EXPECT_LT(core::clock::now() - began, 8s) << name;
    }
}

TEST_P(postgres_posing, given_a_server_that_is_starting_when_logging_in_then_it_is_unreachable_in_its_words) {
    const auto starting = message('E', "SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"s);
    posing_server server({answers(starting)});
    const auto made = log_in(server.to);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind, failure_kind::unreachable);
    EXPECT_EQ(made.error().sqlstate, "57P03");
    EXPECT_EQ(made.error().message, "the database system is starting up");
}

TEST_P(postgres_posing, given_a_server_that_falls_silent_at_any_octet_when_logging_in_then_the_deadline_ends_it) {
    for (const std::size_t octets : {0UL, 1UL, 9UL, admitted.size() - 1}) {
        posing_server server({[octets](int client) {
            hear(client);
            say(client, admitted.substr(0, octets));
            hear(client);  // until the client is gone
        }});
        const auto made = log_in(server.to, core::deadline::after(100ms));
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().kind, failure_kind::unreachable);
        EXPECT_EQ(made.error().message, "The database did not answer in time.");
    }
}

TEST_P(postgres_posing, given_an_octet_at_a_time_when_logging_in_then_the_session_is_established) {
    posing_server server({[](int client) {
        hear(client);
        for (const char octet : admitted) {
            say(client, {&octet, 1});
            std::this_thread::sleep_for(1ms);
        }
        hear(client);
    }});
    const auto made = log_in(server.to);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ((*made)->backend_id(), 7);
    EXPECT_TRUE((*made)->usable());
}

TEST_P(postgres_posing, given_an_end_that_comes_with_the_log_in_when_established_then_the_session_is_of_no_use) {
    posing_server server({answers(admitted + message('E', "SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0"s))});
    const auto made = log_in(server.to);
    if (GetParam() == protocol::libpq) return;  // which keeps it to itself until the first statement
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_TRUE((*made)->seems_dead());
    EXPECT_FALSE((*made)->usable());
}

TEST_P(postgres_posing, given_a_server_without_tls_when_it_is_preferred_then_the_session_goes_on_in_plain) {
    std::string question;
    posing_server server({[&question](int client) {
        question = hear(client);
        say(client, "N");
        hear(client);
        say(client, admitted);
        hear(client);
    }});
    server.to.tls = sql::tls_mode::prefer;
    const auto made = log_in(server.to);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(question, "\0\0\0\x08\x04\xd2\x16\x2f"s);
    EXPECT_TRUE((*made)->usable());
}

TEST_P(postgres_posing, given_a_late_statement_when_it_is_cancelled_then_the_request_has_the_sessions_key) {
    std::promise<std::string> request;
    posing_server server({[](int client) {
                              hear(client);
                              say(client, admitted);
                              hear(client);  // Parse, Describe
                              std::this_thread::sleep_for(300ms);
                          },
                          [&request](int client) { request.set_value(hear(client)); }});
    // One client at a time: the request waits in the backlog until the session has given up.
    auto made = log_in(server.to);
    ASSERT_TRUE(made) << made.error().message;
    keeper into;
    const auto out =
        run(io, (*made)->execute("SELECT 1", {}, into, sql::description::types, core::deadline::after(50ms)));
    ASSERT_FALSE(out);
    made->reset();
    driver.reset();  // joins the thread that sends it
    auto heard = request.get_future();
    ASSERT_EQ(heard.wait_for(5s), std::future_status::ready);
    EXPECT_EQ(heard.get(), "\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\7\0\0\0\11"s);
}

INSTANTIATE_TEST_SUITE_P(over, postgres_posing, both_protocols, name_of_protocol);

}  // namespace
}  // namespace borealis::postgres
