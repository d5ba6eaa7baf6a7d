#pragma once
/// The few packets of the protocol that are made and read here and not by the library: commands that are sent one after
/// the other without waiting, and their short answers. Functions of bytes; no I/O.
/// @see https://mariadb.com/kb/en/com_stmt_execute/, com_stmt_bulk_execute/, ok_packet/, err_packet/

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

/// Appends COM_QUERY. @param text  Shorter than a packet, 16 MiB.
void append_query(std::string& out, std::string_view text);

/// Appends COM_STMT_EXECUTE of a prepared statement. @return False, and nothing is appended, when it is no one packet.
[[nodiscard]] bool append_execute(std::string& out, std::uint32_t statement, parameters with);

/// The types that each parameter has in all sets where it is not null; nothing when they differ, or there are none.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> types_of(parameter_sets sets);

/// Appends MariaDB's COM_STMT_BULK_EXECUTE with as many sets as `most_bytes` hold, but at least one.
/// @return How many; 0, and nothing is appended, when the first is no one packet.
[[nodiscard]] std::size_t append_bulk(std::string& out, std::uint32_t statement, parameter_sets sets,
                                      std::span<const std::uint8_t> types, std::size_t most_bytes);

/// OK or an error.
struct reply {
    bool well = false;
    std::uint64_t affected = 0;
    std::uint64_t last_insert_id = 0;
    unsigned int status = 0;
    unsigned int code = 0;  ///< Of the error, as the next two.
    std::string sqlstate;
    std::string message;
};

/// Cuts what comes into replies.
class reply_reader {
 public:
    enum class progress : std::uint8_t {
        more,   ///< Bytes are missing.
        reply,  ///< There is one.
        other,  ///< A packet that is none: the end of the conversation.
    };

    void add(std::string_view bytes) { bytes_ += bytes; }
    [[nodiscard]] progress next(reply& into);

 private:
    std::string bytes_;
    std::size_t at_ = 0;
};

}  // namespace borealis::mysql
