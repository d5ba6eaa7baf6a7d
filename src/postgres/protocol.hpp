#pragma once
/// PostgreSQL's protocol 3.0 as bytes: messages to the server appended to a buffer, messages from it as views into one.
/// No socket and no state but what is half read (PostgreSQL manual, Frontend/Backend Protocol).

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "postgres/binding.hpp"
#include "postgres/handles.hpp"
#include "postgres/statements.hpp"
#include "sql/failure.hpp"
#include "sql/row_sink.hpp"

namespace borealis::postgres {

// ---- to the server. Names and texts hold no zero byte: callers have looked.

/// "May we speak TLS?", answered by one octet.
void append_ssl_request(std::string& to);
/// The first message of a session.
void append_startup(std::string& to, std::span<const std::pair<std::string_view, std::string_view>> parameters);
/// Instead of it: cancels what another session runs.
void append_cancel_request(std::string& to, std::uint32_t backend, std::uint32_t key);
void append_password(std::string& to, std::string_view text);
void append_sasl_initial_response(std::string& to, std::string_view mechanism, std::string_view data);
void append_sasl_response(std::string& to, std::string_view data);
/// Terminate: the last message of a session.
inline constexpr std::string_view terminate("X\0\0\0\4", 5);
void append_query(std::string& to, std::string_view text);
void append_parse(std::string& to, std::string_view name, std::string_view text, std::span<const oid> types);
/// Binds the unnamed portal; all result columns come as text.
void append_bind(std::string& to, std::string_view name, const binding& values);
/// The same, of values that are text all.
void append_bind(std::string& to, std::string_view name, std::span<const std::string> values);
/// A parameter that is an array of one dimension: its elements as they stand in it, text or binary.
struct bound_array {
    bool is_text;
    oid element;
    std::string_view elements;
};
/// Binds a portal of this name; its parameters are arrays of so many elements.
void append_bind(std::string& to, std::string_view portal, std::string_view name, std::span<const bound_array> values,
                 std::size_t elements);
void append_describe_statement(std::string& to, std::string_view name);
void append_describe_portal(std::string& to);
/// Runs the unnamed portal to its end.
void append_execute(std::string& to);
void append_execute(std::string& to, std::string_view portal);
void append_close_portal(std::string& to, std::string_view portal);
void append_close_statement(std::string& to, std::string_view name);
void append_sync(std::string& to);
void append_execute_and_sync(std::string& to);
/// In network order.
void append32(std::string& to, std::uint32_t value);
/// What append32() has written.
[[nodiscard]] std::uint32_t read32(const char* at);

// ---- from the server

/// One message, valid until the reader is given more octets.
struct message {
    char type = 0;
    std::string_view body;  ///< Without type and length.
};

/// Cuts what the server sends into messages. Octets are written into its buffer by whoever receives them.
class message_reader {
 public:
    /// The most a message may hold: what PostgreSQL itself can send.
    static constexpr std::size_t most_octets = std::size_t{1} << 30;

    /// Which messages may come: those of the log-in are all short.
    enum class phase : std::uint8_t { log_in, session };

    explicit message_reader(phase now = phase::session) : phase_(now) {}
    void go_on_to(phase next) { phase_ = next; }

    /// Room for octets to come, never empty. Moves what is half read; messages handed out before are void.
    [[nodiscard]] std::span<char> prepare();
    /// So many of them have come.
    void commit(std::size_t octets);

    /// The next whole message; nothing when more octets are needed, or what came is no message (`failed`).
    [[nodiscard]] std::optional<message> next();
    /// Types unknown and lengths impossible: nothing after them can be understood.
    [[nodiscard]] bool failed() const { return failed_; }
    /// Octets that have come and are not yet read.
    [[nodiscard]] std::size_t unread() const { return end_ - begin_; }
    /// Has the ReadyForQuery that ends the answer come?
    [[nodiscard]] bool holds_end() const;
    /// Has an error come before it?
    [[nodiscard]] bool holds_error() const;

 private:
    [[nodiscard]] char first_of(char one, char other) const;

    static constexpr std::size_t smallest = 8UL * 1024;
    static constexpr std::size_t largest = 64UL * 1024;  // but for a message that is larger

    std::unique_ptr<char[]> buffer_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    phase phase_;
    bool filled_ = false;  // the last octets took all the room there was
    bool failed_ = false;
};

/// An ErrorResponse. `stale`: the server's plan of a prepared statement no longer fits its tables. Raised when the
/// statement is bound, before it does anything (not when a function or procedure it runs meets the same).
struct server_error {
    sql::failure what;
    bool stale = false;
};

// Each yields nothing, or false, for a body that is not of its kind.

[[nodiscard]] std::optional<server_error> read_error(std::string_view body);
/// @param into  Replaced.
[[nodiscard]] bool read_row_description(std::string_view body, std::vector<result_field>& into);
/// A DataRow's values, as views into `body`.
/// @param into  Its size is the number of columns, which the row must have.
[[nodiscard]] bool read_row(std::string_view body, std::span<sql::cell> into);
/// The number of columns of a DataRow; negative for none.
[[nodiscard]] int count_columns(std::string_view body);
/// `INSERT 0 1`
[[nodiscard]] std::optional<std::string_view> read_command_tag(std::string_view body);
/// `I` idle, `T` in a transaction, `E` in one that has failed.
[[nodiscard]] std::optional<char> read_ready(std::string_view body);

}  // namespace borealis::postgres
