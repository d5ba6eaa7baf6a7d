#pragma once
/// What a log-in leaves: a connection to PostgreSQL that is established and idle, for a session to speak on.

#include <cstdint>
#include <memory>
#include <utility>

#include "postgres/canceller.hpp"
#include "postgres/handles.hpp"
#include "postgres/protocol.hpp"

namespace borealis::postgres {

/// A socket of our own.
class socket_handle {
 public:
    socket_handle() = default;
    explicit socket_handle(int descriptor) : descriptor_(descriptor) {}
    socket_handle(socket_handle&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    socket_handle& operator=(socket_handle&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~socket_handle();

    [[nodiscard]] int get() const noexcept { return descriptor_; }

 private:
    int descriptor_ = -1;
};

struct established {
    connection_handle by_libpq = nullptr;  ///< Where libpq has opened it: owns socket and TLS.
    socket_handle by_us = {};              ///< Else; without TLS.
    int descriptor = -1;                   ///< Non-blocking.
    void* tls = nullptr;                   ///< OpenSSL's SSL.
    std::int64_t backend_id = 0;
    std::shared_ptr<const cancel_request> cancels = nullptr;
    message_reader behind = message_reader();  ///< Octets that came behind the end of the log-in.
    bool ended = false;                        ///< The server has said that the session is over.
};

}  // namespace borealis::postgres
