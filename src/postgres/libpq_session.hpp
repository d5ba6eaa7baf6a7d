#pragma once
/// One session at a PostgreSQL server: `sql::connection` over libpq's asynchronous calls. The reference for
/// `native_session`, which has to give the same results.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "postgres/binding.hpp"
#include "postgres/canceller.hpp"
#include "postgres/handles.hpp"
#include "postgres/session_rules.hpp"
#include "postgres/socket_watch.hpp"
#include "postgres/statements.hpp"
#include "postgres/types.hpp"
#include "sql/connection.hpp"

namespace borealis::postgres {

class libpq_session final : public sql::connection {
 public:
    /// @param connected  A connection that is established; becomes non-blocking.
    /// @param cancels    Shared with the driver and its other sessions.
    /// @param statements  Prepared ones that are kept.
    libpq_session(const core::executor& home, connection_handle connected, std::shared_ptr<canceller> cancels,
                  std::size_t statements);
    ~libpq_session() override;

    core::awaitable<sql::result<sql::outcome>> execute(std::string_view text,
                                                       std::span<const sql::parameter> parameters, sql::row_sink& sink,
                                                       sql::description wanted, core::deadline until) override;
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
    [[nodiscard]] bool in_transaction() const noexcept override;
    [[nodiscard]] std::int64_t backend_id() const noexcept override;
    void abandon() noexcept override;
    [[nodiscard]] bool seems_dead() noexcept override;

 private:
    /// What one call of the interface knows about itself: how long it may wait, and whether it is being cancelled.
    struct call;
    /// What a stopping sink means: cancel at the database, or read the rest and drop it.
    enum class on_stop : std::uint8_t { cancel, drop };

    std::optional<result_handle> result_at_hand();
    core::awaitable<result_handle> next_result(call& now);
    core::awaitable<sql::result<result_handle>> until_sync(call& now, int syncs);
    bool out_of_time(call& now);
    void press_cancel(call& now);
    core::awaitable<void> settle(call& now);
    void finish(call& now);
    [[nodiscard]] sql::failure cannot_send();
    [[nodiscard]] sql::failure judge(const call& now, sql::failure what);

    core::awaitable<sql::result<std::string>> command(call& now, const char* text);
    core::awaitable<sql::result<std::string>> transact(const char* text, core::deadline until);
    core::awaitable<sql::result<answer_rows>> ask(call& now, const char* text, const std::vector<std::string>& values);

    core::awaitable<sql::result<std::shared_ptr<statement>>> prepared(call& now, std::string_view text, bool& fresh);
    core::awaitable<sql::result<void>> infer(call& now, std::string_view text);
    core::awaitable<sql::result<void>> describe(call& now, statement& which);
    core::awaitable<sql::result<void>> take_description(call& now, statement& which, const pg_result* description);
    core::awaitable<sql::result<void>> ask_origins(call& now, statement& which);
    core::awaitable<sql::result<sql::outcome>> attempt(call& now, std::string_view text, sql::row_sink& sink,
                                                       sql::description wanted);
    core::awaitable<sql::result<sql::outcome>> run(call& now, statement& which, sql::row_sink& sink, on_stop rest,
                                                   bool announced);
    core::awaitable<sql::result<sql::outcome>> run_asking(call& now, statement& which, sql::row_sink& sink, bool fresh);
    core::awaitable<sql::result<std::size_t>> batch_section(call& now, std::string_view text,
                                                            std::span<const std::vector<sql::parameter>> sets,
                                                            std::vector<sql::outcome>& done);

    [[nodiscard]] sql::result<void> may_start(core::deadline until) const;
    sql::flow hand_over(const pg_result* row, std::span<const sql::column> columns, sql::row_sink& sink);
    void send_closes();
    static void take_notice(void* self, const pg_result* notice);

    socket_watch socket_;
    connection_handle connection_;
    std::shared_ptr<const cancel_request> cancel_;  // shared with a cancel request under way
    std::shared_ptr<canceller> canceller_;
    statement_cache statements_;
    type_book types_;
    std::unordered_map<std::string, bool>
        inferable_;  // can the server infer the open types of that text? Outlives resets
    binding binding_;
    std::vector<sql::cell> cells_;
    std::int64_t backend_id_ = 0;
    call* current_ = nullptr;  // in its coroutine's frame
    bool broken_ = false;
};

}  // namespace borealis::postgres
