#pragma once
/// Rewritten statements, kept by their text.

#include <cstddef>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "sql/dialect.hpp"
#include "sql/rewrite.hpp"

namespace borealis::sql {

/// The least recently used statement makes room for a new one. One thread's: there is no lock.
class statement_cache {
 public:
    struct settings {
        std::size_t statements = 2000;
        std::size_t bytes = std::size_t{16} << 20U;  ///< Of texts before and after, and names.
    };

    explicit statement_cache(settings limits);
    statement_cache() : statement_cache(settings{}) {}
    statement_cache(const statement_cache&) = delete;
    statement_cache& operator=(const statement_cache&) = delete;

    /// As rewrite(). A text that depends on the names supplied is rewritten each time.
    /// @return Shared, because a statement may still run when the cache forgets it.
    [[nodiscard]] std::shared_ptr<const rewritten> find_or_rewrite(std::string_view text, dialect of,
                                                                   std::span<const std::string_view> supplied = {});

    [[nodiscard]] std::size_t size() const { return by_text_.size(); }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
    struct key {
        dialect of;
        std::string_view text;
        friend bool operator==(const key&, const key&) = default;
    };
    struct hash {
        std::size_t operator()(const key& of) const noexcept {
            return std::hash<std::string_view>()(of.text) ^ static_cast<std::size_t>(of.of);
        }
    };
    struct entry {
        dialect of;
        std::string text;
        std::shared_ptr<const rewritten> made;
        std::size_t bytes;
    };

    void forget_oldest();

    settings limits_;
    std::list<entry> by_use_;                                            ///< Most recent first.
    std::unordered_map<key, std::list<entry>::iterator, hash> by_text_;  ///< The keys look into the entries.
    std::size_t bytes_ = 0;
};

}  // namespace borealis::sql
