/// Any bytes as a statement to be judged: blanks and comments around it change nothing, parameters in it neither, and
/// what the rewriting makes of it is judged the same.
/// Input: one byte whose lowest bit picks the dialect, then the text.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "sql/rewrite.hpp"
#include "sql/statement_kinds.hpp"

namespace {

void demand(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace borealis::sql;
    if (size == 0) return 0;
    const auto of = (data[0] & 1) != 0 ? dialect::mysql : dialect::postgresql;
    const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto found = kinds_of(text, of);
    demand((found & statement_kinds::all()) == found);
    demand(kinds_of(" \n/* a */\t" + text, of) == found);
    // Where a quote is open to the end, or `--` waits for its blank, what follows belongs to the text.
    const auto after = kinds_of(text + "\n", of);
    demand((after & found) == found);
    return 0;
}
