#pragma once
/// HTTP/1.1 requests out of bytes. No socket, no clock.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/ascii.hpp"
#include "core/header.hpp"

namespace borealis::http {

using core::header;

/// A header behind a chunked body, copied: framing bytes are given up as they are read.
struct trailer {
    std::string name, value;
};

using core::iequals;

/// Paths that begin like this take bodies of so many bytes, where that is more than `body_bytes`.
struct larger_body {
    std::string_view prefix;
    std::size_t bytes = 0;
};

/// What a message may be at most; each limit has an answer of its own.
struct request_limits {
    std::size_t target_bytes = 8 * 1024;              ///< else 414
    std::size_t header_bytes = 32 * 1024;             ///< request line and all headers together; else 431
    std::size_t header_count = 100;                   ///< else 431
    std::size_t body_bytes = 4 * 1024 * 1024;         ///< R-3.1; else 413
    std::span<const larger_body> larger_bodies = {};  ///< Paths that have a limit of their own.
    bool keep_trailers = false;                       ///< Whether `request::trailers` has what follows a chunked body.
};

/// One whole request. All views point into the reader's buffer and live until `request_reader::consume`.
struct request {
    std::string_view method;
    std::string_view target;  ///< As sent.
    std::string_view path;    ///< Target up to `?`, still percent-encoded.
    std::string_view query;   ///< Behind `?`, without it.
    std::span<const header> headers;
    std::string_view body;                   ///< De-chunked; at least 64 readable bytes follow it.
    std::span<const trailer> trailers = {};  ///< Empty unless `request_limits::keep_trailers`.
    bool keep_alive = true;                  ///< What the client asked for (HTTP/1.0: false unless keep-alive).

    /// First header of that name, compared without case; empty when there is none.
    [[nodiscard]] std::string_view find(std::string_view name) const;
};

/// Why a connection must be answered with `status` and closed.
struct refusal {
    int status = 400;
    std::string_view reason;  ///< A static text.
};

/// Cuts a stream of bytes into requests, the same way however the bytes arrive.
///
///   while open: read into prepare(), commit(n); then call next() until it says need_more
///     need_more        → read more
///     expects_continue → send "HTTP/1.1 100 Continue\r\n\r\n" once, then read on (only said while the body is not here
///     yet) request          → handle message(), then consume(), then next() again (pipelining) failed           →
///     answer reason(), close
///
/// Refuses what lets two servers read one stream differently (RFC 9112, sections 5, 6, 11.2): more or less than one
/// Host (HTTP/1.1), Content-Length twice or beside Transfer-Encoding, any transfer coding but a single `chunked`,
/// chunked on HTTP/1.0, folded headers, blanks before the colon, bare CR or LF, control characters in values, an HTTP
/// version other than 1.0 and 1.1 (505), an Expect other than 100-continue (417). Trailers are dropped unless asked
/// for, and never become headers.
class request_reader {
 public:
    explicit request_reader(request_limits limits = {});
    request_reader(request_reader&&) noexcept;
    request_reader& operator=(request_reader&&) noexcept;
    ~request_reader();

    enum class progress { need_more, expects_continue, request, failed };

    /// Room for at least 4 KiB of new bytes (more when a body's length is known). Not while a message waits for
    /// `consume`.
    [[nodiscard]] std::span<char> prepare();
    void commit(std::size_t bytes);
    [[nodiscard]] progress next();
    [[nodiscard]] const request& message() const;
    [[nodiscard]] const refusal& reason() const;
    void consume();

    /// No byte of a further request has arrived: the connection is between requests.
    [[nodiscard]] bool idle() const;
    /// Gives the buffer back until the next `prepare`. Only while `idle`.
    void rest();
    /// The request line and headers are complete, the body is not (for choosing the time-out).
    [[nodiscard]] bool in_body() const;

 private:
    struct parts;
    std::unique_ptr<parts> parts_;
};

}  // namespace borealis::http
