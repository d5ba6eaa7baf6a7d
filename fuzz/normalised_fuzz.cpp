/// Any bytes as a statement for a log: what is written of it does not depend on its values, and is no longer than asked
/// for.
/// Input: one byte whose lowest bit picks the dialect, then the text.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "sql/lexer.hpp"
#include "sql/normalised.hpp"

namespace {

using namespace borealis::sql;

constexpr std::string_view more_to_come = "…";

void demand(bool holds) {
    if (!holds) std::abort();
}

/// Another literal in the same quotes.
std::string other_literal(std::string_view literal) {
    const auto prefix = literal.find_first_of("'\"$");
    auto quote = literal.substr(prefix, 1);
    if (quote == "$") quote = literal.substr(prefix, literal.find('$', prefix + 1) + 1 - prefix);
    return std::string(literal.substr(0, prefix)).append(quote).append("other").append(quote);
}

std::string with_other_values(std::string_view text, dialect of) {
    std::string out;
    std::size_t end = 0;
    for (const auto& word : cut(text, of).all) {
        out += text.substr(end, word.from - end);
        const auto here = text.substr(word.from, word.to - word.from);
        if (word.is == lexeme::string) {
            out += other_literal(here);
        } else if (word.is == lexeme::number) {
            out += '7';
        } else {
            out += here;
        }
        end = word.to;
    }
    return out.append(text.substr(end));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto of = (data[0] & 1) != 0 ? dialect::mysql : dialect::postgresql;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto short_one = normalised(text, of, 20);
    demand(short_one.size() <= 20 + more_to_come.size());
    if (cut(text, of).unterminated || text.find('\\') != std::string_view::npos) return 0;
    demand(normalised(with_other_values(text, of), of, 1'000'000) == normalised(text, of, 1'000'000));
    return 0;
}
