#pragma once
/// Columns on a terminal.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace borealis::cli {

/// Rows under a heading, padded to the widest cell of each column. Widths count code points; control characters are
/// escaped.
class table {
 public:
    explicit table(std::vector<std::string> heading);
    void add(std::vector<std::string> row);
    /// To standard output.
    void print() const;
    [[nodiscard]] std::size_t rows() const { return rows_.size() - 1; }

 private:
    std::vector<std::vector<std::string>> rows_;  // the heading first
};

}  // namespace borealis::cli
