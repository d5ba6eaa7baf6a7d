#pragma once
/// An environment of the test's own: variables out of a map, a clock that moves only while somebody sleeps.

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <stdlib.h>

#include "client/environment.hpp"

namespace borealis::client::tests {

struct fake_environment {
    struct state {
        std::mutex mutex;
        std::map<std::string, std::string> variables;
        std::chrono::system_clock::time_point now =
            std::chrono::sys_days(std::chrono::year(2026) / 11 / 23) + std::chrono::hours(12);
        std::vector<std::chrono::milliseconds> sleeps;
        double random = 1.0;
    };
    std::shared_ptr<state> held = std::make_shared<state>();  // shared with the clients made from it

    /// Nothing to be found outside the test: no files, no EC2.
    fake_environment() { held->variables = {{"HOME", "/nonexistent"}, {"AWS_EC2_METADATA_DISABLED", "true"}}; }

    [[nodiscard]] environment make() const {
        return {
            .variable = [state = held](const std::string& name) -> std::optional<std::string> {
                const std::scoped_lock lock(state->mutex);
                const auto found = state->variables.find(name);
                if (found == state->variables.end() || found->second.empty()) return std::nullopt;
                return found->second;
            },
            .now = [state = held] { return locked(state, state->now); },
            .steady_now =
                [state = held] {
                    return std::chrono::steady_clock::time_point(locked(state, state->now).time_since_epoch());
                },
            .sleep =
                [state = held](std::chrono::steady_clock::duration time) {
                    const std::scoped_lock lock(state->mutex);
                    state->now += time;
                    state->sleeps.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(time));
                },
            .random = [state = held] { return locked(state, state->random); },
        };
    }

    [[nodiscard]] std::vector<int> slept_milliseconds() const {
        std::vector<int> all;
        for (const auto one : held->sleeps) all.push_back(static_cast<int>(one.count()));
        return all;
    }

 private:
    template <class T>
    static T locked(const std::shared_ptr<state>& of, const T& value) {
        const std::scoped_lock lock(of->mutex);
        return value;
    }
};

/// A folder that is gone with the object.
class temporary_folder {
 public:
    temporary_folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "borealis-client-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
        path_ = pattern;
    }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;
    ~temporary_folder() {
        std::error_code ignored;  // what cannot be removed stays in /tmp
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] std::string path() const { return path_; }
    std::string write(const std::string& name, const std::string& text) const {
        const auto file = std::filesystem::path(path_) / name;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << text;
        return file.string();
    }

 private:
    std::string path_;
};

}  // namespace borealis::client::tests
