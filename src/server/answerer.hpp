#pragma once
/// What answers the requests of a listener.

#include <string>

#include "core/async.hpp"
#include "core/listener.hpp"
#include "http/request.hpp"
#include "server/reply.hpp"

namespace borealis::server {

/// Who is at the other end of a client connection.
struct peer {
    std::string address = {};  ///< Without the port.
    bool secure = false;       ///< It speaks TLS.
    const core::listener* listens =
        nullptr;  ///< Whether it still does; lives as long as the connection. Null: it does.
};

/// One a thread and listener.
class answerer {
 public:
    answerer() = default;
    answerer(const answerer&) = delete;
    answerer& operator=(const answerer&) = delete;
    virtual ~answerer() = default;

    virtual core::awaitable<reply> route(const http::request& asked, const peer& from) = 0;

    /// The answer to bytes that are no request, or one over a limit; the connection ends with it.
    [[nodiscard]] virtual reply answer_unreadable(const http::refusal& why, const peer& from) const = 0;

    /// The answer to a request that ended in an exception.
    [[nodiscard]] virtual reply answer_failed() const = 0;
};

}  // namespace borealis::server
