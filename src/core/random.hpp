#pragma once
/// Random bytes from the kernel, and what is made of them.

#include <cstddef>
#include <span>
#include <string>

namespace borealis::core {

/// Fills `into` from getrandom(2). Throws std::system_error where the kernel has none to give.
void random_bytes(std::span<std::byte> into);

/// The same for a few, from a per-thread pool of random bytes.
void take_random_bytes(std::span<std::byte> into);

/// A version 4 UUID in lower-case text, 36 characters. Taken from the pool.
[[nodiscard]] std::string random_uuid();
/// The same, appended.
void append_random_uuid(std::string& out);

/// `length` characters out of [A-Za-z0-9].
[[nodiscard]] std::string random_alphanumeric(std::size_t length);

}  // namespace borealis::core
