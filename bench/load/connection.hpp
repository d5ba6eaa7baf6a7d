#pragma once
/// One kept-alive HTTP connection of the load, plain or TLS, that has at most one request under way.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <openssl/ssl.h>

namespace borealis::bench {

/// Where the server listens.
struct address {
    std::string host;  ///< IPv4 or a name.
    std::string port;
    bool tls = false;
};

/// `http://host:port` or `https://…`; a path behind it is ignored. @throws std::runtime_error for anything else.
[[nodiscard]] address parse_url(std::string_view url);

class connection {
 public:
    enum class progress : std::uint8_t { waiting, answered, ended };

    /// Connects; waits until that is done, TLS handshake included. @throws std::runtime_error
    connection(const address& to, SSL_CTX* tls);
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    ~connection();

    [[nodiscard]] int descriptor() const { return fd_; }

    /// Begins a request. `bytes` live until its answer.
    /// @param keeps_body  Is the body of the answer wanted? That of one that is no 200 always is.
    void send(std::string_view bytes, bool keeps_body);
    /// Goes on after the descriptor became ready.
    [[nodiscard]] progress go_on();
    [[nodiscard]] bool wants_to_write() const { return !unsent_.empty(); }

    [[nodiscard]] int status() const { return status_; }
    [[nodiscard]] std::string_view body() const { return body_; }
    /// The server closes after this answer.
    [[nodiscard]] bool closes() const { return closes_; }

 private:
    enum class length : std::uint8_t { known, chunked, until_close };

    void flush();
    [[nodiscard]] std::ptrdiff_t receive(char* into, std::size_t room);
    [[nodiscard]] bool take(std::string_view bytes);
    [[nodiscard]] bool take_body(std::string_view bytes);
    void read_head(std::string_view head);

    struct tls_end {
        void operator()(SSL* of) const noexcept { ::SSL_free(of); }
    };

    int fd_ = -1;
    std::unique_ptr<SSL, tls_end> tls_;
    std::string_view unsent_;
    std::string head_;
    std::string body_;
    std::size_t left_ = 0;
    length length_ = length::known;
    int status_ = 0;
    bool in_body_ = false;
    bool keeps_body_ = false;
    bool closes_ = false;
};

}  // namespace borealis::bench
