#include "lambda/yaml_value.hpp"

#include <algorithm>
#include <cstddef>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "json/writer.hpp"

namespace borealis::lambda {
namespace {

constexpr int most_levels = 100;
constexpr std::size_t most_values = 200'000;

yaml_value text_value(std::string text, int line) {
    return {.is = yaml_value::kind::text, .text = std::move(text), .line = line};
}

class converter {
 public:
    yaml_value convert(const YAML::Node& node, int level) {
        const int line = node.Mark().line + 1;
        if (level > most_levels) throw template_error(line, "nested too deeply");
        if (++values_ > most_values) throw template_error(line, "the template holds too many values");
        auto value = without_tag(node, level, line);
        const auto& tag = node.Tag();
        if (tag.size() < 2 || tag.front() != '!' || tag.starts_with("!<") || tag == "!") return value;
        return with_tag(tag.substr(1), std::move(value));
    }

 private:
    yaml_value without_tag(const YAML::Node& node, int level, int line) {
        yaml_value made{.line = line};
        switch (node.Type()) {
            case YAML::NodeType::Undefined:
            case YAML::NodeType::Null:
                break;
            case YAML::NodeType::Scalar:
                made.is = yaml_value::kind::text;
                made.text = node.Scalar();
                break;
            case YAML::NodeType::Sequence:
                made.is = yaml_value::kind::list;
                for (const auto& one : node) made.items.push_back(convert(one, level + 1));
                break;
            case YAML::NodeType::Map:
                made.is = yaml_value::kind::map;
                for (const auto& one : node) {
                    if (!one.first.IsScalar()) throw template_error(one.first.Mark().line + 1, "a key must be a text");
                    auto key = one.first.Scalar();
                    if (made.find(key) != nullptr) {
                        throw template_error(one.first.Mark().line + 1, fmt::format("`{}` stands twice", key));
                    }
                    made.members.emplace_back(std::move(key), convert(one.second, level + 1));
                }
                break;
        }
        return made;
    }

    static yaml_value with_tag(std::string tag, yaml_value value) {
        const int line = value.line;
        if (tag == "GetAtt" && value.is == yaml_value::kind::text) {
            const auto dot = value.text.find('.');
            if (dot == std::string::npos) {
                throw template_error(line, fmt::format("`!GetAtt {}`: write Resource.Attribute", value.text));
            }
            yaml_value both{.is = yaml_value::kind::list, .line = line};
            both.items.push_back(text_value(value.text.substr(0, dot), line));
            both.items.push_back(text_value(value.text.substr(dot + 1), line));
            value = std::move(both);
        }
        yaml_value made{.is = yaml_value::kind::map, .line = line};
        made.members.emplace_back(tag == "Ref" || tag == "Condition" ? tag : "Fn::" + tag, std::move(value));
        return made;
    }

    std::size_t values_ = 0;
};

}  // namespace

const yaml_value* yaml_value::find(std::string_view key) const {
    const auto found = std::ranges::find_if(members, [key](const auto& one) { return one.first == key; });
    return found == members.end() ? nullptr : &found->second;
}

yaml_value read_yaml(std::string_view text) {
    try {
        return converter().convert(YAML::Load(std::string(text)), 0);
    } catch (const YAML::Exception& wrong) {
        throw template_error(wrong.mark.line + 1, wrong.msg);
    }
}

void append_json(std::string& out, const yaml_value& value) {
    switch (value.is) {
        case yaml_value::kind::null:
            out += "null";
            return;
        case yaml_value::kind::text:
            json::append_string(out, value.text);
            return;
        case yaml_value::kind::list: {
            out += '[';
            for (std::size_t i = 0; i < value.items.size(); ++i) {
                if (i > 0) out += ',';
                append_json(out, value.items[i]);
            }
            out += ']';
            return;
        }
        case yaml_value::kind::map:
            break;
    }
    out += '{';
    bool first = true;
    for (const auto& [key, member] : value.members) {
        if (!first) out += ',';
        first = false;
        json::append_string(out, key);
        out += ':';
        append_json(out, member);
    }
    out += '}';
}

}  // namespace borealis::lambda
