#include "clusters/password.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace borealis::clusters {
namespace {

// What PostgreSQL and MariaDB themselves make of the passwords; that they take what we make is in registry_test.
TEST(password, given_rfc_7677s_example_when_hashed_then_the_keys_are_its_own) {
    // RFC 7677, section 3: user "user", password "pencil", salt W22ZaJ0SNY7soEsUEjb6gQ==, 4096 iterations.
    const std::string salt = "\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81";
    EXPECT_EQ(scram_verifier(core::secret_text("pencil"), salt).reveal(),
              "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
              ":wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
}

TEST(password, given_the_same_password_when_hashed_twice_then_the_salts_differ) {
    const core::secret_text one("pencil");
    EXPECT_NE(scram_verifier(one), scram_verifier(one));
}

TEST(password, given_a_password_when_hashed_for_mariadb_then_it_is_what_PASSWORD_answers) {
    EXPECT_EQ(native_password_hash(core::secret_text("password")).reveal(),
              "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19");
}

}  // namespace
}  // namespace borealis::clusters
