#include "sql/statement_cache.hpp"

#include <utility>

namespace borealis::sql {
namespace {

std::size_t size_of(std::string_view text, const rewritten& made) {
    auto bytes = sizeof(rewritten) + text.size() + made.text.size();
    for (const auto& name : made.names) bytes += sizeof(std::string) + name.size();
    return bytes;
}

}  // namespace

statement_cache::statement_cache(settings limits) : limits_(limits) {}

std::shared_ptr<const rewritten> statement_cache::find_or_rewrite(std::string_view text, dialect of,
                                                                  std::span<const std::string_view> supplied) {
    // Calls in a row mostly send the same.
    if (!by_use_.empty() && by_use_.front().of == of && by_use_.front().text == text) return by_use_.front().made;
    if (const auto found = by_text_.find({of, text}); found != by_text_.end()) {
        by_use_.splice(by_use_.begin(), by_use_, found->second);
        return found->second->made;
    }
    auto made = std::make_shared<const rewritten>(rewrite(text, of, supplied));
    const auto bytes = size_of(text, *made);
    if (made->depends_on_supplied || bytes > limits_.bytes || limits_.statements == 0) return made;
    while (by_text_.size() >= limits_.statements || bytes_ + bytes > limits_.bytes) forget_oldest();
    by_use_.push_front({of, std::string(text), made, bytes});
    by_text_.emplace(key{of, by_use_.front().text}, by_use_.begin());
    bytes_ += bytes;
    return made;
}

void statement_cache::forget_oldest() {
    const auto& oldest = by_use_.back();
    bytes_ -= oldest.bytes;
    by_text_.erase({oldest.of, oldest.text});
    by_use_.pop_back();
}

}  // namespace borealis::sql
