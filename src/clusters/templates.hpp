#pragma once
/// Data folders that new clusters are copied from: made once for each program, since that takes the longest.

#include <filesystem>
#include <functional>
#include <mutex>
#include <string>

#include "clusters/engine.hpp"
#include "clusters/process.hpp"

namespace borealis::clusters {

/// In `<state>/templates/<program>-<version>/data`. Thread-safe: of several keepers that need the same one makes it,
/// and the others wait.
class template_store {
 public:
    /// Runs a command to its end; throws where it fails.
    using runner = std::function<void(const command&)>;
    /// Makes a folder with that mode for the database's user.
    using folder_maker = std::function<void(const std::filesystem::path&)>;

    explicit template_store(std::filesystem::path folder) : folder_(std::move(folder)) {}

    /// The data folder for `of`, made first where there is none that `who` can use. Throws std::runtime_error.
    [[nodiscard]] std::filesystem::path find(const flavour& kind, const installation& of, const account& who,
                                             const folder_maker& make, const runner& run);

 private:
    const std::filesystem::path folder_;
    std::mutex making_;
};

}  // namespace borealis::clusters
