#pragma once
/// One process of a function, and the Runtime API that it alone polls: a loopback port of its own (L-9.1), so that
/// answers of different processes, or of a process and its successor, cannot be mixed up (L-9.5).

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "core/async.hpp"
#include "lambda/process.hpp"
#include "lambda/runtime_state.hpp"

namespace borealis::lambda {

/// An event as the process gets it (L-1.3).
struct runtime_event {
    std::string request_id;
    std::int64_t deadline_ms = 0;  ///< Unix epoch.
    std::string function_arn;
    std::string trace_id, client_context, cognito_identity;  ///< Empty: no header (L-1.10).
    std::string content_type = "application/json";
    std::string body;
};

/// What a process posted.
struct runtime_answer {
    enum class kind : std::uint8_t { response, error, init_error, too_large };
    kind what = kind::response;
    std::string body = {};
    std::string content_type = {};
    std::string error_type = {};  ///< Lambda-Runtime-Function-Error-Type, or the trailer of a stream that failed.
};

/// Who is told what the process does. Called on the loop's thread, never after `detach`.
class runtime_events {
 public:
    virtual void on_ready() = 0;  ///< It asks for an event.
    virtual void on_answer(runtime_answer answer) = 0;
    virtual void on_output(std::string_view bytes) = 0;
    virtual void on_exit(int wait_status) = 0;  ///< It is gone, and all it printed has been told.

 protected:
    ~runtime_events() = default;
};

/// Shared by its owner and by its own coroutines, which end when the process has.
class runtime_process : public std::enable_shared_from_this<runtime_process> {
 public:
    using loop = core::executor;

    /// Listens on a free loopback port. Throws std::system_error where there is none.
    runtime_process(loop on, runtime_events& tells);
    runtime_process(const runtime_process&) = delete;
    runtime_process& operator=(const runtime_process&) = delete;
    ~runtime_process();

    /// `127.0.0.1:port`, for the process's environment.
    [[nodiscard]] std::string address() const;

    /// Starts the program; to be called once.
    [[nodiscard]] std::expected<void, launch_failure> start(const launch& what, const account& who);

    /// Hands an event to the process, which has asked for one. @return false: its connection is gone; it will ask
    /// again.
    [[nodiscard]] bool deliver(const runtime_event& event);

    /// Tells what has been printed so far, without waiting. @return Whether more may come.
    bool drain_output();
    /// Stops and continues the whole process group.
    void freeze();
    void thaw();
    /// Kills the process group, and closes the Runtime API. `on_exit` follows.
    void kill();
    /// Nothing is told any more.
    void detach() { tells_ = nullptr; }

    [[nodiscard]] bool runs() const { return child_.id > 0; }
    [[nodiscard]] unsigned peak_memory_mb() const { return runs() ? lambda::peak_memory_mb(child_.id) : 0; }

 private:
    using tcp_socket = core::asio::basic_stream_socket<core::asio::ip::tcp, core::executor>;
    using tcp_acceptor = core::asio::basic_socket_acceptor<core::asio::ip::tcp, core::executor>;
    using descriptor = core::asio::posix::basic_stream_descriptor<core::executor>;
    struct waiting;
    struct reply;

    static core::awaitable<void> accept(std::shared_ptr<runtime_process> self);
    static core::awaitable<void> serve(std::shared_ptr<runtime_process> self, std::shared_ptr<tcp_socket> socket);
    static core::awaitable<void> read_output(std::shared_ptr<runtime_process> self);
    static core::awaitable<void> wait_for_end(std::shared_ptr<runtime_process> self);
    void close_api();

    loop loop_;
    runtime_events* tells_;
    tcp_acceptor acceptor_;
    std::string address_;
    descriptor output_;
    descriptor handle_;
    started_process child_;
    runtime_state state_;
    std::shared_ptr<waiting> asks_;  // the connection that waits for an event; shared with the coroutine that serves it
    std::vector<std::weak_ptr<tcp_socket>> clients_;
};

}  // namespace borealis::lambda
