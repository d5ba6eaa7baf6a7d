#pragma once
/// The composition root: builds every room, listens, serves, and takes all down again.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "clusters/registry.hpp"
#include "secrets/store.hpp"
#include "server/config.hpp"

namespace borealis::server {

/// A server that listens. Everything it needs lives in it; several may exist side by side.
class running_server {
 public:
    /// Opens the state, declares the clusters, binds the port and begins to serve.
    /// Throws std::exception with one line that names the setting to change.
    explicit running_server(config with);
    /// Drains and stops, bounded by `limits.drain`.
    ~running_server();

    /// `http://127.0.0.1:8080`
    [[nodiscard]] std::string url() const;
    [[nodiscard]] std::uint16_t port() const;
    /// What is declared, for the lines a person reads at the start.
    [[nodiscard]] std::vector<clusters::view> clusters() const;
    [[nodiscard]] std::string secret_of(std::string_view cluster_id) const;

    /// Blocks until SIGINT, SIGTERM or `stop`; then drains.
    void run();
    /// From any thread.
    void stop();

 private:
    struct parts;
    std::unique_ptr<parts> parts_;
};

/// Opens the state of `with` and declares its clusters and secrets without serving: for the commands that list them.
struct opened_state {
    std::unique_ptr<secrets::store> secrets;
    std::unique_ptr<clusters::registry> clusters;
};

/// @param manage  Whether databases may be started (then the state folder is locked).
[[nodiscard]] opened_state open_state(config& with, bool manage);

}  // namespace borealis::server
