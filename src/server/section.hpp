#pragma once
/// One table of the config file.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#define TOML_EXCEPTIONS 1
// toml++ 3.3 asserts that a key follows `[` before it looks whether one does, and in a release takes it for granted
// (TOML_ASSERT_ASSUME): `[)` is an error only without both.
#pragma push_macro("NDEBUG")
#undef NDEBUG
#define TOML_ASSERT(what) static_cast<void>(0)
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")

namespace borealis::server {

/// One TOML table being read: each key is asked for once, and what nobody asked for is an error.
class section {
 public:
    section(const toml::table& table, std::string name, const std::string& file)
        : table_(table), name_(std::move(name)), file_(file) {}

    [[noreturn]] void fail(const toml::source_region& at, const std::string& text) const {
        throw std::runtime_error(fmt::format("{}:{}:{}: {}", file_, at.begin.line, at.begin.column, text));
    }

    const toml::node* find(std::string_view key) {
        asked_.emplace(key);
        return table_.get(key);
    }

    template <class T>
    T need(const toml::node& value, std::string_view key, std::string_view what) const {
        if (auto typed = value.value_exact<T>()) return *typed;
        fail(value.source(), fmt::format("`{}` must be {}", key, what));
    }

    void text(std::string_view key, std::string& into) {
        if (const auto* value = find(key)) into = need<std::string>(*value, key, "a string");
    }

    void flag(std::string_view key, bool& into) {
        if (const auto* value = find(key)) into = need<bool>(*value, key, "true or false");
    }

    template <class T>
    void number(std::string_view key, T& into, std::int64_t least, std::int64_t most) {
        const auto* value = find(key);
        if (value == nullptr) return;
        const auto given = need<std::int64_t>(*value, key, "a whole number");
        if (given < least || given > most)
            fail(value->source(), fmt::format("`{}` must be from {} to {}", key, least, most));
        into = static_cast<T>(given);
    }

    /// A number of seconds, fractions allowed.
    template <class Duration>
    void seconds(std::string_view key, Duration& into, double least, double most) {
        const auto* value = find(key);
        if (value == nullptr) return;
        const auto given = value->value<double>();
        if (!given || (!value->is_integer() && !value->is_floating_point())) {
            fail(value->source(), fmt::format("`{}` must be a number of seconds", key));
        }
        if (!(*given >= least && *given <= most)) {
            fail(value->source(), fmt::format("`{}` must be from {} to {} seconds", key, least, most));
        }
        into = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(*given));
    }

    std::vector<std::string> texts(std::string_view key) {
        std::vector<std::string> all;
        const auto* value = find(key);
        if (value == nullptr) return all;
        const auto* list = value->as_array();
        if (list == nullptr) fail(value->source(), fmt::format("`{}` must be a list of strings", key));
        for (const auto& one : *list) all.push_back(need<std::string>(one, key, "a list of strings"));
        return all;
    }

    /// The table of that key, or null.
    const toml::table* table(std::string_view key) {
        const auto* value = find(key);
        if (value == nullptr) return nullptr;
        if (const auto* inner = value->as_table()) return inner;
        fail(value->source(), fmt::format("`{0}` must be a table: [{0}]", key));
    }

    /// A table of texts: `name = "value"`.
    std::map<std::string, std::string, std::less<>> texts_by_name(std::string_view key) {
        std::map<std::string, std::string, std::less<>> all;
        const auto* inner = table(key);
        if (inner == nullptr) return all;
        for (const auto& [name, value] : *inner)
            all.emplace(std::string(name.str()), need<std::string>(value, name.str(), "a string"));
        return all;
    }

    std::vector<const toml::table*> tables(std::string_view key) {
        std::vector<const toml::table*> all;
        const auto* value = find(key);
        if (value == nullptr) return all;
        const auto* list = value->as_array();
        if (list == nullptr) fail(value->source(), fmt::format("`{0}` must be a list of tables: [[{0}]]", key));
        for (const auto& one : *list) {
            if (!one.is_table()) fail(one.source(), fmt::format("`{0}` must be a list of tables: [[{0}]]", key));
            all.push_back(one.as_table());
        }
        return all;
    }

    [[nodiscard]] const toml::source_region& where() const { return table_.source(); }
    [[nodiscard]] const std::string& file() const { return file_; }

    /// Throws for the first key that nobody asked for.
    void finish() const {
        for (const auto& [key, value] : table_) {
            if (asked_.contains(key.str())) continue;
            std::string known;
            for (const auto& name : asked_) known += (known.empty() ? "" : ", ") + name;
            fail(key.source(), fmt::format("unknown key `{}`{}; known are: {}", std::string(key.str()),
                                           name_.empty() ? "" : " in " + name_, known));
        }
    }

 private:
    const toml::table& table_;
    std::string name_;
    const std::string& file_;
    std::set<std::string, std::less<>> asked_;
};

}  // namespace borealis::server
