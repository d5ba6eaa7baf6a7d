#pragma once
/// What the two variants differ in: the way to the table `Employee`.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "core/deadline.hpp"
#include "failure.hpp"
#include "value.hpp"

namespace employees {

/// A column's value as the database typed it; what JSON cannot tell from text is text.
using cell = std::variant<std::monostate, bool, std::int64_t, double, std::string>;

struct row {
    cell id, name;
    friend bool operator==(const row&, const row&) = default;
};

/// Takes one row; false ends the listing.
using row_receiver = std::function<bool(row)>;

/// The statement of `database::page`, the same for every engine. @param after  How the last id is written in it; empty:
/// from the first one.
[[nodiscard]] std::string page_text(std::string_view after, std::size_t limit);

/// At most one transaction at a time. Every call ends by `until`, give or take what the way to the database needs.
class database {
 public:
    using deadline = borealis::core::deadline;

    database() = default;
    database(const database&) = delete;
    database& operator=(const database&) = delete;
    virtual ~database() = default;

    /// Opens a transaction. Connects where needed, replaces a connection that died meanwhile (L-6.77), and waits for a
    /// paused database; nothing has been written when it fails.
    [[nodiscard]] virtual outcome<void> begin(deadline until) = 0;

    /// Inserts in the given order, inside the open transaction, and stops at the first employee the database refuses.
    [[nodiscard]] virtual outcome<void> insert(std::span<const employee> employees, deadline until) = 0;

    /// Ends the transaction. `outcome_unknown` where the answer was lost.
    [[nodiscard]] virtual outcome<void> commit(deadline until) = 0;

    /// Ends the transaction, whatever became of it. Succeeds where it is certain that nothing of it stays, for instance
    /// since the connection that it lived in is gone.
    [[nodiscard]] virtual outcome<void> rollback(deadline until) = 0;

    /// All employees in the database's own order (L-6.10), from a fresh snapshot that ends with the call (L-6.76).
    [[nodiscard]] virtual outcome<void> list(const row_receiver& receive, deadline until) = 0;

    /// The employee with that id, by the column's own comparison; none where there is none. From a fresh snapshot, too.
    [[nodiscard]] virtual outcome<void> find(const std::string& id, const row_receiver& receive, deadline until) = 0;

    /// Employees by ascending id, those behind `after` (from the first where it is empty), at most `limit` (1 or more;
    /// fewer where the way to the database takes no more at once).
    [[nodiscard]] virtual outcome<void> page(const std::optional<std::string>& after, std::size_t limit,
                                             const row_receiver& receive, deadline until) = 0;

    /// Makes the database and the table where they are missing (L-6.3).
    [[nodiscard]] virtual outcome<void> create_table(deadline until) = 0;
};

}  // namespace employees
