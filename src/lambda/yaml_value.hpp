#pragma once
/// YAML (and so JSON) as a tree of texts, lists and maps, with the lines where they stand. CloudFormation's short tags
/// are written out: `!Ref x` is `{"Ref": x}`, `!GetAtt a.b` is `{"Fn::GetAtt": [a, b]}`, `!Sub …` is `{"Fn::Sub": …}`.

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace borealis::lambda {

struct yaml_value {
    enum class kind : std::uint8_t { null, text, list, map };
    kind is = kind::null;
    std::string text = {};  ///< Numbers and booleans are texts too: CloudFormation does not tell them apart.
    std::vector<yaml_value> items = {};
    std::vector<std::pair<std::string, yaml_value>> members = {};
    int line = 0;  ///< From 1.

    [[nodiscard]] const yaml_value* find(std::string_view key) const;
};

/// Something is wrong with the template; `what()` is one line without the file's name.
struct template_error : std::runtime_error {
    template_error(int at_line, const std::string& message) : std::runtime_error(message), line(at_line) {}
    int line;
};

/// Throws template_error for broken YAML, a key that stands twice, nesting over 100 levels, or more than 200,000 values
/// (anchors can multiply them).
[[nodiscard]] yaml_value read_yaml(std::string_view text);

/// As JSON; every scalar is a string.
void append_json(std::string& out, const yaml_value& value);

}  // namespace borealis::lambda
