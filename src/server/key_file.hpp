#pragma once
/// The keys file of a state folder: users and their access keys, written by `borealis key`.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "auth/key_ring.hpp"
#include "auth/seal.hpp"
#include "secrets/store.hpp"

namespace borealis::server {

/// The state folder's encryption, as `auth` wants it.
class state_seal final : public auth::seal {
 public:
    /// `with` outlives this.
    explicit state_seal(const secrets::store& with) : with_(with) {}
    [[nodiscard]] std::string close(std::string_view text, std::string_view context) const override;
    [[nodiscard]] std::optional<core::secret_text> open(std::string_view sealed,
                                                        std::string_view context) const override;

 private:
    const secrets::store& with_;
};

/// `keys.json`, mode 0600. Whoever changes it replaces the whole file while holding a lock, so that a reader finds
/// either all of a change or nothing.
class key_file {
 public:
    /// @param with  Outlives this.
    key_file(const std::filesystem::path& state_folder, const auth::seal& with);

    /// Is there one in the folder?
    [[nodiscard]] static bool in(const std::filesystem::path& state_folder);

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    /// Nobody where there is no file. Throws std::runtime_error naming the file: when others than its owner may read or
    /// write it, or it cannot be understood.
    [[nodiscard]] std::vector<auth::user> read() const;
    /// Hands what is there to `to`, and writes what it leaves; nothing is written when `to` throws. Throws as `read`.
    void change(const std::function<void(std::vector<auth::user>&)>& to);

    /// Tells one content from another without reading it.
    struct stamp {
        std::uint64_t file = 0;
        std::int64_t nanoseconds = 0;
        std::int64_t bytes = -1;  ///< -1: there is no file.
        friend bool operator==(const stamp&, const stamp&) = default;
    };
    [[nodiscard]] stamp look() const;

 private:
    class lock;
    void write(const std::vector<auth::user>& users);

    std::filesystem::path path_;
    const auth::seal& seal_;
};

}  // namespace borealis::server
