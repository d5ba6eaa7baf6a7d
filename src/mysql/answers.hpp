#pragma once
/// What is made of the packets that answer our own commands. No I/O.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mysql/columns.hpp"
#include "mysql/packets.hpp"
#include "sql/column.hpp"
#include "sql/connection.hpp"
#include "sql/row_sink.hpp"

namespace borealis::mysql {

/// What is left of a stopped result is read and dropped up to this size, since that is cheaper than a second
/// connection.
inline constexpr std::size_t worth_reading = 1024UL * 1024;

/// Takes the packets that answer what was sent, one after the other.
class answer {
 public:
    enum class progress : std::uint8_t {
        more,
        whole,
        nonsense,  ///< No answer to what was sent: the end of the conversation.
    };

    answer() = default;
    answer(const answer&) = delete;
    answer& operator=(const answer&) = delete;
    virtual ~answer() = default;

    virtual progress take(std::string_view packet) = 0;

    /// An error is known to be at the end: nothing before it matters.
    virtual void fails() {}
    /// So much has come that nobody wants that it is better to have the server end the statement.
    [[nodiscard]] virtual bool wants_end() const { return false; }

    /// Of the server, when the last of it had come.
    [[nodiscard]] unsigned int status() const { return status_; }
    [[nodiscard]] std::unique_ptr<reply>& error() { return error_; }
    /// SHOW WARNINGS may have something to tell of it.
    [[nodiscard]] bool warns() const { return warns_ || error_ != nullptr; }

 protected:
    void fail(reply&& with) { error_ = std::make_unique<reply>(std::move(with)); }

    unsigned int status_ = 0;
    bool warns_ = false;
    std::unique_ptr<reply> error_;  ///< Apart, since there is hardly ever one.
};

/// OK or an error of one command.
class one_reply final : public answer {
 public:
    progress take(std::string_view packet) override;
};

/// OK or an error of each of so many commands.
class replies final : public answer {
 public:
    explicit replies(std::size_t count) : left_(count) { got.reserve(count); }

    progress take(std::string_view packet) override;

    std::vector<reply> got;

 private:
    std::size_t left_;
};

/// The end of a transaction, and a statement after it.
class ending final : public answer {
 public:
    /// @param rows  The statement returns so many.
    explicit ending(std::size_t rows) : expected_(rows) {}

    progress take(std::string_view packet) override;

    bool ended = false;  ///< The transaction's end has been answered; an error() is of that.

    /// Both have been answered.
    [[nodiscard]] bool is_whole() const { return after_.whole(); }
    /// The statement after it has done what it was to do.
    [[nodiscard]] bool went_well() const { return is_whole() && !after_.failed() && rows_ == expected_; }

 private:
    outline after_;
    std::size_t expected_;
    std::size_t rows_ = 0;
};

/// How the rows of a prepared statement look, as the server has told last.
struct row_shape {
    std::vector<std::string> packets;  ///< Of the definitions.
    std::vector<sql::column> columns;
    row_reader reader;

    /// Of the packets.
    [[nodiscard]] bool read();
};

class preparation final : public answer {
 public:
    progress take(std::string_view packet) override;

    prepared_reply made;
    row_shape shape;

 private:
    bool told_ = false;
    std::size_t skipped_ = 0;  ///< Definitions of parameters, and the end of these.
};

/// Of one execution of a prepared statement.
class execution final : public answer {
 public:
    /// @param shape  Of the statement; brought up to date.
    /// @param all    Rows are read to their end whatever the sink says.
    execution(row_shape& shape, sql::row_sink& sink, bool all) : shape_(shape), sink_(sink), all_(all) {}

    progress take(std::string_view packet) override;
    void fails() override { mute_ = true; }
    [[nodiscard]] bool wants_end() const override;
    [[nodiscard]] unsigned int warnings() const { return parts_.warnings(); }

    sql::outcome done;
    bool told = false;  ///< The sink knows the columns.

 private:
    bool define(std::string_view packet);
    bool announce();
    bool row(std::string_view packet);

    row_shape& shape_;
    sql::row_sink& sink_;
    outline parts_;
    std::size_t defined_ = 0;  ///< Definitions that have come.
    std::size_t dropped_ = 0;  ///< Octets of rows after the sink said stop.
    bool all_;
    bool first_ = true;  ///< Results after the first are read and dropped (R-3.21).
    bool changed_ = false;
    bool mute_ = false;
};

}  // namespace borealis::mysql
