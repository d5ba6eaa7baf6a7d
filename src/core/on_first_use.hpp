#pragma once
/// Functions of shared libraries that most runs of the program do without: loaded when one is called, not at start.

#include <atomic>

namespace borealis::core {

/// Loads the library unless it is there already, and never unloads it. May block on the disk.
/// Throws std::runtime_error, which names the library, where it or its function is missing.
[[nodiscard]] void* address_of(const char* library, const char* function);

/// Called as the function is. `Function` is its type: decltype(::name).
template <class Function>
class on_first_use {
 public:
    /// @param library  File name as the loader looks for it, with the version of its interface: "libpq.so.5".
    constexpr on_first_use(const char* library, const char* function) : library_(library), function_(function) {}

    template <class... Arguments>
    auto operator()(Arguments... given) const {
        auto* known = address_.load(std::memory_order_acquire);
        if (known == nullptr) {
            known = reinterpret_cast<Function*>(address_of(library_, function_));
            address_.store(known, std::memory_order_release);
        }
        return known(given...);
    }

 private:
    const char* library_;
    const char* function_;
    mutable std::atomic<Function*> address_{};
};

}  // namespace borealis::core
