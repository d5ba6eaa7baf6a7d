#pragma once
/// Log lines about statements that took long.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "auth/caller.hpp"
#include "core/deadline.hpp"
#include "data_api/observation.hpp"
#include "data_api/operation.hpp"
#include "sql/dialect.hpp"

namespace borealis::data_api {

struct slow_settings {
    std::chrono::milliseconds threshold{0};  ///< Statements that take so long or longer; 0: none.
    std::size_t lines_per_second = 5;        ///< On each thread; the next line says how many were left out.
    std::size_t characters = 1'000;          ///< Of a statement in its line.

    friend bool operator==(const slow_settings&, const slow_settings&) = default;
};

/// One thread's.
class slow_statements {
 public:
    explicit slow_statements(slow_settings with) : with_(with) {}

    void set(slow_settings with) { with_ = with; }
    /// When a statement begins; nothing, at no cost, where nobody wants to know.
    [[nodiscard]] core::clock::time_point now() const {
        return with_.threshold.count() != 0 ? core::clock::now() : core::clock::time_point();
    }

    /// Writes a line about the statement, without its values (sql::normalised), if it is to have one.
    /// @param since  What now() said before it; its rows, which are written as they come, count.
    void look(core::clock::time_point since, operation what, std::string_view text, sql::dialect of,
              std::string_view cluster_id, const auth::caller& who, const observation* seen);

    /// How many statements were slow.
    [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
    slow_settings with_;
    core::clock::time_point second_ = core::clock::time_point::min();  ///< When the present one began.
    std::size_t lines_ = 0;                                            ///< In it.
    std::uint64_t left_out_ = 0;
    std::uint64_t count_ = 0;
};

}  // namespace borealis::data_api
