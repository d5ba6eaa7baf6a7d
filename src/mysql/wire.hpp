#pragma once
/// One libmariadb handle, and the one place that waits for its descriptor.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <mysql.h>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "mysql/open.hpp"
#include "sql/failure.hpp"

namespace borealis::mysql {

/// Ends, at the database, what the wire is waiting for.
class interrupter {
 public:
    interrupter() = default;
    interrupter(const interrupter&) = delete;
    interrupter& operator=(const interrupter&) = delete;
    virtual ~interrupter() = default;

    /// @return False when it could not be done: the connection is then cut.
    virtual core::awaitable<bool> interrupt(core::deadline until) = 0;
};

/// How a call of the library's non-blocking interface is made:
///
///     int status = 0;
///     if (const int events = mysql_foo_start(&status, …)) {
///         co_await wire.finish(events, [&](int ready) { return mysql_foo_cont(&status, …, ready); });
///     }
///
/// When the deadline passes meanwhile, the interrupter is asked to end the statement, whose end is then awaited for
/// `grace`; else the connection is cut. Either way the call comes to its end, and the library says how.
class wire {
 public:
    /// Where a call stands with its deadline.
    ///
    ///     in_time ── deadline ──▶ interrupting ── grace, or no interrupter ──▶ cut
    enum class phase : std::uint8_t { in_time, interrupting, cut };

    static constexpr std::chrono::seconds grace{5};

    wire(core::executor on, handle of, interrupter* helper);
    wire(const wire&) = delete;
    wire& operator=(const wire&) = delete;
    ~wire();

    /// Begins a call that is bounded by `until`.
    void begin(core::deadline until);
    /// Ends it.
    void end();
    /// Its deadline has passed now. Nothing happens between calls.
    void expire() noexcept;

    [[nodiscard]] phase where() const { return phase_; }
    [[nodiscard]] MYSQL* native() const { return handle_.get(); }
    /// As mysql_get_socket(), which asks through three functions.
    [[nodiscard]] int socket() const { return handle_->net.pvio == nullptr ? -1 : socket_; }
    [[nodiscard]] const core::executor& executor() const { return executor_; }

    /// No byte passes any more, and nothing blocks.
    void cut();

    /// Is there something to read, or has the server hung up?
    [[nodiscard]] bool readable() const;

    /// Carries a suspended operation to its end.
    template <class Continue>
    core::awaitable<void> finish(int events, Continue next) {
        // The library must not be left suspended: what it allocated on its own stack would be lost.
        struct completion {
            wire& of;
            int& waiting;
            Continue& go_on;
            ~completion() {
                if (waiting == 0) return;
                of.cut();
                while (waiting != 0) waiting = go_on(waiting);
            }
        } const at_the_end{*this, events, next};
        while (events != 0) {
            const int ready = co_await wait(events);
            events = next(ready);
        }
    }

    /// Waits until the socket is ready, with the call's deadline in view. @param events  MYSQL_WAIT_READ or _WRITE.
    core::awaitable<int> wait(int events);

    /// The same for reading, without a coroutine of ours: where is_calm(), `heard(co_await octets())`.
    [[nodiscard]] bool is_calm() const { return !rang_ && phase_ != phase::cut; }
    [[nodiscard]] auto octets() {
        arm();
        return descriptor_.async_wait(boost::asio::posix::descriptor_base::wait_read, core::as_tuple);
    }
    /// @return False when the time is up instead: it is for wait() to see to that.
    [[nodiscard]] bool heard(std::tuple<boost::system::error_code> how) {
        if (rang_) return false;
        if (std::get<0>(how)) cut();
        return true;
    }

    /// Calls `then` once when more can be sent, or at any other time.
    template <class Then>
    void when_writable(Then then) {
        descriptor_.async_wait(boost::asio::posix::descriptor_base::wait_write,
                               [then = std::move(then)](const boost::system::error_code&) { then(); });
    }

    /// Has the server end the statement that runs, or else cuts.
    core::awaitable<void> interrupt();

    /// Lets others run, and looks at the deadline, between rows that all were there already.
    core::awaitable<void> breathe();

    /// Runs one plain statement and drops its rows. @return The library's error number, 0 when it went well.
    core::awaitable<unsigned int> command(std::string_view text);

    /// Sends two statements at once. @return The first row of the second, or nothing when either failed.
    core::awaitable<std::optional<std::vector<std::string>>> command_and_ask(std::string_view first,
                                                                             std::string_view second);

 private:
    struct alarm {
        wire* of;
        std::uint64_t round = 0;
    };

    core::awaitable<void> out_of_time();
    core::awaitable<bool> read_answer(std::vector<std::string>* first_row);
    void arm();
    void ring();

    core::executor executor_;
    handle handle_;
    const int socket_;
    interrupter* helper_;
    boost::asio::posix::basic_stream_descriptor<core::executor> descriptor_;  // borrowed: the library closes it
    core::timer timer_;
    std::shared_ptr<alarm> alarm_;  // shared with the timer's handler, which may come after us
    core::deadline until_;
    phase phase_ = phase::in_time;
    bool calling_ = false;  ///< Between begin() and end().
    bool rang_ = false;
    core::clock::time_point rings_at_ = core::clock::time_point::max();
};

}  // namespace borealis::mysql
