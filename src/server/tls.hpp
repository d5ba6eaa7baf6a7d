#pragma once
/// The certificate that clients see, and who of them must show one: read from files, read anew when these change.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

struct ssl_st;
struct ssl_ctx_st;

namespace borealis::server {

/// Whether clients show a certificate of their own.
enum class client_certificates : std::uint8_t { none, optional, required };

enum class tls_version : std::uint8_t { tls_1_2, tls_1_3 };

struct tls_settings {
    std::filesystem::path certificate;  ///< PEM: the server's, then those up to the authority. Empty: no TLS.
    std::filesystem::path key;          ///< PEM, not encrypted.
    std::filesystem::path client_ca;    ///< PEM: the authorities of clients; needed unless `clients` is none.
    client_certificates clients = client_certificates::none;
    tls_version minimum = tls_version::tls_1_2;

    [[nodiscard]] bool on() const { return !certificate.empty(); }
    friend bool operator==(const tls_settings&, const tls_settings&) = default;
};

/// What a file looked like.
struct file_stamp {
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    std::int64_t size = 0;
    std::uint64_t inode = 0;
    friend bool operator==(const file_stamp&, const file_stamp&) = default;
};

/// The present certificate. Thread-safe. A connection keeps the one that it began with.
///
/// TLS 1.2 and 1.3 with forward secrecy and authenticated encryption only. Sessions are resumed by tickets that all
/// threads understand; the keys of tickets live for twelve hours at most. The only protocol offered is http/1.1 (ALPN).
class certificates {
 public:
    /// Throws std::runtime_error that names the file and what is wrong with it.
    explicit certificates(tls_settings with);
    ~certificates();

    /// The state of a new connection on the server's side; the caller owns it.
    [[nodiscard]] ssl_st* open() const;

    /// What another configuration makes.
    class next {
     private:
        friend class certificates;
        tls_settings with;
        std::shared_ptr<ssl_ctx_st> context;
        std::vector<file_stamp> seen;
    };
    /// Reads its files without using them yet. Throws as the constructor.
    [[nodiscard]] next prepare(tls_settings with) const;
    void take(next what);
    /// Reads them when one has changed since, or the keys of tickets are old. Call now and then.
    void follow_files();

    /// A name that the certificate is valid for: `address` itself where it is, `localhost` for a loopback address, else
    /// its first name; `address` where there is none.
    [[nodiscard]] std::string name_for(const std::string& address, bool loopback) const;

    /// Whether clients show a certificate.
    [[nodiscard]] client_certificates clients() const;

 private:
    using context = std::shared_ptr<ssl_ctx_st>;  // shared by the connections that began with it

    [[nodiscard]] context make(const tls_settings& with, bool tickets_of_before) const;
    void use(tls_settings with, context made);
    [[nodiscard]] tls_settings given() const;

    mutable std::mutex guard_;  // of the next two
    tls_settings with_;
    context now_;
    std::mutex reloading_;  // of all below
    std::vector<file_stamp> seen_;
    std::int64_t tickets_made_ = 0;  // seconds of the steady clock
};

/// RFC 2253 text of the subject of the certificate that the other side has shown; empty: none.
[[nodiscard]] std::string peer_subject(const ssl_st* connection);

/// What OpenSSL's error queue says last, without file and line; the queue is empty then.
[[nodiscard]] std::string last_tls_error();

}  // namespace borealis::server
