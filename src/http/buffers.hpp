#pragma once
/// The memory that connections read into.

#include <cstddef>
#include <memory>

namespace borealis::http {

/// The usual size, with all that lies behind what is read.
inline constexpr std::size_t usual_buffer = 8 * 1024;

struct returns_buffer {
    std::size_t size = 0;
    void operator()(char* of) const noexcept;
};
using buffer = std::unique_ptr<char[], returns_buffer>;

/// At least as many bytes, of any content. The usual size has pages of its own: an idle connection gives its buffer
/// back, and between the small things that it keeps, `malloc` would be left with a hole that holds no whole page to
/// give back in turn. Thread-safe.
[[nodiscard]] buffer make_buffer(std::size_t size);

}  // namespace borealis::http
