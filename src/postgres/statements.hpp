#pragma once
/// The prepared statements of one session: a bounded cache, least recently used out first.

#include <algorithm>
#include <cstddef>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "postgres/handles.hpp"
#include "postgres/types.hpp"
#include "sql/column.hpp"
#include "sql/last_found.hpp"

namespace borealis::postgres {

/// A result column as the server describes it.
struct result_field {
    std::string name;
    oid table = 0;   ///< 0 for an expression.
    int number = 0;  ///< pg_attribute.attnum
    oid type = 0;
    int modifier = -1;
};

/// Where a result column comes from.
struct column_origin {
    oid table = 0;   ///< 0 for an expression.
    int number = 0;  ///< pg_attribute.attnum
    int modifier = -1;
};

struct statement {
    std::string text;
    std::vector<oid> types;  ///< Declared, 0 for "let the server infer".
    std::string name;        ///< At the server.
    std::vector<sql::column> columns;
    std::vector<column_origin> origins;  ///< One a column.
    bool described = false;              ///< `columns` hold what the server's description says …
    bool full = false;                   ///< … and what the catalogue adds for `description::full`.
    bool returns_rows = false;           ///< Described as a statement with a result, which may have no column.
    bool asks = false;                   ///< The sink may want the result guarded: ask it before (`worth_asking`).
    /// Planned by the server, which refuses to run it once its result has changed (`server_error::stale`). Others
    /// (FETCH, EXECUTE, SHOW …) may return something else each time.
    bool planned = false;

    /// Takes the description over; what the catalogue added is void.
    void describe_as(std::span<const result_field> fields, const type_book& types);
    /// Is that still the result that is described? Tables made anew under their old names count as those they replace;
    /// their columns are looked up with the next use.
    [[nodiscard]] bool describes(std::span<const result_field> fields);
};

/// Does the server plan the statement (`statement::planned`), by its first word?
[[nodiscard]] bool is_planned(std::string_view text);

class statement_cache {
 public:
    explicit statement_cache(std::size_t capacity) : capacity_(capacity) {}
    statement_cache(const statement_cache&) = delete;
    statement_cache& operator=(const statement_cache&) = delete;

    /// The statement of this text and these declared types, or null. Counts as a use. Who waits while others use the
    /// cache keeps a share of it: it may be forgotten meanwhile.
    [[nodiscard]] std::shared_ptr<statement> find(std::string_view text, std::span<const oid> types);

    /// Adds one under a name never used before; the least recently used one makes room and has to be closed.
    std::shared_ptr<statement> add(std::string_view text, std::span<const oid> types);

    /// Makes one that is never found, under a name never used before; it has to be retired.
    [[nodiscard]] std::shared_ptr<statement> unlisted(std::string_view text, std::span<const oid> types);

    /// Forgets one that the server does not have, if it has not been forgotten yet.
    void erase(const statement& which);

    /// Forgets one that the server still has: it has to be closed.
    void retire(const statement& which);

    /// Forgets all, because the server has (DISCARD ALL, DEALLOCATE ALL).
    void clear();

    [[nodiscard]] std::size_t size() const { return entries_.size(); }

    /// Names the server still has and nobody needs. Whoever closes them empties the list.
    [[nodiscard]] std::vector<std::string>& to_close() { return to_close_; }

 private:
    struct key {
        std::string_view text;
        std::span<const oid> types;
        friend bool operator==(const key& a, const key& b) {
            return a.text == b.text && std::ranges::equal(a.types, b.types);
        }
    };
    struct hash {
        std::size_t operator()(const key& of) const noexcept;
    };

    std::size_t capacity_;
    std::size_t names_ = 0;
    std::list<std::shared_ptr<statement>> entries_;  // most recently used first; the keys view into them
    std::unordered_map<key, std::list<std::shared_ptr<statement>>::iterator, hash> index_;
    sql::last_found<std::list<std::shared_ptr<statement>>::iterator> last_{entries_.end()};
    std::vector<std::string> to_close_;
};

}  // namespace borealis::postgres
