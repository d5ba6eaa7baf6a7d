#include "secrets/rotator.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json/document.hpp"

namespace borealis::secrets {
namespace {

using core::error_kind;
using ::testing::HasSubstr;
using ::testing::StartsWith;

core::secret_text text(std::string_view of) { return core::secret_text(std::string(of)); }

TEST(rotations, given_a_login_when_its_next_value_is_made_then_only_the_password_is_another) {
    store in({});
    const std::string value =
        R"({"username":"u \" ü","password":"old","port":5432,"more":[1.50,null,true,{"a":"b"}],"engine":"mysql"})";
    ASSERT_TRUE(in.put("db", text(value), "", store::if_exists::fail));
    const auto next = next_value(*in.look_up("db"));
    ASSERT_TRUE(next);
    EXPECT_THAT(
        next->reveal(),
        StartsWith(
            R"({"username":"u \" ü","port":5432,"more":[1.50,null,true,{"a":"b"}],"engine":"mysql","password":")"));
    json::document reader;
    const auto root = reader.parse_copy(next->reveal());
    ASSERT_TRUE(root);
    EXPECT_EQ((*root)->find("password")->text().size(), 32U);
    EXPECT_EQ((*root)->find("password")->text().find_first_of("/@\"' \\"), std::string::npos);
}

TEST(rotations, given_a_value_without_password_when_rotated_then_validation) {
    store in({});
    for (const auto* value : {"plain", "[]", R"({"username":"u"})", R"({"password":5})"}) {
        ASSERT_TRUE(in.put("db", text(value), "", store::if_exists::replace));
        EXPECT_EQ(next_value(*in.look_up("db")).error().kind, error_kind::validation) << value;
    }
    EXPECT_EQ(prepare_rotation(in, "nothing", "").error().kind, error_kind::secret_not_found);
}

TEST(rotations, given_a_rotation_when_prepared_and_finished_then_both_versions_are_there_in_between) {  // R-12.41
    store in({});
    ASSERT_TRUE(in.put("db", text(R"({"username":"u","password":"old"})"), "", store::if_exists::fail));
    const std::string token = "00000000-0000-4000-8000-000000000001";
    const auto prepared = prepare_rotation(in, "db", token);
    ASSERT_TRUE(prepared);
    EXPECT_EQ((*prepared)->with_label(pending_label)->id, token);
    EXPECT_THAT((*prepared)->with_label(current_label)->text.reveal(), HasSubstr("\"old\""));
    const auto pending = (*prepared)->with_label(pending_label)->text;

    EXPECT_TRUE(prepare_rotation(in, "db", token));  // the same request again
    const auto another = prepare_rotation(in, "db", "");
    EXPECT_EQ(another.error().kind, error_kind::invalid_state);
    EXPECT_EQ(another.error().message, "A previous rotation isn't complete. That rotation will be reattempted.");
    EXPECT_EQ(in.look_up("db")->versions.size(), 2U);

    ASSERT_TRUE(finish_rotation(in, "db"));
    const auto after = in.look_up("db");
    EXPECT_EQ(after->with_label(current_label)->text, pending);
    EXPECT_THAT(after->with_label(previous_label)->text.reveal(), HasSubstr("\"old\""));
    EXPECT_EQ(after->with_label(pending_label), nullptr);
    EXPECT_TRUE(after->about.rotates.last);
    EXPECT_TRUE(finish_rotation(in, "db"));
    EXPECT_EQ(in.look_up("db")->with_label(current_label)->text, pending);
    EXPECT_TRUE(prepare_rotation(in, "db", ""));
}

}  // namespace
}  // namespace borealis::secrets
