#pragma once
/// A folder of its own for one test, gone with this object.

#include <filesystem>
#include <stdexcept>
#include <string>

#include <stdlib.h>

namespace borealis::tests {

class temporary_folder {
 public:
    temporary_folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "borealis-test-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
        path_ = pattern;
    }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;
    ~temporary_folder() {
        std::error_code ignored;  // a folder left in /tmp is no reason to fail
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
    std::filesystem::path path_;
};

}  // namespace borealis::tests
