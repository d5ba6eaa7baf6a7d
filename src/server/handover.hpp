#pragma once
/// One server follows another without a connection lost: the former hands over its listening sockets.

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "clusters/process.hpp"

namespace borealis::server {

/// What the former server gives.
struct handed_over {
    std::vector<std::pair<std::string, int>> sockets;  ///< Listening ones, by what they are for; the former's own.
    /// The state folder's lock, to be held by both while the former ends; -1: it lets go of the folder when it has
    /// ended, for it runs databases or functions.
    int lock = -1;
};

/// The former server's end: a Unix socket of its own user.
///
///     new: connects            former: sends name and number of the sockets, and the sockets themselves (SCM_RIGHTS)
///     new: `go`                former: stops, as after SIGTERM
///     new: closes without it   former: serves on
class handover_door {
 public:
    /// Makes the socket, in place of a stale one. Throws std::runtime_error.
    /// @param offered  Asked for each that connects, on a thread of its own.
    /// @param given_up  The other has gone without a word.
    /// @param taken  It goes on with the sockets now. Called once, on that thread.
    handover_door(std::filesystem::path socket, std::function<handed_over()> offered, std::function<void()> given_up,
                  std::function<void()> taken);
    handover_door(const handover_door&) = delete;
    handover_door& operator=(const handover_door&) = delete;
    /// Removes the socket, unless it is another's by now.
    ~handover_door();

 private:
    void run(const std::stop_token& stop);
    /// @return Whether it goes on with them.
    [[nodiscard]] bool serve(int client, const std::stop_token& stop) const;

    std::filesystem::path path_;
    std::function<handed_over()> offered_;
    std::function<void()> given_up_;
    std::function<void()> taken_;
    clusters::descriptor listens_;
    std::jthread thread_;
};

/// The new server's end.
class predecessor {
 public:
    /// Asks the server that listens at that socket. Nothing where there is none. Throws std::runtime_error where it
    /// does not answer.
    [[nodiscard]] static std::optional<predecessor> find(const std::filesystem::path& socket);

    /// By what they are for.
    std::vector<std::pair<std::string, clusters::descriptor>> sockets;
    clusters::descriptor lock;  ///< None: the state folder is free once the former has ended.

    /// Tells it to stop. Without, it serves on when this is destroyed.
    void go();

 private:
    clusters::descriptor connection_;
};

}  // namespace borealis::server
