#include "postgres/statements.hpp"

#include <functional>
#include <utility>

#include <fmt/format.h>

namespace borealis::postgres {

std::size_t statement_cache::hash::operator()(const key& of) const noexcept {
    std::size_t out = std::hash<std::string_view>{}(of.text);
    for (const oid type : of.types) out = out * 31 + type;
    return out;
}

statement* statement_cache::find(std::string_view text, std::span<const oid> types) {
    const auto found = index_.find({text, types});
    if (found == index_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &*found->second;
}

statement& statement_cache::add(std::string_view text, std::span<const oid> types) {
    if (entries_.size() >= capacity_) retire(entries_.back());
    statement& made = entries_.emplace_front();
    made.text = text;
    made.types.assign(types.begin(), types.end());
    made.name = fmt::format("borealis_{}", ++names_);
    index_.insert({key{made.text, made.types}, entries_.begin()});
    return made;
}

void statement_cache::erase(statement& which) {
    const auto found = index_.find({which.text, which.types});
    const auto entry = found->second;
    index_.erase(found);
    entries_.erase(entry);
}

void statement_cache::retire(statement& which) {
    to_close_.push_back(std::move(which.name));
    erase(which);
}

void statement_cache::clear() {
    index_.clear();
    entries_.clear();
    to_close_.clear();
}

}  // namespace borealis::postgres
