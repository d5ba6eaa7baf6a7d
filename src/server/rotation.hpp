#pragma once
/// Rotation of logins: by our own hand in the databases we know, by a command elsewhere.

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>

#include "clusters/registry.hpp"
#include "core/async.hpp"
#include "secrets/rotator.hpp"
#include "server/config.hpp"
#include "server/directory.hpp"

namespace borealis::server {

/// Which way each secret goes:
///
///   a `rotate_command` of its [[secret]]   the command gets both versions on its standard input, and sets the password
///   the tag of a managed master login, the secret's `dbClusterIdentifier`, or its name, is that of a cluster
///                                          we log in and set the user's own password there
///
/// The order is that of AWS's rotation functions: the new version is stored as AWSPENDING, set in the database, tried,
/// and made AWSCURRENT. Ended in between at any moment, the next begin finds AWSPENDING and goes on: it tries the new
/// login first. In between callers get in with either, since the Data API tries AWSPENDING where AWSCURRENT is refused.
class rotations final : public secrets::rotator {
 public:
    /// All outlive this. @param home  Its coroutines run there.
    rotations(secrets::store& in, clusters::registry& known, const drivers& engines, rotate_commands commands,
              core::executor home);
    /// For rotations that begin from now on.
    void set_commands(rotate_commands commands);
    /// Ends the commands that still run.
    ~rotations() override;

    [[nodiscard]] bool can_rotate(const secrets::record& secret) const override;
    void begin(const std::string& arn) override;
    /// Begins what is due, and what was not complete when the server ended. Call about once a second.
    void tick(core::clock::time_point now);

 private:
    struct place {  // where the login is used
        clusters::view cluster;
        bool managed = false;
    };

    [[nodiscard]] std::optional<rotate_command> command_of(const secrets::record& secret) const;
    [[nodiscard]] std::optional<place> place_of(const secrets::record& secret) const;
    core::awaitable<void> rotate(std::string arn, place at);
    /// Why not; nothing: done.
    core::awaitable<std::optional<std::string>> set_password(std::string arn, place at);
    void run_command(const std::stop_token& stop, const std::string& arn, const rotate_command& how);
    void end(const std::string& arn, const std::optional<std::string>& why_not);

    secrets::store& secrets_;
    clusters::registry& clusters_;
    const drivers& drivers_;
    core::executor home_;
    core::clock::time_point next_look_ = core::clock::time_point::min();
    mutable std::mutex guard_;  // of all below
    rotate_commands commands_;
    std::set<std::string, std::less<>> running_;
    std::map<std::string, core::clock::time_point, std::less<>> failed_;  // not begun again by `tick` for a while
    std::map<std::string, std::jthread, std::less<>> threads_;            // of commands, by ARN
};

}  // namespace borealis::server
