#pragma once
/// Text inside XML, for the query protocol's answers.

#include <string>
#include <string_view>

namespace borealis::core {

/// Appends `text` as the content of an element or a quoted attribute: `& < > " '` as entities, CR as `&#xD;` (a parser
/// would read it as LF), and what XML 1.0 (2.2) cannot carry, control characters, U+FFFE and U+FFFF, as U+FFFD. `text`
/// is in UTF-8.
void append_xml(std::string& out, std::string_view text);

/// `<name>text</name>`
void append_xml_element(std::string& out, std::string_view name, std::string_view text);

}  // namespace borealis::core
