#include "secrets/sealer.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "support/temporary_folder.hpp"

namespace borealis::secrets {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

sealer sealer_of(const fs::path& file) { return sealer(read_key_file(file, readable_by::owner)); }

std::string refusal_of(const fs::path& file, readable_by who = readable_by::owner) {
    try {
        std::ignore = read_key_file(file, who);
    } catch (const std::runtime_error& why) {
        return why.what();
    }
    return "accepted";
}

struct sealing : ::testing::Test {
    tests::temporary_folder folder;
    fs::path file = folder.path() / "key";
};

TEST_F(sealing, given_a_sealed_text_when_anything_is_changed_then_it_does_not_open) {
    make_key_file(file);
    const sealer key = sealer_of(file);
    const std::string sealed = key.seal("hunter2", "arn 1");
    ASSERT_TRUE(key.open(sealed, "arn 1"));
    EXPECT_EQ(key.open(sealed, "arn 1")->reveal(), "hunter2");
    EXPECT_EQ(sealed.size(), 12 + 7 + 16U);
    EXPECT_EQ(sealed.find("hunter2"), std::string::npos);
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        std::string broken = sealed;
        broken[i] = static_cast<char>(broken[i] ^ 1);
        EXPECT_FALSE(key.open(broken, "arn 1")) << i;
        EXPECT_FALSE(key.open(sealed.substr(0, i), "arn 1")) << i;
    }
    EXPECT_FALSE(key.open(sealed, "arn 2"));
}

TEST_F(sealing, given_one_text_when_sealed_twice_then_nothing_repeats) {
    make_key_file(file);
    const sealer key = sealer_of(file);
    EXPECT_NE(key.seal("same", "same"), key.seal("same", "same"));
    EXPECT_EQ(key.open(key.seal("", "empty"), "empty")->reveal(), "");
}

TEST_F(sealing, given_a_mark_when_anything_is_another_then_it_is_not_ours) {
    make_key_file(file);
    const sealer key = sealer_of(file);
    const std::string mark = key.mark("this");
    EXPECT_TRUE(sealer_of(file).has_made(mark, "this"));
    EXPECT_FALSE(key.has_made(mark, "that"));
    EXPECT_FALSE(key.has_made("", "this"));
    for (std::size_t i = 0; i < mark.size(); ++i) {
        std::string broken = mark;
        broken[i] = static_cast<char>(broken[i] ^ 1);
        EXPECT_FALSE(key.has_made(broken, "this")) << i;
        EXPECT_FALSE(key.has_made(mark.substr(0, i), "this")) << i;
    }
    make_key_file(folder.path() / "other");
    EXPECT_FALSE(sealer_of(folder.path() / "other").has_made(mark, "this"));
}

TEST_F(sealing, given_another_key_when_opened_then_nothing) {
    make_key_file(file);
    make_key_file(folder.path() / "other");
    EXPECT_FALSE(sealer_of(folder.path() / "other").open(sealer_of(file).seal("text", "c"), "c"));
}

TEST_F(sealing, given_a_key_when_made_again_then_the_first_stays_and_no_draft_is_left) {
    make_key_file(file);
    const std::string sealed = sealer_of(file).seal("text", "c");
    make_key_file(file);
    EXPECT_TRUE(sealer_of(file).open(sealed, "c"));
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
    EXPECT_EQ(fs::status(file).permissions(), fs::perms(0600));
}

TEST_F(sealing, given_a_key_file_that_cannot_be_trusted_when_read_then_the_error_says_what_to_do) {
    EXPECT_THAT(refusal_of(file), HasSubstr("cannot be opened"));
    make_key_file(file);
    fs::permissions(file, fs::perms(0640));
    EXPECT_THAT(refusal_of(file), HasSubstr("chmod 600 " + file.string()));
    fs::permissions(file, fs::perms(0602));
    EXPECT_THAT(refusal_of(file), HasSubstr("mode 0602"));
    fs::permissions(file, fs::perms(0600));
    std::ofstream(file) << "short";
    EXPECT_THAT(refusal_of(file), HasSubstr("must be 32 bytes, as they are, as 64 hex digits or as base64"));
    fs::remove(file);
    fs::create_directory(file);
    EXPECT_THAT(refusal_of(file), HasSubstr("no plain file"));
}

TEST_F(sealing, given_a_credential_when_read_then_its_group_may_and_nobody_else) {
    make_key_file(file);
    fs::permissions(file, fs::perms(0440));
    EXPECT_EQ(refusal_of(file, readable_by::group), "accepted");
    EXPECT_THAT(refusal_of(file), HasSubstr("mode 0440"));
    for (const auto mode : {0444, 0460, 0441}) {
        fs::permissions(file, fs::perms(mode));
        EXPECT_THAT(refusal_of(file, readable_by::group), HasSubstr("chmod 600")) << mode;
    }
}

TEST_F(sealing, given_the_file_of_another_user_when_read_then_it_is_refused) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
    make_key_file(file);
    ASSERT_EQ(::chown(file.c_str(), 12345, 12345), 0);
    EXPECT_THAT(refusal_of(file), HasSubstr("belongs to the user 12345"));
}

TEST(sealing_keys, given_each_form_when_parsed_then_the_key_is_the_same) {
    const std::string bytes = "0123456789abcdefGHIJKLMNOPQRSTU\xff";
    const auto key = sealing_key(bytes);
    EXPECT_EQ(parse_key(bytes, "x"), key);
    EXPECT_EQ(parse_key("303132333435363738396162636465664748494A4B4c4d4e4f505152535455ff", "x"), key);
    EXPECT_EQ(parse_key("303132333435363738396162636465664748494A4B4c4d4e4f505152535455ff\r\n", "x"), key);
    EXPECT_EQ(parse_key("MDEyMzQ1Njc4OWFiY2RlZkdISUpLTE1OT1BRUlNUVf8=\n", "x"), key);
    EXPECT_FALSE(parse_key("303132333435363738396162636465664748494A4B4c4d4e4f505152535455fe", "x") == key);
    for (const std::string& wrong :
         {std::string(), std::string(31, 'a'), std::string(33, 'a'), std::string(64, 'g'), std::string(44, 'A')}) {
        try {
            std::ignore = parse_key(wrong, "the variable K");
            FAIL() << wrong;
        } catch (const std::runtime_error& why) {
            EXPECT_THAT(why.what(), HasSubstr("the variable K"));
        }
    }
}

TEST(stable_suffixes, given_a_name_when_asked_again_then_the_suffix_is_the_same) {
    EXPECT_EQ(stable_suffix("db"), stable_suffix("db"));
    EXPECT_NE(stable_suffix("db"), stable_suffix("db2"));
    EXPECT_EQ(stable_suffix("db").size(), 6U);
}

}  // namespace
}  // namespace borealis::secrets
