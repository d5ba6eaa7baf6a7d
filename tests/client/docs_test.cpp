#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

namespace borealis::client {
namespace {

std::string read(const std::filesystem::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(docs_client, given_the_page_when_compared_then_it_shows_the_program_that_is_built) {
    const std::filesystem::path root = BOREALIS_ROOT;
    const auto program = read(root / "examples/client/quick_start.cpp");
    ASSERT_FALSE(program.empty());
    EXPECT_TRUE(read(root / "docs/client.md").contains("```cpp\n" + program + "```\n"))
        << "copy examples/client/quick_start.cpp into docs/client.md again";
}

}  // namespace
}  // namespace borealis::client
