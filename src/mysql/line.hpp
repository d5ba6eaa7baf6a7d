#pragma once
/// The commands of ours that are under way at one session, and who waits for their answers.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "mysql/answers.hpp"
#include "mysql/wire.hpp"
#include "sql/connection.hpp"

namespace borealis::mysql {

/// Commands are answered in the order in which they joined the line. One of those who wait, whose answer comes next,
/// *leads*: it reads, hands out what has come, and has the server end its own statement when its deadline passes; then
/// it hands over to the next. Nobody may use the library meanwhile, which reads from the same socket. Plain sockets
/// only: of TLS the library alone has the keys.
class line {
 public:
    /// Who waits for an answer. Lives in the coroutine that waits.
    class turn final : public sql::abandonable {
     public:
        /// One that runs alone: its deadline is that of the call on the wire.
        turn(line& in, answer& to) : in_(&in), to_(to) {}
        /// One beside others.
        turn(line& in, answer& to, core::deadline until) : in_(&in), to_(to), until_(until), guest_(true) {}
        turn(const turn&) = delete;
        turn& operator=(const turn&) = delete;
        /// Where the answer has not come, the coroutine was destroyed while it waited, and the session is over.
        ~turn();

        /// It ends as if its deadline had passed, once it is the first in the line.
        void abandon() noexcept override;

        [[nodiscard]] bool cut_off() const { return cut_off_; }  ///< The session ended before the answer was whole.
        [[nodiscard]] bool begun() const { return begun_; }      ///< And it may have taken effect.
        [[nodiscard]] bool late() const { return late_; }        ///< It took longer than it may.
        /// The server ended another one's statement, and may have hit this.
        [[nodiscard]] bool exposed() const { return exposed_; }
        void check() const {
            if (thrown_) std::rethrow_exception(thrown_);
        }

     private:
        friend class line;
        line* in_;  ///< Null once it is out of the line.
        answer& to_;
        core::deadline until_;
        std::exception_ptr thrown_;
        bool guest_ = false;
        bool done_ = false;
        bool cut_off_ = false;
        bool begun_ = false;
        bool late_ = false;
        bool exposed_ = false;
        bool abandoned_ = false;
    };

    explicit line(wire& through) : wire_(through), state_(std::make_shared<state>(state{.of = this})) {}
    line(const line&) = delete;
    line& operator=(const line&) = delete;
    ~line();

    /// What is to be sent: append commands, and join at once, before anybody else appends.
    [[nodiscard]] std::string& outgoing() { return outgoing_; }
    /// What was appended since the last one joined is answered by this.
    void join(turn& who);
    /// Until it has been answered, or the session is over.
    [[nodiscard]] core::awaitable<void> wait(turn& who);

    /// What has been appended and nobody waits for is not sent.
    void forget_unsent() { outgoing_.clear(); }

    [[nodiscard]] bool empty() const { return places_.empty(); }
    [[nodiscard]] bool over() const { return over_; }
    /// SHOW WARNINGS may have something to tell of what was answered since it was said to be gone.
    [[nodiscard]] bool has_warned() const { return warned_; }
    void forget_warnings() { warned_ = false; }
    /// Calls beside each other are under way.
    [[nodiscard]] bool led_by_guest() const { return leader_ != nullptr && leader_->guest_; }

    /// Before a KILL QUERY is sent for the statement of the first in the line: it may hit any other beside it.
    void expose();
    /// It has been sent: what joins the line now, of its own, is hit by it if nothing before was.
    /// @return False where that is up to the one that runs alone.
    bool settle();

 private:
    /// Resumes a coroutine.
    using waiter = core::asio::async_result<core::asio::use_awaitable_t<core::executor>, void()>::handler_type;

    struct place {
        turn* who;  ///< Null: the line's own.
        answer* to;
        std::uint64_t from;  ///< Position in the stream to the server.
        bool held;           ///< Its answer waits until it is whole.
        std::optional<waiter> wakes = std::nullopt;
    };
    /// Shared with handlers on the event loop, which may come after us.
    struct state {
        line* of;
    };

    void read();
    void take(std::string_view bytes);
    [[nodiscard]] bool hold_back(place& head, std::string_view bytes);
    void answered();
    void end(bool ended_by_server);
    [[nodiscard]] bool has_heirs() const;
    void hand_over();
    void wake(place& of);
    void flush();
    void flush_soon();
    void torn_down() noexcept;

    wire& wire_;
    std::shared_ptr<state> state_;
    std::deque<place> places_;
    turn* leader_ = nullptr;
    std::string outgoing_;
    std::string pending_;  ///< What has come of a packet that is not whole, or is held back.
    std::string long_packet_;
    std::uint64_t joined_ = 0;  ///< Positions in the stream to the server: before it, all belongs to somebody …
    std::uint64_t sent_ = 0;    ///< … and has been handed to the kernel.
    one_reply settling_;        ///< Nobody looks at it.
    bool exposed_ = false;      ///< Whoever joins now may be hit as well.
    bool flushing_ = false;
    bool writing_ = false;
    bool over_ = false;
    bool warned_ = false;
};

}  // namespace borealis::mysql
