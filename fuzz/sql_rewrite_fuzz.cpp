/// Any bytes as a statement: the names are names, the text grows by no more than its placeholders and a blank, and a
/// second pass finds nothing left to change and reads the same statement. Input: one byte whose lowest bit picks the
/// dialect and whose next bit supplies the parameter "2", then the text.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string_view>
#include <vector>

#include "sql/rewrite.hpp"

namespace {

void demand(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace borealis::sql;
    if (size == 0) return 0;
    const auto of = (data[0] & 1) != 0 ? dialect::mysql : dialect::postgresql;
    std::vector<std::string_view> supplied;
    if ((data[0] & 2) != 0) supplied.emplace_back("2");
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);

    const auto made = rewrite(text, of, supplied);
    demand(std::ranges::all_of(made.names, is_parameter_name));
    if (of == dialect::mysql) {
        demand(made.text.size() <= text.size());
        demand(std::ranges::count(made.text, '?') >= static_cast<std::ptrdiff_t>(made.names.size()));
    } else {
        const auto colons = static_cast<std::size_t>(std::ranges::count(text, ':'));
        demand(made.text.size() <= text.size() + 6 * colons);
        demand(std::set<std::string_view>(made.names.begin(), made.names.end()).size() == made.names.size());
        demand(made.names.size() <= colons);
    }

    const auto pieces = split(text, of);
    demand(pieces.empty() || !made.empty);
    demand(made.several_statements || pieces.size() <= 1);
    const char* before = text.data();
    for (const auto piece : pieces) {  // in order, within the text, and none of them nothing
        demand(!piece.empty() && piece.data() >= before && piece.data() + piece.size() <= text.data() + text.size());
        before = piece.data() + piece.size();
    }

    // Without its semicolon, `1 --;` ends in what MySQL reads as a comment.
    if (of == dialect::mysql && text.find("--;") != text.npos) return 0;
    const auto again = rewrite(made.text, of);
    demand(again.names.empty());
    demand(again.text == made.text);
    demand(again.kind == made.kind && again.touches_session == made.touches_session);
    demand(again.several_statements == made.several_statements && again.empty == made.empty);
    return 0;
}
