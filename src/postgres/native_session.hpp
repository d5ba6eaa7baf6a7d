#pragma once
/// One session at a PostgreSQL server: `sql::connection` that speaks the protocol itself, on a connection that
/// is established.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "postgres/binding.hpp"
#include "postgres/canceller.hpp"
#include "postgres/channel.hpp"
#include "postgres/established.hpp"
#include "postgres/plain_insert.hpp"
#include "postgres/protocol.hpp"
#include "postgres/session_rules.hpp"
#include "postgres/statements.hpp"
#include "postgres/types.hpp"
#include "sql/connection.hpp"
#include "sql/session_settings.hpp"

namespace borealis::postgres {

/// All that is sent is an *exchange*: messages that end with one Sync (or are one Query), and are answered up to one
/// ReadyForQuery. Exchanges are answered in the order in which they joined the line. The event loop reads; the answers
/// go straight from the receive buffer to the exchange at the head, and from there to the sink. The coroutine that
/// waits for it goes on once it has been answered to the end.
class native_session final : public sql::connection, private channel::listener {
 public:
    /// @param cancels  Shared with the driver and its other sessions.
    native_session(const core::executor& home, established connected, std::shared_ptr<canceller> cancels,
                   const sql::session_settings& with);
    ~native_session();

    core::awaitable<sql::result<sql::outcome>> execute(std::string_view text,
                                                       std::span<const sql::parameter> parameters, sql::row_sink& sink,
                                                       sql::description wanted, core::deadline until) override;
    [[nodiscard]] bool pipelines() const noexcept override { return true; }
    core::awaitable<sql::result<std::optional<sql::outcome>>> execute_beside(
        std::string_view text, std::span<const sql::parameter> parameters, sql::row_sink& sink, sql::description wanted,
        core::deadline until, sql::beside_call& name) override;
    core::awaitable<sql::result<std::vector<sql::outcome>>> execute_batch(
        std::string_view text, std::span<const std::vector<sql::parameter>> sets, core::deadline until) override;
    core::awaitable<sql::result<void>> begin(core::deadline until) override;
    core::awaitable<sql::result<sql::commit_status>> commit(core::deadline until) override;
    core::awaitable<sql::result<void>> rollback(core::deadline until) override;
    core::awaitable<sql::result<void>> reset(core::deadline until) override;
    core::awaitable<sql::result<bool>> read_only(core::deadline until) override;
    [[nodiscard]] bool usable() const noexcept override;
    core::awaitable<sql::result<void>> begin_reading(core::deadline until) override;
    [[nodiscard]] bool only_reads() const noexcept override { return in_transaction(); }
    [[nodiscard]] bool in_transaction() const noexcept override { return !broken_ && (status_ != 'I' || to_begin_); }
    [[nodiscard]] std::int64_t backend_id() const noexcept override { return backend_id_; }
    void abandon() noexcept override;
    [[nodiscard]] bool seems_dead() noexcept override;

 private:
    /// What one call of the interface knows about itself.
    class call;
    class exchange;
    class command_exchange;
    class question_exchange;
    class description_exchange;
    class run_exchange;
    class batch_exchange;
    class merge_exchange;
    /// What a stopping sink means: cancel at the database, or read the rest and drop it.
    enum class on_stop : std::uint8_t { cancel, drop };
    /// Resumes a coroutine.
    using waiter = core::asio::async_result<core::asio::use_awaitable_t<core::executor>, void()>::handler_type;

    /// One exchange in the line.
    struct place {
        exchange* to;  ///< Null: nobody wants the answer any more.
        std::uint64_t from;
        bool exposed;        ///< A cancel request for another one may hit it …
        bool held;           ///< … so its answer waits in the buffer until it is whole.
        bool fails = false;  ///< An error is known to come.
        std::optional<waiter> wakes = std::nullopt;
        core::deadline drained = core::deadline();  ///< Until when an unwanted answer may take to come.
        std::size_t dropped = 0;                    ///< Octets of an unwanted answer.
    };

