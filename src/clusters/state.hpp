#pragma once
/// What of the clusters outlives the process: `clusters.db` in the state folder.

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clusters/description.hpp"
#include "clusters/life.hpp"
#include "core/secret_text.hpp"
#include "sqlite/database.hpp"

namespace borealis::clusters {

/// A cluster that the API has made, as it is written down.
struct stored_cluster {
    description about;
    core::secret_text verifier;     ///< Of the master password, as the database keeps it.
    bool verifier_pending = false;  ///< The database does not know it yet.
    status resting = status::creating;
};

/// Thread-safe; every function throws std::runtime_error, naming the file, where it cannot be read or written. What a
/// function has done is on disk when it returns, whole or not at all.
class state_file {
 public:
    /// Opens or makes it, and brings an older schema up to date.
    explicit state_file(const std::filesystem::path& file);

    [[nodiscard]] std::vector<stored_cluster> clusters();
    /// Writes it over what was there, its `resting` too.
    void save(const stored_cluster& what);
    /// The same without verifier and resting state, which stay.
    void save(const description& what);
    /// Another one, which the database does not know yet.
    void save_verifier(std::string_view resource_id, const core::secret_text& verifier);
    void verifier_is_applied(std::string_view resource_id);
    void forget(std::string_view resource_id);

    /// What a cluster is to begin with after the next start. `key`: resource id, or the id of one of the config.
    void rest(std::string_view key, status as);
    [[nodiscard]] std::optional<status> resting(std::string_view key);

    void save(const snapshot& what);
    [[nodiscard]] std::vector<snapshot> snapshots();
    void forget_snapshot(std::string_view id);

 private:
    void write(const description& what);

    std::mutex mutex_;
    sqlite::database file_;
};

}  // namespace borealis::clusters
