#include "client/config_file.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "client/failure.hpp"

namespace borealis::client {
namespace {

constexpr std::string_view blanks = " \t\r\f\v";

std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return out;
}

/// `profile "my name"` and `profile   my name` are one.
std::string section_name(std::string_view text) {
    text = trimmed(text);
    const auto space = text.find_first_of(blanks);
    if (space == std::string_view::npos) return std::string(text);
    auto rest = trimmed(text.substr(space));
    if (rest.size() >= 2 && (rest.front() == '"' || rest.front() == '\'') && rest.back() == rest.front()) {
        rest = rest.substr(1, rest.size() - 2);
    }
    return std::string(text.substr(0, space)) + ' ' + std::string(rest);
}

}  // namespace

std::optional<std::string> config_section::find(const std::string& key) const {
    const auto found = values.find(key);
    if (found == values.end() || found->second.empty()) return std::nullopt;
    return found->second;
}

config_file parse_config(std::string_view text, const std::string& origin) {
    config_file file;
    config_section* section = nullptr;
    std::string key;
    std::size_t number = 0;
    const auto refuse = [&](std::string_view why) {
        throw_configuration("Unable to parse config file: " + origin + ", line " + std::to_string(number) + ": " +
                            std::string(why));
    };
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    while (!text.empty()) {
        ++number;
        const auto end = text.find('\n');
        const auto line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        const auto content = trimmed(line);
        if (content.empty() || content.front() == '#' || content.front() == ';') continue;
        const bool indented = blanks.contains(line.front());
        if (!indented && content.front() == '[') {
            const auto close = content.find(']');
            if (close == std::string_view::npos) refuse("the section's name does not end in ']'");
            section = &file[section_name(content.substr(1, close - 1))];
            key.clear();
            continue;
        }
        if (section == nullptr) refuse("there is no [section] before it");
        const auto equals = content.find('=');
        const auto name = lower(trimmed(content.substr(0, equals)));
        const auto value = equals == std::string_view::npos ? std::string_view() : trimmed(content.substr(equals + 1));
        if (indented && !key.empty()) {
            auto& above = section->values[key];
            if (!above.empty()) {
                above += '\n';
                above += content;
            } else if (equals != std::string_view::npos && !name.empty()) {
                section->nested[key][name] = value;
            } else {
                refuse("an indented line needs the form 'key = value'");
            }
            continue;
        }
        if (equals == std::string_view::npos || name.empty()) refuse("it needs the form 'key = value'");
        key = name;
        section->values[key] = value;
    }
    return file;
}

std::optional<std::string> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return std::nullopt;
    std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (file.bad()) return std::nullopt;
    return text;
}

config_file read_config(const std::string& path) {
    const auto text = read_file(path);
    return text ? parse_config(*text, path) : config_file();
}

}  // namespace borealis::client
