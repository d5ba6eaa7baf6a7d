// Proofs of a password: the vectors of the RFCs, and challenges that are none.
#include "postgres/scram.hpp"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace borealis::postgres {
namespace {

// RFC 7677, section 3
constexpr std::string_view user = "user";
constexpr std::string_view password = "pencil";
constexpr std::string_view nonce = "rOprNGfwEbeRWgbNEkqO";
constexpr std::string_view whole_nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr std::string_view salt = "W22ZaJ0SNY7soEsUEjb6gQ==";
constexpr std::string_view signature = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

TEST(postgres_scram, given_the_rfcs_exchange_when_answered_then_each_message_is_the_rfcs) {
    scram_client client(user, nonce);
    EXPECT_EQ(client.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    EXPECT_FALSE(client.proves(signature)) << "nothing was asked yet";
    const auto proof = client.answer(fmt::format("r={},s={},i=4096", whole_nonce, salt), password);
    ASSERT_TRUE(proof);
    EXPECT_EQ(*proof, fmt::format("c=biws,r={},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", whole_nonce));
    EXPECT_TRUE(client.proves(signature));
}

TEST(postgres_scram, given_a_server_that_does_not_know_the_password_when_it_ends_then_that_is_seen) {
    scram_client client(user, nonce);
    ASSERT_TRUE(client.answer(fmt::format("r={},s={},i=4096", whole_nonce, salt), "another"));
    EXPECT_FALSE(client.proves(signature));
    for (const std::string_view wrong : {"", "v=", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4", "e=other-error",
                                         "v=AAAA", "x=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="}) {
        scram_client right(user, nonce);
        ASSERT_TRUE(right.answer(fmt::format("r={},s={},i=4096", whole_nonce, salt), password));
        EXPECT_FALSE(right.proves(wrong)) << wrong;
    }
}

TEST(postgres_scram, given_challenges_that_are_none_when_read_then_nothing_is_answered) {
    const std::string cases[] = {
        "",
        "r=",
        std::string(whole_nonce),
        fmt::format("r={}", whole_nonce),
        fmt::format("r={},s={}", whole_nonce, salt),
        fmt::format("s={},r={},i=4096", salt, whole_nonce),
        fmt::format("r={},s={},i=4096", nonce, salt),  // nothing of the server's own
        fmt::format("r=x{},s={},i=4096", whole_nonce, salt),
        fmt::format("r={},s=,i=4096", whole_nonce),
        fmt::format("r={},s=W22,i=4096", whole_nonce),
        fmt::format("r={},s={},i=", whole_nonce, salt),
        fmt::format("r={},s={},i=0", whole_nonce, salt),
        fmt::format("r={},s={},i=-1", whole_nonce, salt),
        fmt::format("r={},s={},i=4096x", whole_nonce, salt),
        fmt::format("r={},s={},i=99999999999", whole_nonce, salt),
        fmt::format("m=must,r={},s={},i=4096", whole_nonce, salt),  // an extension that has to be known
    };
    for (const auto& one : cases) {
        scram_client client(user, nonce);
        EXPECT_EQ(client.answer(one, password), std::unexpected(scram_refusal::no_challenge)) << one;
        EXPECT_FALSE(client.proves(signature)) << one;
    }
    scram_client client(user, nonce);
    EXPECT_EQ(client.answer(fmt::format("r={},s={},i={}", whole_nonce, salt, most_iterations + 1), password),
              std::unexpected(scram_refusal::too_many_rounds));
    EXPECT_FALSE(client.proves(signature));
}

TEST(postgres_scram, given_a_key_longer_than_a_block_when_hashed_then_it_is_shortened_first) {
    // The same as hashlib.pbkdf2_hmac("sha256", b"x" * 100, salt, 1) makes of it.
    scram_client client(user, nonce);
    const auto proof = client.answer(fmt::format("r={},s={},i=1", whole_nonce, salt), std::string(100, 'x'));
    ASSERT_TRUE(proof);
    EXPECT_EQ(*proof, fmt::format("c=biws,r={},p=e2anzjVDavGhiLi79SRUGty263f4cwlubizu+7q+sxA=", whole_nonce));
}

// As PostgreSQL stores it: md5(password user), and salted once more.
TEST(postgres_scram, given_a_salt_when_md5_is_asked_for_then_the_proof_is_the_manuals) {
    EXPECT_EQ(md5_proof("someone", "secret", "\x01\x02\x03\x04"), "md58107c62f0bd0e203d470c84b73fa8c48");
}

}  // namespace
}  // namespace borealis::postgres
