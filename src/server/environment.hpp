#pragma once
/// Variables, and secrets that the config only points to.

#include <filesystem>
#include <functional>
#include <string_view>

#include "core/secret_text.hpp"

namespace borealis::server {

/// Reads variables; std::getenv in the program, a table in tests. Returns null where unset.
using environment = std::function<const char*(const char*)>;
[[nodiscard]] environment process_environment();

/// `env:NAME`, `file:PATH` (its first line; a relative path counts from `folder`) or the text itself (`text:` in front
/// of one that begins like the others). Throws std::runtime_error naming the variable or file that is not there.
[[nodiscard]] core::secret_text resolve_secret(std::string_view text, const std::filesystem::path& folder,
                                               const environment& variables);

/// The first line of the file. Throws std::runtime_error naming it.
[[nodiscard]] core::secret_text read_secret_file(const std::filesystem::path& file);

}  // namespace borealis::server
