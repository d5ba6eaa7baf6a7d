#pragma once
/// The employee function: one event in, the list of all employees out. No database, socket or clock of its own.

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "batch_report.hpp"
#include "database.hpp"
#include "failure.hpp"
#include "http_adapter.hpp"
#include "json/document.hpp"

namespace employees {

struct service_settings {
    /// Takes the function's log lines, without their line breaks (L-6.13 to L-6.15, L-8.21).
    std::function<void(std::string_view)> log;
    /// Told after each batch how many of all employees have been dealt with.
    std::function<void(std::size_t done, std::size_t total)> progress = {};
    /// A listing that makes a larger result is refused (L-1.45); no limit where zero.
    std::size_t result_limit_bytes = 0;
    std::size_t batch_size = 50;
    /// A batch is made smaller where its request would exceed this: the Data API takes 4 MiB (L-8.1).
    std::size_t batch_limit_bytes = (std::size_t{4} << 20U) - (std::size_t{16} << 10U);
    /// No batch is begun with less time left (L-8.19).
    std::chrono::milliseconds batch_margin{3000};
};

class employee_service {
 public:
    using deadline = borealis::core::deadline;

    /// @param at  Must outlive this object.
    employee_service(database& at, service_settings settings);

    /// The workshop's contract (L-6.10 to L-6.16): `{"EmpId":…,"EmpName":…}` is inserted, then all employees are
    /// listed.
    [[nodiscard]] outcome<std::vector<row>> add(const borealis::json::node& event, deadline until);

    [[nodiscard]] outcome<std::vector<row>> list(deadline until);

    /// The employee with that id; nothing where there is none.
    [[nodiscard]] outcome<std::optional<row>> find(const std::string& id, deadline until);

    /// A page of the list in the order of the ids.
    struct page {
        std::vector<row> rows;
        std::optional<std::string> next;  ///< To give as `after` for the next page; nothing on the last.
    };
    /// @param limit  1 to `largest_page`.
    [[nodiscard]] outcome<page> list_page(const std::optional<std::string>& after, std::size_t limit, deadline until);
    static constexpr std::size_t largest_page = 1000;

    /// Section 8: `employees` in transactions of 50.
    /// @param event  The object that may hold `OnError`, `Atomic` and `ReturnEmployees`; or null.
    /// @return A failure only where nothing has been written since the input is refused as a whole.
    [[nodiscard]] outcome<batch_report> add_batch(const borealis::json::node& employees,
                                                  const borealis::json::node* event, deadline until);

    /// Answers an event of a direct invocation (one employee, or `Employees`) or of an HTTP API (L-3.60 to L-3.62).
    /// @return JSON. Errors of an HTTP request are results too, with the status that says so.
    [[nodiscard]] outcome<std::string> answer(std::string_view event, deadline until);

    [[nodiscard]] const service_settings& settings() const { return settings_; }

 private:
    struct batch_options;

    [[nodiscard]] outcome<std::string> answer_direct(const borealis::json::node& event, deadline until);
    [[nodiscard]] std::string answer_http(const http_request& request, deadline until);
    [[nodiscard]] std::string answer_list(const http_request& request, deadline until);
    [[nodiscard]] std::string answer_one(const std::string& id, deadline until);
    [[nodiscard]] std::string answer_post(const http_request& request, bool many, deadline until);
    /// @return Whether nothing of the transaction stays.
    bool roll_back(deadline until);
    void log_insert_failure(const failure& what) const;
    void run_batch(const std::vector<employee>& employees, std::size_t index, batch& one, deadline until);
    void run_separately(const std::vector<employee>& employees, const batch_options& options, batch_report& report,
                        deadline until);
    void run_as_one(const std::vector<employee>& employees, batch_report& report, deadline until);

    database& at_;
    service_settings settings_;
};

/// `[[id,name],…]`.
[[nodiscard]] std::string to_json(const std::vector<row>& rows);

/// Python's repr of a tuple of tuples: `(('7', 'Ann'),)` (L-6.81).
[[nodiscard]] std::string to_python(const std::vector<row>& rows);

/// The result would exceed what Lambda can hand on (L-1.45).
[[nodiscard]] failure result_too_large();

}  // namespace employees
