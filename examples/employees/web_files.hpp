#pragma once
/// The page of web/, as it was when the program was built.

#include <string_view>

namespace employees {

struct web_file {
    std::string_view content_type;
    std::string_view content;
};

/// `/` (or an empty path, that of a named stage alone), `/employees.js`, `/employees.css`; null for anything else.
[[nodiscard]] const web_file* find_web_file(std::string_view path);

}  // namespace employees
