#pragma once
/// HTTP calls over kept connections. The one place that knows libcurl.

#include <chrono>
#include <cstddef>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace borealis::client {

struct http_call {
    std::string_view method = "POST";
    std::string url = {};
    std::vector<std::pair<std::string, std::string>> headers = {};
    std::string_view body = {};
    std::chrono::milliseconds connect_timeout{5'000};
    std::chrono::milliseconds timeout{60'000};
    bool without_proxy = false;  ///< Else HTTP_PROXY, HTTPS_PROXY and NO_PROXY as libcurl reads them.
};

struct http_answer {
    int status = 0;
    std::vector<std::pair<std::string, std::string>> headers = {};  ///< Names in lower case.
    std::string body = {};

    /// First of that lower-case name; empty when there is none.
    [[nodiscard]] std::string_view find(std::string_view name) const;
};

struct http_failure {
    bool sent = false;  ///< Bytes of the request may have reached the server.
    bool timed_out = false;
    bool certificate = false;  ///< TLS refused the server, or our CA file.
    std::string message = {};
};

/// A small pool of connections; any thread may send. HTTP/1.1 only, no redirects, no `Expect`, and never a request
/// twice: where a kept connection turns out to be dead after the body was sent, that is a failure with `sent`.
class transport {
 public:
    /// @param ca_file  Empty: libcurl's own.
    explicit transport(std::string ca_file, std::size_t idle_connections);
    transport(const transport&) = delete;
    transport& operator=(const transport&) = delete;
    ~transport();

    [[nodiscard]] std::expected<http_answer, http_failure> send(const http_call& call);

 private:
    struct handle_deleter {
        void operator()(void* easy) const;
    };
    using handle = std::unique_ptr<void, handle_deleter>;

    handle take();
    void give_back(handle easy);

    std::string ca_file_;
    std::size_t idle_limit_;
    std::mutex mutex_;
    std::vector<handle> idle_;  // the last one used is the first one taken: its connection is the freshest
};

}  // namespace borealis::client
