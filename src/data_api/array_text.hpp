#pragma once
/// PostgreSQL's array text, element by element.

#include <cstdint>
#include <string>
#include <string_view>

namespace borealis::data_api {

/// Reads `{1,NULL,"a \"b\""}` (PostgreSQL manual, "Array Input and Output Syntax"). Knows nothing of the element type.
class array_reader {
 public:
    enum class step : std::uint8_t {
        element,    ///< `text()` is an element.
        null,       ///< An element that is NULL.
        nested,     ///< The array has more than one dimension: `text()` is an array of its own.
        end,        ///< No more elements.
        malformed,  ///< Not array text. Do not call again.
    };

    /// @param text  Outlives the reader. Bounds in front (`[0:2]={…}`) are skipped.
    explicit array_reader(std::string_view text, char delimiter = ',');

    [[nodiscard]] step next();

    /// The last element, unescaped; valid until the next call.
    [[nodiscard]] std::string_view text() const { return element_; }

 private:
    step read_quoted();
    step read_nested();

    std::string_view left_;
    std::string_view element_;
    std::string unescaped_;  // only for elements that hold a backslash
    char delimiter_;
    bool first_ = true;
    bool broken_ = false;
};

}  // namespace borealis::data_api
