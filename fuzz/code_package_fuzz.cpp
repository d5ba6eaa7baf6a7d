/// Any bytes as a deployment package: unpacked, or refused with words and without a trace; and nothing is written
/// beside the folder, nor does a link in it lead outside.

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include <unistd.h>

#include "lambda/code_package.hpp"

namespace {

namespace fs = std::filesystem;

void demand(bool holds) {
    if (!holds) std::abort();
}

/// Made once, and removed at the end.
class work_folder {
 public:
    work_folder() : path_(fs::temp_directory_path() / ("borealis-fuzz-" + std::to_string(::getpid()))) {
        fs::create_directories(path_);
    }
    work_folder(const work_folder&) = delete;
    work_folder& operator=(const work_folder&) = delete;
    ~work_folder() {
        std::error_code ignored;  // it is a temporary one
        fs::remove_all(path_, ignored);
    }
    [[nodiscard]] const fs::path& path() const { return path_; }

 private:
    fs::path path_;
};

bool lies_in(const fs::path& inner, const fs::path& outer) {
    const auto relative = inner.lexically_normal().lexically_relative(outer);
    return !relative.empty() && *relative.begin() != "..";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const work_folder work;
    const auto into = work.path() / "code";
    const auto done = borealis::lambda::unpack({reinterpret_cast<const char*>(data), size}, into);
    if (!done) {
        demand(!done.error().message.empty());
        demand(fs::is_empty(work.path()));
        return 0;
    }
    for (const auto& entry : fs::directory_iterator(work.path())) demand(entry.path() == into);
    for (const auto& entry : fs::recursive_directory_iterator(into)) {
        if (!entry.is_symlink()) continue;
        const auto target = fs::read_symlink(entry.path());
        demand(target.is_relative() && lies_in(entry.path().parent_path() / target, into));
    }
    fs::remove_all(into);
    return 0;
}
