/// Runs a fuzz target over files and folders of inputs, without libFuzzer: the regression test of every ordinary build.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

void run(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    // A copy of its exact size, so that a sanitizer sees the first byte read beyond it.
    const std::vector<std::uint8_t> bytes(text.begin(), text.end());
    std::printf("%s\n", file.c_str());
    std::fflush(stdout);  // the name of the one that ends the program
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

}  // namespace

int main(int count, char** arguments) {
    std::size_t done = 0;
    for (int i = 1; i < count; ++i) {
        const fs::path given = arguments[i];
        if (!fs::is_directory(given)) {
            run(given);
            ++done;
            continue;
        }
        for (const auto& entry : fs::recursive_directory_iterator(given)) {
            if (!entry.is_regular_file()) continue;
            run(entry.path());
            ++done;
        }
    }
    std::printf("%zu passed, %d failed\n", done, done == 0 ? 1 : 0);
    return done == 0 ? 1 : 0;
}
