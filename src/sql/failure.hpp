#pragma once
/// How a database call fails.

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace borealis::sql {

enum class failure_kind : std::uint8_t {
    database,     ///< The database refused the statement; `sqlstate` and `message` are its own.
    login,        ///< The database refused the connection (password, role, unknown database): its own texts as well.
    timeout,      ///< The deadline passed; the statement was cancelled at the database.
    unreachable,  ///< No connection could be made, or it was found dead before anything was sent. Nothing happened.
    lost,         ///< The connection broke after the statement was sent: its outcome is unknown. Never repeat it.
    busy,         ///< All connections the limits allow were in use until the deadline. Nothing happened.
    unsupported,  ///< The statement needs a protocol flow we do not speak (COPY … STDIN).
    internal,     ///< A bug of ours or of a library.
};

/// A text that is mostly empty, and then takes little room: failures stand in many frames, and hardly one ever happens.
class rare_text {
 public:
    rare_text() = default;
    rare_text(std::string text) {
        if (!text.empty()) text_ = std::make_unique<std::string>(std::move(text));
    }
    rare_text(std::string_view text) : rare_text(std::string(text)) {}
    rare_text(const char* text) : rare_text(std::string(text)) {}
    rare_text(const rare_text& other) : rare_text(other.view()) {}
    rare_text(rare_text&&) noexcept = default;
    rare_text& operator=(rare_text other) noexcept {
        text_ = std::move(other.text_);
        return *this;
    }
    ~rare_text() = default;

    [[nodiscard]] bool empty() const noexcept { return text_ == nullptr; }
    [[nodiscard]] std::string_view view() const noexcept { return text_ ? std::string_view(*text_) : ""; }

    friend bool operator==(const rare_text& a, std::string_view b) noexcept { return a.view() == b; }

 private:
    std::unique_ptr<std::string> text_;
};

/// A failure in the engine's own words, unformatted: `data_api` makes the text its profile asks for.
struct failure {
    failure_kind kind = failure_kind::internal;
    std::string
        message;  ///< Primary message, UTF-8. For kinds other than database and login: ours, fit for the client.
    std::string sqlstate = {};  ///< Five characters, or empty.
    int code = 0;               ///< MySQL's error number; 0 elsewhere.
    rare_text severity = {};    ///< PostgreSQL: ERROR, FATAL, PANIC.
    rare_text detail = {};      ///< PostgreSQL's DETAIL; may hold row values.
    rare_text hint = {};
    rare_text where = {};         ///< PostgreSQL's CONTEXT.
    int position = 0;             ///< 1-based character position in the rewritten text; 0 when the server gave none.
    std::int64_t backend_id = 0;  ///< With `timeout`: the server's connection id.
};

template <class T>
using result = std::expected<T, failure>;

[[nodiscard]] inline std::unexpected<failure> fail(failure_kind kind, std::string message) {
    return std::unexpected(failure{.kind = kind, .message = std::move(message)});
}

}  // namespace borealis::sql
