#pragma once
/// The packets of the protocol that are made and read here and not by the library: prepared statements and what they
/// answer. Functions of bytes; no I/O.
/// @see https://mariadb.com/kb/en/0-packet/, com_stmt_prepare/, com_stmt_execute/, com_stmt_bulk_execute/, ok_packet/,
/// err_packet/, result-set-packets/

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sql/parameter.hpp"

namespace borealis::mysql {

using parameters = std::span<const sql::parameter>;
using parameter_sets = std::span<const std::vector<sql::parameter>>;

/// Appends COM_QUERY.
void append_query(std::string& out, std::string_view text);

/// Appends COM_STMT_PREPARE.
void append_prepare(std::string& out, std::string_view text);

/// Appends COM_STMT_CLOSE, which is not answered.
void append_close(std::string& out, std::uint32_t statement);

/// Appends COM_STMT_EXECUTE of a prepared statement.
void append_execute(std::string& out, std::uint32_t statement, parameters with);

/// The types that each parameter has in all sets where it is not null; nothing when they differ, or there are none.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> types_of(parameter_sets sets);

/// Appends MariaDB's COM_STMT_BULK_EXECUTE with as many sets as `most_bytes` hold, but at least one.
/// @return How many.
[[nodiscard]] std::size_t append_bulk(std::string& out, std::uint32_t statement, parameter_sets sets,
                                      std::span<const std::uint8_t> types, std::size_t most_bytes);

/// Takes the packet at the front of `from`. What is longer than one packet comes as several, which are put together in
/// `whole`.
/// @return Nothing while it is cut off; then nothing is taken.
[[nodiscard]] std::optional<std::string_view> take_packet(std::string_view& from, std::string& whole);

/// A number of the protocol, whose first octet says how long it is; what is cut off counts as zeros.
[[nodiscard]] std::uint64_t take_number(std::string_view& from);

/// OK or an error.
struct reply {
    bool well = false;
    std::uint64_t affected = 0;
    std::uint64_t last_insert_id = 0;
    unsigned int status = 0;
    unsigned int warnings = 0;
    unsigned int code = 0;  ///< Of the error, as the next two.
    std::string sqlstate;
    std::string message;
};

/// @return Nothing when the packet is neither.
[[nodiscard]] std::optional<reply> read_reply(std::string_view packet);

/// The session cannot be used after this error, whoever sent it.
[[nodiscard]] bool ends_session(unsigned int code);

/// Says what each packet of an answer is, to its end: OK, an error, or results; after a result there may be more.
class outline {
 public:
    enum class part : std::uint8_t {
        reply,            ///< OK or an error.
        progress,         ///< How far a long statement has come.
        columns,          ///< How many columns a result has.
        definition,       ///< One of them.
        definitions_end,  ///< All have come, or none will: they are those of before.
        row,
        rows_end,
        nonsense,
    };

    part next(std::string_view packet);
    /// The last packet was the end of the answer.
    [[nodiscard]] bool whole() const { return whole_; }
    /// It was an error.
    [[nodiscard]] bool failed() const { return failed_; }
    /// Of the server, as the last packet that had one said.
    [[nodiscard]] unsigned int status() const { return status_; }
    /// How many warnings it has told of with that.
    [[nodiscard]] unsigned int warnings() const { return warnings_; }

 private:
    enum class stage : std::uint8_t { start, definitions, rows };

    part end(part what, unsigned int status, unsigned int warnings);

    stage stage_ = stage::start;
    std::uint64_t left_ = 0;  ///< Definitions to come.
    unsigned int status_ = 0;
    unsigned int warnings_ = 0;
    bool whole_ = false;
    bool failed_ = false;
};

/// What COM_STMT_PREPARE answers first.
struct prepared_reply {
    std::uint32_t statement = 0;
    std::uint16_t columns = 0;
    std::uint16_t parameters = 0;
    std::uint16_t warnings = 0;
};

/// @return Nothing when the packet is none.
[[nodiscard]] std::optional<prepared_reply> read_prepared(std::string_view packet);

/// Ends the definitions of columns or parameters, or rows: 0xFE, warnings, status.
[[nodiscard]] bool is_end(std::string_view packet);

}  // namespace borealis::mysql
