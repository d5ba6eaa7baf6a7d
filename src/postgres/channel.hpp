#pragma once
/// The octets of a connection that is established: plain, or with libpq's TLS.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/async.hpp"
#include "core/deadline.hpp"

namespace borealis::postgres {

/// Sends and receives without waiting, and says on the event loop when it is worth trying again.
class channel {
 public:
    /// Whom it tells. Each is called from the event loop, never from inside a function of the channel, and may destroy
    /// the channel.
    class listener {
     public:
        /// The descriptor is probably ready for what was wanted.
        virtual void ready() = 0;
        /// The time given to ring_at() has come.
        virtual void rang() = 0;
        /// call_soon() was called before.
        virtual void turned() = 0;
        /// The event loop is being destroyed: none of the above will come.
        virtual void torn_down() noexcept = 0;

     protected:
        listener() = default;
        ~listener() = default;
    };

    enum class state : std::uint8_t { done, blocked, closed };

    /// @param of  Connected, non-blocking, and nobody reads or writes it but this; outlives it.
    /// @param tls  OpenSSL's `SSL` of it, or null where it is plain; outlives the channel as well.
    channel(const core::executor& home, int of, void* tls, listener& to);
    channel(const channel&) = delete;
    channel& operator=(const channel&) = delete;
    ~channel();

    /// What is to be sent; append to it, and flush.
    [[nodiscard]] std::string& outgoing() { return outgoing_; }
    /// Position in the stream to the server of the next octet appended.
    [[nodiscard]] std::uint64_t position() const { return sent_ + (outgoing_.size() - begin_); }
    /// Octets before this position have been handed to the kernel (or may have been, with TLS).
    [[nodiscard]] std::uint64_t sent() const { return sent_; }
    /// Sends as much as the socket takes. Once `closed`, all further octets are dropped: the server may have left its
    /// reasons, so read on.
    state flush();

    /// @param got  How many octets of `into` were filled; more than none when `done`.
    state receive(std::span<char> into, std::size_t& got);
    /// Octets are at hand for which the descriptor will not become readable.
    [[nodiscard]] bool holds_octets() const;
    /// Looks at the descriptor alone.
    [[nodiscard]] bool looks_quiet() const;

    /// Calls ready() once when octets have come, or more can be sent where flush() was blocked.
    void want();
    /// Calls rang() at about that time, at the latest; the last time given counts. Cheap: as a rule no timer is
    /// touched.
    void ring_at(core::deadline when);
    /// Calls turned() once, after what is ready on the event loop now.
    void call_soon();

 private:
    struct shared;

    void* tls_;  // SSL
    int descriptor_;
    std::string outgoing_;
    std::size_t begin_ = 0;  // of what is not yet sent
    std::uint64_t sent_ = 0;
    bool blocked_ = false;
    bool closed_ = false;
    std::shared_ptr<shared> shared_;  // with handlers on the event loop, which hold it weakly
};

}  // namespace borealis::postgres
