// The conversation before a session, message by message: what a server may say when, and what is made of it.
#include "postgres/start_up.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace borealis::postgres {
namespace {

using namespace std::string_literals;

using step = start_up::step;

struct said {
    char type;
    std::string body;
};

const said ok{'R', "\0\0\0\0"s};
const said cleartext{'R', "\0\0\0\3"s};
const said md5{'R', "\0\0\0\5\1\2\3\4"s};
const said scram{'R', "\0\0\0\12SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"s};
const said plus_alone{'R', "\0\0\0\12SCRAM-SHA-256-PLUS\0\0"s};
const said challenge{'R', "\0\0\0\13r=nonceserver,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1"s};
const said wrong_end{'R', "\0\0\0\14v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="s};
const said gss{'R', "\0\0\0\7"s};
const said key{'K', "\0\0\1\2\377\0\0\1"s};
const said setting{'S', "server_version\00015.6\0"s};
const said notice{'N', "SWARNING\0C01000\0Mhm\0\0"s};
const said ready{'Z', "I"s};

sql::login someone(std::string password = "secret") { return {"someone", core::secret_text(std::move(password))}; }

/// The last step of a conversation; what we say in it is appended to `ours`.
step hear(start_up& talk, const std::vector<said>& all, std::string* ours = nullptr) {
    std::string to;
    auto last = step::more;
    for (const auto& one : all) {
        EXPECT_EQ(last, step::more) << "said after the end";
        last = talk.take({.type = one.type, .body = one.body}, to);
    }
    if (ours != nullptr) *ours = to;
    return last;
}

TEST(postgres_start_up, given_a_login_when_begun_then_the_settings_of_our_sessions_travel_with_it) {
    const auto as = someone();
    std::string first;
    start_up(as, "shop", "nonce").begin(first);
    EXPECT_EQ(first.substr(4, 4), "\0\3\0\0"s);
    EXPECT_EQ(static_cast<unsigned char>(first[2]) * 256U + static_cast<unsigned char>(first[3]), first.size());
    EXPECT_NE(first.find("user\0someone\0database\0shop\0"s), std::string::npos);
    EXPECT_NE(first.find("client_encoding\0UTF8\0\0"s), std::string::npos);
    EXPECT_NE(first.find("-c TimeZone=UTC"), std::string::npos);
    EXPECT_EQ(first.find("secret"), std::string::npos);
    std::string other;
    start_up(as, "", "nonce").begin(other);
    EXPECT_NE(other.find("database\0postgres\0"s), std::string::npos);
}

TEST(postgres_start_up, given_servers_that_keep_to_the_protocol_when_heard_then_the_session_is_established) {
    const auto as = someone();
    const std::vector<said> rest = {ok, setting, notice, key, ready};
    for (const auto& asked : std::vector<std::vector<said>>{{}, {cleartext}, {notice, md5}}) {
        start_up talk(as, "", "nonce");
        auto all = asked;
        all.insert(all.end(), rest.begin(), rest.end());
        EXPECT_EQ(hear(talk, all), step::done);
        EXPECT_EQ(talk.backend(), 0x102U);
        EXPECT_EQ(talk.key(), 0xff000001U);
    }
    std::string ours;
    start_up talk(as, "", "nonce");
    EXPECT_EQ(hear(talk, {cleartext}, &ours), step::more);
    EXPECT_EQ(ours, "p\0\0\0\13secret\0"s);
    start_up other(as, "", "nonce");
    EXPECT_EQ(hear(other, {scram}, &ours), step::more);
    EXPECT_EQ(ours, "p\0\0\0\43SCRAM-SHA-256\0\0\0\0\15n,,n=,r=nonce"s);
    EXPECT_EQ(ours.find("secret"), std::string::npos);
}

TEST(postgres_start_up, given_what_only_libpq_speaks_when_asked_for_then_it_is_left_to_libpq) {
    const auto as = someone();
    for (const auto& one : {gss, plus_alone}) {
        start_up talk(as, "", "nonce");
        EXPECT_EQ(hear(talk, {one}), step::for_libpq);
    }
    const auto umlauts = someone("p\xc3\xa4ss");  // SASLprep might change it
    start_up talk(umlauts, "", "nonce");
    EXPECT_EQ(hear(talk, {scram}), step::for_libpq);
    start_up other(umlauts, "", "nonce");
    EXPECT_EQ(hear(other, {md5}), step::more) << "MD5 is of the octets";
}

TEST(postgres_start_up, given_no_password_when_one_is_asked_for_then_nothing_is_sent) {
    const auto as = someone("");
    for (const auto& one : {cleartext, md5, scram}) {
        start_up talk(as, "", "nonce");
        std::string ours;
        EXPECT_EQ(hear(talk, {one}, &ours), step::failed);
        EXPECT_EQ(talk.problem().kind, sql::failure_kind::login);
        EXPECT_EQ(talk.problem().sqlstate, "28P01");
        EXPECT_EQ(ours, "");
    }
}

TEST(postgres_start_up, given_refusals_when_heard_then_they_are_the_servers_words) {
    const auto as = someone();
    start_up talk(as, "", "nonce");
    EXPECT_EQ(hear(talk, {{'E', "SFATAL\0VFATAL\0C3D000\0Mdatabase \"d\" does not exist\0Dd\0Hh\0\0"s}}), step::failed);
    EXPECT_EQ(talk.problem().kind, sql::failure_kind::login);
    EXPECT_EQ(talk.problem().sqlstate, "3D000");
    EXPECT_EQ(talk.problem().message, "database \"d\" does not exist");
    EXPECT_EQ(talk.problem().detail, "d");
    EXPECT_EQ(talk.problem().hint, "h");
    start_up other(as, "", "nonce");
    EXPECT_EQ(hear(other, {ok, {'E', "SFATAL\0C57P03\0Mthe database system is starting up\0\0"s}}), step::failed);
    EXPECT_EQ(other.problem().kind, sql::failure_kind::unreachable);
    EXPECT_EQ(other.problem().message, "the database system is starting up");
}

TEST(postgres_start_up, given_more_rounds_than_are_computed_when_asked_for_then_the_error_says_what_to_change) {
    const auto as = someone();
    start_up talk(as, "", "nonce");
    const said endless{'R', "\0\0\0\13r=nonceserver,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1000001"s};
    EXPECT_EQ(hear(talk, {scram, endless}), step::failed);
    EXPECT_EQ(talk.problem().kind, sql::failure_kind::unreachable);
    EXPECT_NE(talk.problem().message.find("fewer scram_iterations"), std::string::npos);
}

// Whoever poses as the server must not be taken for it, and what is said out of turn is not believed.
TEST(postgres_start_up, given_what_makes_no_sense_when_heard_then_the_log_in_fails) {
    const std::vector<std::vector<said>> cases = {
        {ready},
        {key},
        {setting},
        {cleartext, ready},
        {ok, ok},
        {ok, cleartext},
        {challenge},
        {wrong_end},
        {scram, ok},  // in at once, without a proof that it knows the password
        {scram, md5},
        {scram, cleartext},  // … or the password itself, please
        {scram, scram},
        {scram, wrong_end},
        {scram, challenge, ok},
        {scram, challenge, wrong_end},
        {scram, challenge, challenge},
        {scram, {'R', "\0\0\0\13r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1"s}},
        {{'R', ""}},
        {{'R', "\0\0\0"s}},
        {{'R', "\0\0\0\5\1\2"s}},
        {{'E', "no fields"}},
        {ok, {'K', "\0\0\0\1"s}},
        {{'D', "\0\0"s}},
    };
    const auto as = someone();
    for (std::size_t i = 0; i < std::size(cases); ++i) {
        start_up talk(as, "", "nonce");
        EXPECT_EQ(hear(talk, cases[i]), step::failed) << i;
        EXPECT_EQ(talk.problem().kind, sql::failure_kind::unreachable) << i;
    }
}

}  // namespace
}  // namespace borealis::postgres
