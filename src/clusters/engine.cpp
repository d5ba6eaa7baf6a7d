#include "clusters/engine.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <system_error>

namespace borealis::clusters {
namespace {

namespace fs = std::filesystem;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::vector<fs::path> program_folders(const std::vector<fs::path>& others) {
    std::vector<fs::path> found;
    const auto add = [&found](const fs::path& folder) {
        std::error_code ignored;  // not to be entered is as good as not there
        if (folder.is_absolute() && fs::is_directory(folder, ignored) &&
            std::ranges::find(found, folder) == found.end())
            found.push_back(folder);
    };
    for (const auto& each : others) add(each);
    const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody here changes the environment
    for (std::string_view rest = path == nullptr ? "" : path; !rest.empty();) {
        const auto end = std::min(rest.find(':'), rest.size());
        add(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return found;
}

std::string version_in(std::string_view text) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (!is_digit(text[at])) continue;
        auto end = at;
        while (end < text.size() &&
               (is_digit(text[end]) || (text[end] == '.' && end + 1 < text.size() && is_digit(text[end + 1]))))
            ++end;
        const auto number = text.substr(at, end - at);
        if (number.find('.') != std::string_view::npos) return std::string(number);
        at = end;
    }
    return {};
}

std::string in_quotes(std::string_view text, char quote) {
    std::string out(1, quote);
    for (const char c : text) out.append(c == quote ? 2 : 1, c);
    return out + quote;
}

bool is_older(std::string_view left, std::string_view right) {
    const auto take = [](std::string_view& from) {
        int number = 0;
        const auto end = std::from_chars(from.data(), from.data() + from.size(), number).ptr;
        from.remove_prefix(static_cast<std::size_t>(end - from.data()));
        if (!from.empty()) from.remove_prefix(1);
        return number;
    };
    while (!left.empty() || !right.empty()) {
        const int a = take(left);
        const int b = take(right);
        if (a != b) return a < b;
    }
    return false;
}

}  // namespace borealis::clusters
