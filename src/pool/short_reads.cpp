#include "pool/short_reads.hpp"

#include <algorithm>
#include <utility>

namespace borealis::pool {
namespace {

/// What is forgotten: how good, and how bad, a statement has been.
constexpr std::int64_t most_credit = 2 * short_read::most_slow;
constexpr std::int64_t least_credit = -4 * short_read::most_slow;
/// So many sessions in use are taken to work without one waiting for another …
constexpr std::size_t unhindered = 4;
/// … and with more than so many now and then one waits for all the others.
constexpr std::size_t crowd = 16;

}  // namespace

void short_read::observe(core::clock::duration took, std::size_t beside, std::size_t bytes,
                         const short_limits& by) noexcept {
    const auto own = took / static_cast<std::int64_t>(std::max<std::size_t>(1, beside / unhindered));
    usual_ = std::exchange(seen_, true) ? usual_ + (own - usual_) / 8 : own;
    const auto slow = by.slow * static_cast<std::int64_t>(std::max<std::size_t>(1, beside / crowd));
    const bool bad = took > slow || bytes > by.bytes;
    credit_ = std::clamp(credit_ + (bad ? -most_slow : 1), least_credit, most_credit);
}

std::shared_ptr<short_read> short_reads::find(const std::shared_ptr<const sql::rewritten>& statement) {
    const auto found = by_statement_.find(statement.get());
    if (found != by_statement_.end()) {
        by_use_.splice(by_use_.begin(), by_use_, found->second);
        auto& it = by_use_.front();
        if (it.of.expired()) {  // another statement at the same address
            it.of = statement;
            it.known = std::make_shared<short_read>();
        }
        return it.known;
    }
    if (by_use_.size() >= most_) {
        by_statement_.erase(by_use_.back().name);
        by_use_.pop_back();
    }
    by_use_.push_front({statement.get(), statement, std::make_shared<short_read>()});
    by_statement_.emplace(statement.get(), by_use_.begin());
    return by_use_.front().known;
}

}  // namespace borealis::pool
