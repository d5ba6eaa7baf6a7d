#pragma once
/// The result of ExecuteStatement, written as it comes from the database.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "data_api/decode.hpp"
#include "data_api/profile.hpp"
#include "data_api/value_writer.hpp"
#include "sql/connection.hpp"
#include "sql/row_sink.hpp"

namespace borealis::data_api {

/// Makes the body of ExecuteStatement's answer: a row is written once, where it is sent from.
///
/// When a row cannot be carried, `trouble()` says why and nothing more is written. A statement that only reads is
/// stopped then. One that may write runs on and its rows are dropped, so that its outcome is never in doubt; only where
/// the columns alone say that no row can be carried is it run guarded, and rolled back.
class result_writer final : public sql::row_sink {
 public:
    enum class statement : std::uint8_t {
        reads,   ///< Changes nothing.
        calls,   ///< A query, but a function it calls may write.
        writes,  ///< Or may write.
    };

    result_writer(const profile& as, const request& wanted, statement what);

    sql::reception columns(std::span<const sql::column> all) override;
    sql::flow row(std::span<const sql::cell> cells, std::size_t wire_bytes) override;

    /// From now on rows are ignored and never stop the statement: nobody waits for the answer any more.
    void abandon();

    /// Why the result cannot be sent.
    [[nodiscard]] const std::optional<core::error>& trouble() const { return trouble_; }

    /// The result passed the limit on its size, or on a row's.
    [[nodiscard]] bool too_large() const { return too_large_; }

    /// Octets of the rows so far, as counts.
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

    /// The finished body; call once, without trouble.
    [[nodiscard]] std::string finish(const sql::outcome& of);

 private:
    sql::flow refuse(core::error_kind kind, std::string text);
    sql::flow refuse(spoilt why);
    spoilt write_fields(std::span<const sql::cell> cells);
    spoilt write_object(std::span<const sql::cell> cells);

    const profile& profile_;
    const result_options options_;
    const bool describe_, formatted_;
    const statement statement_;
    bool has_columns_ = false, guarded_ = false, any_row_ = false, abandoned_ = false, too_large_ = false;
    std::vector<value_writer> writers_;
    std::vector<std::string> keys_;  // `"label":`, of formatted records
    std::string unsupported_;        // R-5.30's name of the first unsupported column
    std::string body_;
    std::string formatted_body_;
    std::size_t rows_ = 0;
    std::size_t bytes_ = 0;
    std::optional<core::error> trouble_;
};

/// Why a row cannot be carried any more, if so.
/// @param row  Octets of it as counts; `all`: of the result so far, it included.
[[nodiscard]] std::optional<core::error> size_error(std::size_t row, std::size_t all, const profile& as);

/// Why a value cannot be carried.
[[nodiscard]] core::error carried_error(spoilt why);

/// BatchExecuteStatement's answer, or why it is too large.
[[nodiscard]] core::result<std::string> batch_body(std::span<const sql::outcome> outcomes, const profile& as);

}  // namespace borealis::data_api
