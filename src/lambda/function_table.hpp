#pragma once
/// The functions of this machine: declared by a configuration or template, or created over the API and kept in the
/// state folder.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "lambda/function.hpp"

namespace borealis::lambda {

/// One state of one function; never changed, only replaced. Shared by the table, and by the calls and processes that
/// began with it.
struct function_record {
    function_settings settings;
    std::string revision;  ///< UUID, another one after every change.
    std::chrono::system_clock::time_point modified;
    std::string code_sha256;          ///< base64; empty where the code is a program or folder in place.
    std::uint64_t code_size = 0;      ///< Bytes of the zip, or of the program.
    std::filesystem::path program;    ///< What is executed.
    std::filesystem::path task_root;  ///< Its working directory and LAMBDA_TASK_ROOT.
    bool declared = false;            ///< By configuration: its code cannot be changed over the API.
    [[nodiscard]] bool uploaded() const { return !declared; }
};
using function_state = std::shared_ptr<const function_record>;

/// Thread-safe.
class function_table {
 public:
    /// Reads what was created earlier under `folder`. Throws std::runtime_error naming the file that cannot be used.
    explicit function_table(std::filesystem::path folder);

    /// Adds or replaces a function of the configuration; it is not kept. Errors as of `check`, or code that is not
    /// there.
    [[nodiscard]] core::result<function_state> declare(function_settings one);
    /// Forgets declared functions that are not in `names` (after a template has changed).
    void keep_declared(const std::vector<std::string>& names);

    [[nodiscard]] function_state find(std::string_view name) const;  ///< Null: none.
    /// The same for a call that begins: where a declared function's code has changed on disk, its new state.
    [[nodiscard]] function_state current(std::string_view name);
    [[nodiscard]] std::vector<function_state> list() const;  ///< By name.

    /// Keeps the zip, unpacks it, and adds the function. `already_exists`; `validation` for settings or a zip that
    /// Lambda would refuse.
    [[nodiscard]] core::result<function_state> create(function_settings one, std::string_view zip_bytes);
    /// `not_found`, `validation`; `forbidden` for a declared one.
    [[nodiscard]] core::result<function_state> update_code(std::string_view name, std::string_view zip_bytes);
    /// Replaces the settings, but for the code. A declared function is changed until the next start.
    [[nodiscard]] core::result<function_state> update_settings(function_settings changed);
    /// Deletes a created function and its code; a declared one is gone until the next start.
    [[nodiscard]] core::result<void> remove(std::string_view name);

 private:
    /// What a declared function's code looked like when it was last looked at.
    struct look {
        std::uint64_t fingerprint = 0;
        std::chrono::steady_clock::time_point next;
    };
    struct entry {
        function_state state;
        look seen = {};
    };

    [[nodiscard]] std::filesystem::path folder_of(std::string_view name) const { return folder_ / "functions" / name; }
    void load();
    void save(const function_record& one) const;
    [[nodiscard]] core::result<void> place_code(function_record& into, std::string_view zip_bytes) const;
    [[nodiscard]] core::result<function_state> locate(function_settings one, look& seen) const;

    std::filesystem::path folder_;
    mutable std::mutex lock_;  // held for lookups and changes, never while waiting for anything but the disk
    std::map<std::string, entry, std::less<>> functions_;
};

}  // namespace borealis::lambda
