#include "cli/request_file.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace borealis::cli {
namespace {

std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

}  // namespace

request_file request_file::parse(std::string_view text) {
    int number = 0;
    const auto next_line = [&] {
        const auto end = std::min(text.find('\n'), text.size());
        auto line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        ++number;
        return line;
    };
    const auto broken = [&](std::string_view what) {
        return std::runtime_error(fmt::format("the request cannot be read: line {}: {}", number, what));
    };

    request_file made;
    const auto first = next_line();
    const auto begin = first.find(' ');
    const auto end = first.rfind(' ');
    if (begin == std::string_view::npos || begin == 0 || end == begin || !first.substr(end + 1).starts_with("HTTP/"))
        throw broken("not a request line, METHOD TARGET HTTP/1.1");
    made.method = first.substr(0, begin);
    const auto target = first.substr(begin + 1, end - begin - 1);
    const auto question = std::min(target.find('?'), target.size());
    made.path = target.substr(0, question);
    made.query = target.substr(std::min(question + 1, target.size()));

    while (!text.empty()) {
        const auto line = next_line();
        if (line.empty()) {
            made.body = text;
            break;
        }
        if (line.front() == ' ' || line.front() == '\t') {
            if (made.headers.empty()) throw broken("continues a header, and there is none before it");
            made.headers.back().second += ' ';
            made.headers.back().second += trimmed(line);
            continue;
        }
        const auto colon = line.find(':');
        if (colon == std::string_view::npos || colon == 0) throw broken("not a header, NAME: VALUE");
        made.headers.emplace_back(line.substr(0, colon), trimmed(line.substr(colon + 1)));
    }
    return made;
}

std::vector<auth::header> request_file::views() const {
    std::vector<auth::header> all;
    all.reserve(headers.size());
    for (const auto& [name, value] : headers) all.push_back({name, value});
    return all;
}

}  // namespace borealis::cli
