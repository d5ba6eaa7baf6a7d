#pragma once
/// Everybody who may call, over all threads.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "auth/key_ring.hpp"
#include "auth/replay.hpp"
#include "server/config.hpp"
#include "server/key_file.hpp"

namespace borealis::server {

/// The users and roles of the config and the users of the keys file. Thread-safe.
class callers {
 public:
    /// Reads the keys file. Throws std::runtime_error naming what is wrong with it, or with config and file together.
    /// @param state  Outlives this.
    callers(std::shared_ptr<const config> with, const secrets::store& state);

    /// Whether signatures are checked; it stays so while the server runs once it is.
    [[nodiscard]] bool authenticate() const { return authenticate_.load(std::memory_order_relaxed); }
    /// Grows with each change of `ring`.
    [[nodiscard]] std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
    [[nodiscard]] std::shared_ptr<const auth::key_ring> ring() const;

    /// The ring that another config makes, together with the keys file. Throws as the constructor.
    [[nodiscard]] std::shared_ptr<const auth::key_ring> prepare(const config& with);
    /// That config and what `prepare` has made of it. Who had to sign has to go on signing, also without any key left.
    void take(std::shared_ptr<const config> with, std::shared_ptr<const auth::key_ring> made);

    /// Reads the keys file again if it has changed; about once a second, by one thread. A file that cannot be read is
    /// logged, and what was known stays.
    void refresh();

    /// Roles of a template, in place of those given before; a role of the config with the same name wins. Throws
    /// std::runtime_error naming the role whose policy cannot be read.
    void set_template_roles(std::vector<auth::role> roles);

    [[nodiscard]] const auth::seal& seal() const { return seal_; }
    [[nodiscard]] auth::replay_memory& replays() { return replays_; }
    /// Developer mode's callers, all of whom are one to the limits.
    [[nodiscard]] const std::shared_ptr<auth::meter>& developers() const { return developers_; }

 private:
    void load();
    [[nodiscard]] std::shared_ptr<const auth::key_ring> make(const config& with);
    void use(std::shared_ptr<const auth::key_ring> made);

    std::shared_ptr<const config> with_;  // guarded by loading_; shared with the server
    state_seal seal_;
    key_file file_;
    key_file::stamp read_at_;
    auth::replay_memory replays_;
    std::shared_ptr<auth::meter> developers_ = std::make_shared<auth::meter>();
    std::mutex loading_;  // held while the ring is made anew: the file and the template have threads of their own
    std::vector<auth::role> template_roles_;
    mutable std::mutex lock_;  // of ring_
    std::shared_ptr<const auth::key_ring> ring_;
    std::atomic<std::uint64_t> generation_{0};
    std::atomic<bool> authenticate_{false};
};

}  // namespace borealis::server
