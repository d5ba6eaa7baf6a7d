#include "secrets/sealer.hpp"

#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temporary_folder.hpp"

namespace borealis::secrets {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

std::string refusal_of(const fs::path& file) {
    try {
        const sealer made(file);
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
    sealer::make_key(file);
    const sealer key(file);
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
    sealer::make_key(file);
    const sealer key(file);
    EXPECT_NE(key.seal("same", "same"), key.seal("same", "same"));
    EXPECT_EQ(key.open(key.seal("", "empty"), "empty")->reveal(), "");
}

TEST_F(sealing, given_another_key_when_opened_then_nothing) {
    sealer::make_key(file);
    sealer::make_key(folder.path() / "other");
    EXPECT_FALSE(sealer(folder.path() / "other").open(sealer(file).seal("text", "c"), "c"));
}

TEST_F(sealing, given_a_key_when_made_again_then_the_first_stays_and_no_draft_is_left) {
    sealer::make_key(file);
    const std::string sealed = sealer(file).seal("text", "c");
    sealer::make_key(file);
    EXPECT_TRUE(sealer(file).open(sealed, "c"));
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
    EXPECT_EQ(fs::status(file).permissions(), fs::perms(0600));
}

TEST_F(sealing, given_a_key_file_that_cannot_be_trusted_when_read_then_the_error_says_what_to_do) {
    EXPECT_THAT(refusal_of(file), HasSubstr("cannot be opened"));
    sealer::make_key(file);
    fs::permissions(file, fs::perms(0640));
    EXPECT_THAT(refusal_of(file), HasSubstr("chmod 600 " + file.string()));
    fs::permissions(file, fs::perms(0602));
    EXPECT_THAT(refusal_of(file), HasSubstr("mode 0602"));
    fs::permissions(file, fs::perms(0600));
    std::ofstream(file) << "short";
    EXPECT_THAT(refusal_of(file), HasSubstr("must have 32 bytes, not 5"));
    fs::remove(file);
    fs::create_directory(file);
    EXPECT_THAT(refusal_of(file), HasSubstr("no plain file"));
}

TEST(stable_suffixes, given_a_name_when_asked_again_then_the_suffix_is_the_same) {
    EXPECT_EQ(stable_suffix("db"), stable_suffix("db"));
    EXPECT_NE(stable_suffix("db"), stable_suffix("db2"));
    EXPECT_EQ(stable_suffix("db").size(), 6U);
}

}  // namespace
}  // namespace borealis::secrets