    // channel::listener
    void ready() override;
    void rang() override;
    void turned() override;
    void torn_down() noexcept override;

    void join(exchange& which);
    void leave(exchange& which) noexcept;
    [[nodiscard]] core::awaitable<void> answered(exchange& which);
    void pump();
    void take(const message& what);
    void drop(place& at, const message& what);
    void answer(place& at);
    void dismiss(std::string_view why, bool ended_by_server);
    void resume();

    void press();
    void look_at(core::deadline when);
    core::awaitable<void> settle();
    core::awaitable<sql::result<void>> come_to_rest(call& now);

    [[nodiscard]] sql::result<void> may_start(core::deadline until) const;
    [[nodiscard]] sql::failure judge(const call& now, sql::failure what);
    bool worth_repeating(call& now, const sql::failure& what, bool alone);

    core::awaitable<sql::result<std::string>> command(call& now, const char* text, const char* before = nullptr);
    core::awaitable<sql::result<std::string>> transact(const char* text, core::deadline until,
                                                       const char* before = nullptr);
    core::awaitable<sql::result<answer_rows>> ask(call& now, const char* text, std::span<const std::string> values);

    std::size_t append_begin();
    core::awaitable<sql::result<void>> begin_now(call& now);
    void append_closes();
    void bind_again(const call& now);
    core::awaitable<sql::result<std::shared_ptr<statement>>> prepared(call& now, bool& fresh);
    core::awaitable<sql::result<void>> infer(call& now);
    core::awaitable<sql::result<void>> describe(call& now, statement& which);
    core::awaitable<sql::result<void>> take_description(call& now, statement& which, const description_exchange& from);
    core::awaitable<sql::result<void>> ask_origins(call& now, statement& which);
    core::awaitable<sql::result<std::optional<sql::outcome>>> attempt(call& now);
    core::awaitable<sql::result<sql::outcome>> run(call& now, std::shared_ptr<statement> which, on_stop rest,
                                                   bool announced);
    core::awaitable<sql::result<sql::outcome>> run_asking(call& now, std::shared_ptr<statement> which, bool fresh);
    core::awaitable<sql::result<std::size_t>> batch_section(call& now,
                                                            std::span<const std::vector<sql::parameter>> sets,
                                                            std::vector<sql::outcome>& done);
    core::awaitable<sql::result<std::size_t>> merged_section(call& now, const plain_insert& of,
                                                             std::span<const std::vector<sql::parameter>> sets,
                                                             std::vector<sql::outcome>& done);

    established connection_;
    std::shared_ptr<canceller> canceller_;
    channel channel_;
    message_reader in_;
    std::deque<place> line_;
    std::vector<waiter> resuming_;
    std::vector<call*> calls_;               // under way, in their coroutines' frames
    std::size_t alone_ = 0;                  // of them
    std::shared_ptr<cancel_ticket> ticket_;  // the last cancel request
    core::deadline next_look_;               // at the time
    core::deadline press_again_;             // while the one at the head is being cancelled …
    core::deadline give_up_;                 // … until when it has time
    statement_cache statements_;
    type_book types_;
    std::unordered_map<std::string, bool>
        inferable_;                                // can the server infer the open types of that text? Outlives resets
    std::unordered_set<std::string> unmergeable_;  // texts whose tables may not be written many rows at once
    binding binding_;
    std::vector<sql::cell> cells_;
    std::vector<result_field> fields_;
    std::int64_t backend_id_ = 0;
    char status_ = 'I';
    bool to_begin_ = false;  ///< BEGIN is sent with the next statement.
    bool pressing_ = false;
    bool broken_ = false;
    bool merges_;  // the sets of a batch, where that comes to the same
    const bool begins_later_;
    bool holding_ = true;  // answers of exposed exchanges until they are whole
};

}  // namespace borealis::postgres
