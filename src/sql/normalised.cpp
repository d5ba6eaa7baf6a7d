#include "sql/normalised.hpp"

#include <algorithm>

#include "sql/lexer.hpp"

namespace borealis::sql {
namespace {

/// How many octets of a statement are looked at for each that may be written: comments and literals are longer than
/// what becomes of them.
constexpr std::size_t looked_at = 16;

/// Tokens at the beginning that are the same whatever a session's settings say about quotes.
std::size_t certain(std::string_view text, dialect of, const tokens& usual) {
    if (text.find('\\') == std::string_view::npos) return usual.all.size();
    auto sure = usual.all.size();
    for (const bool escapes : {false, true})
        for (const bool names : {false, true}) {
            if (of == dialect::postgresql && !names) continue;  // "…" always names there
            const auto other = cut(text, of, {.backslash_escapes = escapes, .double_quotes_name = names});
            const auto same = [](const token& a, const token& b) { return a.from == b.from && a.to == b.to; };
            const auto shared = std::min(sure, other.all.size());
            const auto differs = std::mismatch(
                usual.all.begin(), usual.all.begin() + static_cast<std::ptrdiff_t>(shared), other.all.begin(), same);
            sure = static_cast<std::size_t>(differs.first - usual.all.begin());
        }
    return sure;
}

/// Removes `repeated`, or the same without its blank, from the end.
bool drop(std::string& from, std::string_view repeated, std::string_view tight) {
    for (const auto end : {repeated, tight}) {
        if (!from.ends_with(end)) continue;
        from.resize(from.size() - end.size());
        return true;
    }
    return false;
}

}  // namespace

std::string normalised(std::string_view text, dialect of, std::size_t most) {
    const bool cut_off = text.size() / looked_at > most;
    if (cut_off) text = text.substr(0, most * looked_at);
    const auto words = cut(text, of);
    const auto sure = certain(text, of, words);
    std::string out;
    std::size_t end = 0;
    bool whole = !cut_off && sure == words.all.size();
    for (std::size_t i = 0; i < sure; ++i) {
        const auto& word = words.all[i];
        if (!out.empty() && word.from != end) out += ' ';
        end = word.to;
        if (word.is == lexeme::string || word.is == lexeme::number) {
            out += '?';
            if (drop(out, "?, ?", "?,?")) out += '?';
        } else {
            out += text.substr(word.from, word.to - word.from);
            if (drop(out, "(?), (?)", "(?),(?)")) out += "(?)";
        }
        if (out.size() <= most) continue;
        out.resize(most);
        // Not within a character.
        while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xC0U) == 0x80U) out.pop_back();
        if (!out.empty() && static_cast<unsigned char>(out.back()) >= 0x80U) out.pop_back();
        whole = false;
        break;
    }
    if (!whole) out += "…";
    return out;
}

}  // namespace borealis::sql
