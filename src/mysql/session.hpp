#pragma once
/// A session at a MySQL or MariaDB server.

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mysql/answers.hpp"
#include "mysql/columns.hpp"
#include "mysql/driver.hpp"
#include "mysql/line.hpp"
#include "mysql/open.hpp"
#include "mysql/packets.hpp"
#include "mysql/plain_write.hpp"
#include "mysql/wire.hpp"
#include "sql/connection.hpp"
#include "sql/last_found.hpp"
#include "sql/session_settings.hpp"

namespace borealis::mysql {

/// What sessions share with their driver, across threads.
struct shared_state {
    shared_state(protocol how, const sql::session_settings& with) : spoken(how), settings(with) {}

    const protocol spoken;
    const sql::session_settings settings;
    std::shared_ptr<opening_count> opening = std::make_shared<opening_count>();
    std::atomic<int> interruptions = 0;  ///< Connections open at this moment only to end statements.
};

/// What decides how a batch is sent.
struct table_facts {
    bool transactional = false;
    bool numbers_rows = true;      ///< Has an AUTO_INCREMENT column …
    std::string number = {};       ///< … called so; empty where triggers may have a say, or it has been of no use.
    std::size_t packet_bytes = 0;  ///< The longest packet that the server takes.
};

class session final : public sql::connection, private interrupter {
 public:
    session(std::shared_ptr<shared_state> shared, core::executor on, handle of, sql::endpoint to, sql::login as,
            std::string database);
    ~session() override;

    /// Makes the session settings, and learns which server it is. To be called once, before anything else.
    core::awaitable<sql::result<void>> set_up(core::deadline until);

    core::awaitable<sql::result<sql::outcome>> execute(std::string_view text,
                                                       std::span<const sql::parameter> parameters, sql::row_sink& sink,
                                                       sql::description wanted, core::deadline until) override;
    [[nodiscard]] bool pipelines() const noexcept override { return native_; }
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
    [[nodiscard]] bool usable() const noexcept override { return !broken_ && !line_.over(); }
    core::awaitable<sql::result<void>> begin_reading(core::deadline until) override;
    [[nodiscard]] bool only_reads() const noexcept override {
        return (status_ & SERVER_STATUS_IN_TRANS) == 0 || (status_ & SERVER_STATUS_IN_TRANS_READONLY) != 0;
    }
    [[nodiscard]] bool in_transaction() const noexcept override {
        return (status_ & SERVER_STATUS_IN_TRANS) != 0 || begun_ || (!autocommits() && !stays_off_);
    }
    [[nodiscard]] std::int64_t backend_id() const noexcept override { return id_; }
    void abandon() noexcept override {
        if (!line_.led_by_guest()) wire_.expire();
    }
    [[nodiscard]] bool seems_dead() noexcept override {
        looked_ = usable() && !wire_.readable();
        return !looked_;
    }

 private:
    struct statement_closer {
        void operator()(MYSQL_STMT* of) const noexcept { ::mysql_stmt_close(of); }
    };
    using statement_handle = std::unique_ptr<MYSQL_STMT, statement_closer>;

    /// What became of a batch that was to be sent at once. Neither outcomes nor problem: nothing is left of it, and the
    /// sets have to be run one by one.
    struct sent_batch {
        std::vector<sql::outcome> outcomes = {};
        std::optional<sql::failure> problem = {};
    };

    /// A prepared statement, or the knowledge that this text cannot be prepared.
    struct statement {
        std::string text;
        bool can_be_prepared = true;
        statement_handle by_library = {};  ///< Where the library speaks for us.
        std::uint32_t id = 0;              ///< Where we speak ourselves, as the server calls it.
        std::size_t parameters = 0;
        row_shape shape = {};
        bool returns_from_write = false;  ///< INSERT … RETURNING and its like.
        std::optional<plain_write> write = {};
        std::optional<table_facts> facts = {};  ///< Of the table that is written, once asked for.
        std::optional<bool> undone = {};        ///< When the server ends it, nothing is left of it; once asked for.
    };
    /// Shared with the calls that use it, which may last longer than the cache keeps it.
    using shared_statement = std::shared_ptr<statement>;
    using statements = std::list<shared_statement>;  ///< The one used last comes first.

    /// How far a call had come, for what a broken connection means.
    enum class stage : std::uint8_t { nothing_sent, sent };

    /// What comes after the sink said stop.
    struct rest {
        std::size_t bytes = 0;
        bool ended = false;  ///< Nothing more is to be done to end it.
    };

    /// Bounds one public call: begins it on the wire, and ends it whatever happens.
    class call;

