#pragma once
/// The composition root: builds every room, listens, serves, and takes all down again.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "clusters/registry.hpp"
#include "lambda/api.hpp"
#include "lambda/function_table.hpp"
#include "secrets/store.hpp"
#include "server/config.hpp"
#include "server/directory.hpp"
#include "server/given_sockets.hpp"
#include "server/service_manager.hpp"

namespace borealis::server {

/// What the program around a server gives it.
struct surroundings {
    outside_reader outside = {};  ///< Reads outside secrets; none: there are none.
    /// Makes the configuration anew, from where the one of the start came from. Throws std::runtime_error. None: it
    /// stays.
    std::function<config()> read_again = {};
    service_manager manager = {};  ///< Told what goes on.
    given_sockets sockets = {};    ///< Where to listen.
    /// Follow the server that runs with the same state folder, if there is one: take its listening sockets, and tell it
    /// to stop. Where it has databases or functions, wait until it has.
    bool take_over = false;
};

/// A server that listens. Everything it needs lives in it; several may exist side by side.
class running_server {
 public:
    /// Opens the state, declares the clusters, binds the port and begins to serve.
    /// Throws std::exception with one line that names the setting to change.
    explicit running_server(config with, surroundings around = {});
    /// Drains and stops, bounded by `limits.drain`.
    ~running_server();

    /// `http://127.0.0.1:8080`; over TLS `https://` and a name that the certificate is valid for, where it has one.
    [[nodiscard]] std::string url() const;
    [[nodiscard]] std::uint16_t port() const;
    /// Whether callers' signatures are checked.
    [[nodiscard]] bool authenticates() const;
    /// What is declared, for the lines a person reads at the start.
    [[nodiscard]] std::vector<clusters::view> clusters() const;
    [[nodiscard]] std::string secret_of(std::string_view cluster_id) const;
    [[nodiscard]] std::vector<lambda::function_state> functions() const;

    /// An HTTP API that is served, for the lines a person reads at the start.
    struct api_view {
        std::string name;
        lambda::api_kind kind = lambda::api_kind::http;
        std::string url;  ///< With the stage, where it is not `$default`.
        std::size_t routes = 0;
    };
    [[nodiscard]] std::vector<api_view> apis() const;

    /// Blocks until SIGINT, SIGTERM or `stop`; then drains.
    void run();
    /// From any thread.
    void stop();
    /// Reads everything again: configuration, certificates, keys file (`run` does it on SIGHUP). Running calls and open
    /// transactions go on; later calls see what is new. Where anything is wrong all stays as it was, and the log says
    /// why. Blocks; one call at a time.
    void reload();

 private:
    struct parts;
    std::unique_ptr<parts> parts_;
};

/// Whether a server could start with it, as far as that can be told without opening the state folder or a socket: the
/// certificates are read, clusters, secrets, users and roles looked at together. Throws std::runtime_error or
/// std::invalid_argument with one line that names what to change.
void check_offline(config with);

/// `given`: its descriptor, of a server that shares it until it ends. Else how long to wait for its end.
struct lock_of_former {
    int given = -1;
    std::chrono::seconds wait{0};
};

/// Opens the state of `with` and declares its clusters and secrets without serving: for the commands that list them.
struct opened_state {
    std::unique_ptr<secrets::store> secrets;
    std::unique_ptr<clusters::registry> clusters;
};

/// @param manage   Whether databases may be started (then the state folder is locked).
/// @param engines  For changing what runs; outlive the state. Null where nothing is managed.
/// @param former   How to get the folder's lock from a server that runs with it.
[[nodiscard]] opened_state open_state(config& with, bool manage, const drivers* engines = nullptr,
                                      lock_of_former former = {});

}  // namespace borealis::server
