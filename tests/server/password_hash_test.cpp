#include "server/password_hash.hpp"

#include <gtest/gtest.h>

#include "core/base64.hpp"

namespace borealis::server {
namespace {

TEST(password_hashes, given_the_example_of_rfc_7677_when_hashed_then_postgresql_would_store_it_so) {
    EXPECT_EQ(scram_verifier("pencil", *core::decode_base64("W22ZaJ0SNY7soEsUEjb6gQ==")),
              "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
              "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
}

TEST(password_hashes, given_the_example_of_the_mysql_manual_when_hashed_then_it_is_the_same) {
    EXPECT_EQ(mysql_native_hash("password"), "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19");
}

}  // namespace
}  // namespace borealis::server