    [[nodiscard]] shared_statement known(std::string_view text);
    core::awaitable<sql::result<shared_statement>> find(std::string_view text);
    core::awaitable<sql::result<shared_statement>> prepare(std::string_view text);
    core::awaitable<sql::result<shared_statement>> prepare_by_library(std::string_view text);
    [[nodiscard]] static shared_statement prepared(std::string_view text, preparation& told);
    void keep(const shared_statement& made);
    core::awaitable<void> make_room();
    core::awaitable<void> close(shared_statement of);
    core::awaitable<sql::result<sql::outcome>> run(statement& what, std::span<const sql::parameter> parameters,
                                                   sql::row_sink& sink);
    core::awaitable<sql::result<sql::outcome>> run_prepared(statement& of, std::span<const sql::parameter> parameters,
                                                            sql::row_sink& sink);
    core::awaitable<sql::result<sql::outcome>> run_by_library(statement& of, sql::row_sink& sink);
    sql::result<sql::outcome> concluded(const line::turn& turn, execution& told);
    sql::result<sql::outcome> within_time(sql::outcome done);
    [[nodiscard]] std::optional<sql::failure> check_count(const statement& of, std::size_t parameters) const;
    sql::result<void> conclude(const line::turn& turn, answer& told, stage at);
    core::awaitable<sql::result<sql::outcome>> run_text(std::string_view text, sql::row_sink& sink);
    core::awaitable<sql::result<void>> run_command(std::string_view text);
    core::awaitable<sql::result<void>> control(std::string_view text, core::deadline until);
    [[nodiscard]] bool may_have_warned() const { return unheard_ || line_.has_warned(); }
    void forget_warnings();
    [[nodiscard]] bool may_stay_off() const { return native_ && shared_->settings.quick_begin; }
    core::awaitable<sql::result<void>> turn_autocommit_off(core::deadline until);
    core::awaitable<sql::result<void>> leave_transaction(std::string_view by, core::deadline until);
    core::awaitable<sql::result<void>> autocommit_again(core::deadline until);
    core::awaitable<sql::result<void>> autocommit_beside(core::deadline until, sql::beside_call& name);
    [[nodiscard]] bool autocommits() const noexcept { return (status_ & SERVER_STATUS_AUTOCOMMIT) != 0; }
    core::awaitable<sql::result<void>> drop_results(MYSQL_STMT* what);
    core::awaitable<void> row_dropped(rest& of);
    core::awaitable<const table_facts*> facts_of(statement& of);
    /// Sends all sets without waiting for the answer of each, where that comes to the same.
    core::awaitable<sent_batch> send_batch(statement& of, parameter_sets sets);
    core::awaitable<sent_batch> send_sets(statement& of, parameter_sets sets);
    core::awaitable<sent_batch> send_numbered(statement& of, parameter_sets sets);
    core::awaitable<shared_statement> several_rows(const statement& of, std::size_t rows);
    core::awaitable<sent_batch> take_back(sent_batch done);
    void bind(MYSQL_STMT* what, std::span<const sql::parameter> parameters);
    void describe_columns(std::span<const MYSQL_FIELD> fields);

    std::optional<sql::failure> problem_beside(const line::turn& turn, answer& told, bool begun, bool writes);
    core::awaitable<sql::result<shared_statement>> find_beside(std::string_view text, core::deadline until,
                                                               sql::beside_call& name);
    core::awaitable<sql::result<bool>> is_undone(shared_statement of, core::deadline until, sql::beside_call& name);

    std::optional<sql::failure> not_ready(core::deadline until);
    /// Is there what nobody asked for: the server's farewell, or the end of the stream? Who calls right after
    /// seems_dead() has looked.
    [[nodiscard]] bool has_news() { return !std::exchange(looked_, false) && wire_.readable(); }
    [[nodiscard]] bool may_be_hit() const { return killed_ && !broken_; }
    sql::failure failed(stage at);
    sql::failure judged(unsigned int code, std::string message, std::string sqlstate, stage at);
    sql::failure timed_out();
    core::awaitable<void> settle();
    core::awaitable<bool> interrupt(core::deadline until) override;

    std::shared_ptr<shared_state> shared_;
    sql::endpoint to_;
    sql::login as_;
    std::string database_;  ///< As the server calls it; empty when the session began without one.
    std::string role_;
    std::string server_;  ///< Tells this server from another one behind the same address.
    std::int64_t id_;
    unsigned int status_ = 0;
    const bool native_;       ///< We speak the protocol of prepared statements ourselves.
    bool begun_ = false;      ///< A transaction of begin() is open, as the caller sees it.
    bool stays_off_ = false;  ///< Autocommit has been left off for the next begin(); nothing is open.
    bool unheard_ = false;    ///< The library has heard an answer: it may have warned.
    bool looked_ = false;     ///< Nothing was there to be read, a moment ago.
    bool broken_ = false;
    bool profiled_ = false;  ///< It may have kept statements for SHOW PROFILES.
    bool killed_ = false;    ///< A KILL QUERY was sent that may yet hit the next statement.

    statements cached_;
    std::unordered_map<std::string_view, statements::iterator> by_text_;  // views into the list's texts
    sql::last_found<statements::iterator> last_{cached_.end()};

    // Kept between statements for their memory.
    std::vector<MYSQL_BIND> binds_;
    std::vector<unsigned long> lengths_;
    std::vector<MYSQL_TIME> moments_;  // reserved before binds_ points into it
    std::vector<sql::column> columns_;
    std::vector<const unsigned char*> values_;
    row_reader reader_;

    wire wire_;  // nearly last: its end may still touch the rest
    line line_{wire_};
};

}  // namespace borealis::mysql
