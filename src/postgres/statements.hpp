#pragma once
/// The prepared statements of one session: a bounded cache, least recently used out first.

#include <algorithm>
#include <cstddef>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "postgres/handles.hpp"
#include "sql/column.hpp"

namespace borealis::postgres {

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
};

class statement_cache {
 public:
    explicit statement_cache(std::size_t capacity = 256) : capacity_(capacity) {}

    /// The statement of this text and these declared types, or null. Counts as a use.
    [[nodiscard]] statement* find(std::string_view text, std::span<const oid> types);

    /// Adds one under a name never used before; the least recently used one makes room and has to be closed.
    statement& add(std::string_view text, std::span<const oid> types);

    /// Forgets one that the server does not have.
    void erase(statement& which);

    /// Forgets one that the server still has: it has to be closed.
    void retire(statement& which);

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
    std::list<statement> entries_;  // most recently used first; the keys view into them
    std::unordered_map<key, std::list<statement>::iterator, hash> index_;
    std::vector<std::string> to_close_;
};

}  // namespace borealis::postgres
