#pragma once
/// The shared AWS config and credentials files.

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace borealis::client {

/// `key = value` of one section; a key with an empty value and indented lines below has those as `nested` (one level).
struct config_section {
    std::map<std::string, std::string> values = {};
    std::map<std::string, std::map<std::string, std::string>> nested = {};

    [[nodiscard]] std::optional<std::string> find(const std::string& key) const;  ///< Empty counts as absent.
};

/// Sections by their whole name: `default`, `profile demo`, `services local`.
using config_file = std::map<std::string, config_section>;

/// Comments `#` and `;` at the line's start, keys in lower case, blanks around `=` and names trimmed, values as they
/// are (no unquoting), sections of one name merged, the later value wins; an indented line below a value continues it.
/// Throws `configuration_error` with `origin` and the line's number for anything else.
[[nodiscard]] config_file parse_config(std::string_view text, const std::string& origin);

/// The same of a file; no sections where it cannot be opened.
[[nodiscard]] config_file read_config(const std::string& path);

/// All of a file, or nothing where it cannot be read.
[[nodiscard]] std::optional<std::string> read_file(const std::string& path);

}  // namespace borealis::client
