#pragma once
/// `--name value` pairs of a command line.

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <initializer_list>
#include <iostream>
#include <map>
#include <string>
#include <string_view>

namespace borealis::bench {

class arguments {
 public:
    /// Ends the process with a word about it when there is anything but pairs, or a name that is not in `known`.
    arguments(int count, const char* const* words, std::initializer_list<std::string_view> known) {
        for (int i = 1; i < count; i += 2) {
            std::string_view name = words[i];
            if (!name.starts_with("--")) refuse(name);
            name.remove_prefix(2);
            if (i + 1 == count || std::find(known.begin(), known.end(), name) == known.end()) refuse(words[i]);
            values_.emplace(name, words[i + 1]);
        }
    }

    [[nodiscard]] std::string text(std::string_view name, std::string_view otherwise = {}) const {
        const auto at = values_.find(name);
        return std::string(at == values_.end() ? otherwise : at->second);
    }

    [[nodiscard]] double number(std::string_view name, double otherwise) const {
        const auto at = values_.find(name);
        if (at == values_.end()) return otherwise;
        double value = 0;
        const auto [end, problem] = std::from_chars(at->second.data(), at->second.data() + at->second.size(), value);
        if (problem != std::errc() || end != at->second.data() + at->second.size() || value < 0) refuse(name);
        return value;
    }

    [[nodiscard]] std::size_t count(std::string_view name, std::size_t otherwise) const {
        return static_cast<std::size_t>(number(name, static_cast<double>(otherwise)));
    }

 private:
    [[noreturn]] static void refuse(std::string_view word) {
        std::cerr << "not understood: " << word << '\n';
        std::exit(2);
    }

    std::map<std::string_view, std::string_view> values_;
};

/// What the environment has, for what belongs into no command line.
inline std::string environment(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
}

}  // namespace borealis::bench
