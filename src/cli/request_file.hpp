#pragma once
/// An HTTP request as it stands in a file.

#include <string>
#include <string_view>
#include <vector>

#include "auth/signature.hpp"

namespace borealis::cli {

/// Owns the text that its views point into.
struct request_file {
    std::string method, path, query, body;
    std::vector<std::pair<std::string, std::string>> headers;

    /// Reads what a server would refuse but signers are tested with: lines that end in LF or CRLF, blanks in the
    /// target, headers folded over several lines (joined by a blank), no blank line where there is no body. The body
    /// is every byte behind the blank line.
    /// Throws std::runtime_error with the number of the line that is wrong.
    static request_file parse(std::string_view text);

    [[nodiscard]] std::vector<auth::header> views() const;
};

}  // namespace borealis::cli
