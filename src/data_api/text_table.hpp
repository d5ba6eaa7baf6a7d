#pragma once
/// What is known by a text.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace borealis::data_api {

/// Made for calls that mostly name what the last one has named: that is found without hashing it again.
template <class Value>
class text_table {
    struct hash : std::hash<std::string_view> {
        using is_transparent = void;
    };
    using table = std::unordered_map<std::string, Value, hash, std::equal_to<>>;

 public:
    /// Null: unknown. What is found stays where it is as long as it is known.
    [[nodiscard]] Value* find(std::string_view text) {
        if (last_ != nullptr && last_->first == text) return &last_->second;
        const auto found = all_.find(text);
        if (found == all_.end()) return nullptr;
        last_ = std::to_address(found);
        return &last_->second;
    }
    [[nodiscard]] const Value* find(std::string_view text) const {
        const auto found = all_.find(text);
        return found == all_.end() ? nullptr : &found->second;
    }

    /// Known from now on, if it was not.
    Value& operator[](std::string_view text) {
        if (auto* const known = find(text)) return *known;
        return all_.try_emplace(std::string(text)).first->second;
    }

    [[nodiscard]] std::size_t size() const { return all_.size(); }
    void clear() {
        last_ = nullptr;
        all_.clear();
    }
    /// @param condition  Of a text and its value.
    template <class Condition>
    void erase_if(Condition condition) {
        last_ = nullptr;
        std::erase_if(all_, [&](const auto& each) { return condition(std::string_view(each.first), each.second); });
    }
    template <class Action>
    void for_each(Action action) {
        for (auto& [text, value] : all_) action(value);
    }

 private:
    table all_;
    typename table::value_type* last_ = nullptr;
};

}  // namespace borealis::data_api
