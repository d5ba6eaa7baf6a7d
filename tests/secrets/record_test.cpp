#include "secrets/record.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace borealis::secrets {
namespace {

using ::testing::HasSubstr;

/// `a:AWSCURRENT b:AWSPREVIOUS,x c:`
std::string shown(const record& of) {
    std::string all;
    for (const auto& each : of.versions) {
        all += (all.empty() ? "" : " ") + each.id + ':';
        for (const auto& label : each.labels) all += (all.ends_with(':') ? "" : ",") + label;
    }
    return all;
}

record three() {
    record made;
    for (const auto* id : {"c", "b", "a"}) made.versions.push_back({.id = id, .labels = {}, .created = {}, .text = {}});
    return made;
}

TEST(labels, given_versions_when_current_moves_then_the_former_is_the_previous_one) {
    auto of = three();
    give_label(of, "a", current_label);
    EXPECT_EQ(shown(of), "c: b: a:AWSCURRENT");
    give_label(of, "b", current_label);
    EXPECT_EQ(shown(of), "c: b:AWSCURRENT a:AWSPREVIOUS");
    give_label(of, "c", current_label);
    EXPECT_EQ(shown(of), "c:AWSCURRENT b:AWSPREVIOUS a:");
    EXPECT_EQ(of.about.version_id, "c");
    give_label(of, "b", current_label);  // back again
    EXPECT_EQ(shown(of), "c:AWSPREVIOUS b:AWSCURRENT a:");
    give_label(of, "b", current_label);
    EXPECT_EQ(shown(of), "c:AWSPREVIOUS b:AWSCURRENT a:");
    give_label(of, "a", "mine");
    give_label(of, "c", "mine");
    EXPECT_EQ(shown(of), "c:AWSPREVIOUS,mine b:AWSCURRENT a:");
}

struct move_case {
    std::string_view name, label, from, to, after, error;
};
constexpr move_case moves[] = {
    {"new_label", "x", "", "a", "c: b:AWSCURRENT a:AWSPREVIOUS,x", ""},
    {"current_with_its_holder", "AWSCURRENT", "b", "c", "c:AWSCURRENT b:AWSPREVIOUS a:", ""},
    {"current_without_its_holder", "AWSCURRENT", "", "c", "",
     "The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to version b"},
    {"current_from_another", "AWSCURRENT", "a", "c", "", "isn't attached to version a"},
    {"current_away", "AWSCURRENT", "b", "", "",
     "You can only move staging label AWSCURRENT to a different secret version."},
    {"previous_away", "AWSPREVIOUS", "a", "", "c: b:AWSCURRENT a:", ""},
    {"label_to_where_it_is", "AWSCURRENT", "", "b", "c: b:AWSCURRENT a:AWSPREVIOUS", ""},
    {"unknown_target", "x", "", "z", "", "for VersionId: z"},
    {"unknown_source", "x", "z", "a", "", "for VersionId: z"},
    {"nothing_to_do", "x", "", "", "", "MoveToVersionId or RemoveFromVersionId"},
    {"empty_label", "", "", "a", "", "VersionStage"},
};
struct moved : ::testing::TestWithParam<move_case> {};
INSTANTIATE_TEST_SUITE_P(cases, moved, ::testing::ValuesIn(moves),
                         [](const auto& of) { return std::string(of.param.name); });
TEST_P(moved, given_a_label_when_moved_then_it_is_there_or_the_text_says_why) {
    auto of = three();
    give_label(of, "a", current_label);
    give_label(of, "b", current_label);
    const auto before = shown(of);
    const auto done = move_label(of, GetParam().label, GetParam().from, GetParam().to);
    EXPECT_EQ(done.has_value(), GetParam().error.empty());
    if (!done) EXPECT_THAT(done.error().message, HasSubstr(GetParam().error));
    EXPECT_EQ(shown(of), done ? GetParam().after : before);
}

TEST(labels, given_a_version_with_twenty_labels_when_another_is_moved_there_then_it_is_refused) {
    auto of = three();
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(move_label(of, "label" + std::to_string(i), "", "a"));
    EXPECT_THAT(move_label(of, "one more", "", "a").error().message, HasSubstr("at most 20"));
    EXPECT_TRUE(move_label(of, "label3", "", "a"));
}

}  // namespace
}  // namespace borealis::secrets
