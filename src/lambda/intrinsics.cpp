#include "lambda/intrinsics.hpp"

#include <algorithm>
#include <charconv>
#include <regex>

#include <fmt/format.h>

#include "core/base64.hpp"

namespace borealis::lambda {
namespace {

using kind = yaml_value::kind;

/// Functions inside of functions, and conditions that name each other.
constexpr int most_depth = 100;

yaml_value text_value(std::string text, int line) { return {.is = kind::text, .text = std::move(text), .line = line}; }

const yaml_value* map_of(const yaml_value& root, std::string_view section) {
    const auto* found = root.find(section);
    if (found == nullptr || found->is == kind::null) return nullptr;
    if (found->is != kind::map) throw template_error(found->line, fmt::format("`{}` must be a map", section));
    return found;
}

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(' ');
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

yaml_value split_list(std::string_view text, std::string_view by, int line, bool trim) {
    yaml_value made{.is = kind::list, .line = line};
    while (true) {
        const auto at = text.find(by);
        const auto part = text.substr(0, at);
        made.items.push_back(text_value(std::string(trim ? trimmed(part) : part), line));
        if (at == std::string_view::npos) return made;
        text.remove_prefix(at + by.size());
    }
}

bool is_list_type(std::string_view type) { return type == "CommaDelimitedList" || type.starts_with("List<"); }

/// The one member of a map that is a call; null for every other value.
const std::pair<std::string, yaml_value>* call_in(const yaml_value& value) {
    if (value.is != kind::map || value.members.size() != 1) return nullptr;
    const auto& only = value.members.front();
    if (only.first == "Ref" || only.first.starts_with("Fn::")) return &only;
    return nullptr;
}

}  // namespace

intrinsics::intrinsics(const yaml_value& root, const template_context& context)
    : root_(root),
      context_(context),
      parameters_(map_of(root, "Parameters")),
      resources_(map_of(root, "Resources")),
      conditions_(map_of(root, "Conditions")),
      mappings_(map_of(root, "Mappings")) {
    for (const auto& [name, value] : context.parameters) {
        const auto* declared = parameters_ == nullptr ? nullptr : parameters_->find(name);
        if (declared == nullptr) throw template_error(0, fmt::format("the template has no parameter `{}`", name));
        if (const auto* allowed = declared->find("AllowedValues"); allowed != nullptr && allowed->is == kind::list) {
            std::string list;
            for (const auto& one : allowed->items) list += (list.empty() ? "" : ", ") + one.text;
            if (std::ranges::none_of(allowed->items, [&](const auto& one) { return one.text == value; })) {
                throw template_error(declared->line,
                                     fmt::format("the parameter `{}` may be one of {}, not `{}`", name, list, value));
            }
        }
        if (const auto* pattern = declared->find("AllowedPattern"); pattern != nullptr) {
            bool fits = true;
            try {
                fits = std::regex_match(value, std::regex(pattern->text));
            } catch (const std::regex_error&) {
                // A pattern of another dialect: CloudFormation will say.
            }
            if (!fits) {
                throw template_error(declared->line, fmt::format("the parameter `{}` must match {}, as `{}` does not",
                                                                 name, pattern->text, value));
            }
        }
    }
}

yaml_value intrinsics::resolve(const yaml_value& value) const {
    auto found = compute(value, 0);
    return found ? std::move(*found) : yaml_value{.line = value.line};
}

std::string intrinsics::text(const yaml_value& value) const { return needed_text(value, 0); }

bool intrinsics::applies(const yaml_value& resource) const {
    const auto* name = resource.find("Condition");
    return name == nullptr || name->is != kind::text || condition(name->text, name->line, 0);
}

std::optional<yaml_value> intrinsics::compute(const yaml_value& value, int depth) const {
    if (depth > most_depth) throw template_error(value.line, "functions that go around in circles, or too deep");
    if (const auto* called = call_in(value)) return call(called->first, called->second, value.line, depth + 1);
    yaml_value made{.is = value.is, .text = value.text, .line = value.line};
    if (value.is == kind::text && value.text.contains("{{resolve:")) {
        throw template_error(value.line,
                             fmt::format("`{}` cannot be resolved on this machine; use a parameter", value.text));
    }
    for (const auto& one : value.items) {
        if (auto item = compute(one, depth + 1)) made.items.push_back(std::move(*item));
    }
    for (const auto& [key, one] : value.members) {
        if (auto member = compute(one, depth + 1)) made.members.emplace_back(key, std::move(*member));
    }
    return made;
}

yaml_value intrinsics::needed(const yaml_value& value, int depth) const {
    auto found = compute(value, depth);
    if (!found) throw template_error(value.line, "AWS::NoValue stands where a value is needed");
    return std::move(*found);
}

std::string intrinsics::needed_text(const yaml_value& value, int depth) const {
    auto found = needed(value, depth);
    if (found.is != kind::text) throw template_error(value.line, "a text is needed here");
    return std::move(found.text);
}

yaml_value intrinsics::needed_list(const yaml_value& value, std::string_view of, int depth) const {
    auto found = needed(value, depth);
    if (found.is != kind::list) throw template_error(value.line, fmt::format("{} needs a list here", of));
    return found;
}

std::optional<yaml_value> intrinsics::reference(const std::string& name, int line) const {
    if (name == "AWS::NoValue") return std::nullopt;
    if (name == "AWS::Region") return text_value(context_.region, line);
    if (name == "AWS::AccountId") return text_value(context_.account, line);
    if (name == "AWS::StackName") return text_value(context_.stack, line);
    if (name == "AWS::Partition") return text_value("aws", line);
    if (name == "AWS::URLSuffix") return text_value("amazonaws.com", line);
    if (name == "AWS::NotificationARNs") return yaml_value{.is = kind::list, .line = line};
    if (name == "AWS::StackId") {
        return text_value(fmt::format("arn:aws:cloudformation:{}:{}:stack/{}/00000000-0000-0000-0000-000000000000",
                                      context_.region, context_.account, context_.stack),
                          line);
    }
    if (const auto* declared = parameters_ == nullptr ? nullptr : parameters_->find(name)) {
        const auto given = context_.parameters.find(name);
        const auto* type = declared->find("Type");
        const std::string_view type_name = type == nullptr ? std::string_view() : std::string_view(type->text);
        if (given == context_.parameters.end()) {
            const auto* usual = declared->find("Default");
            if (usual == nullptr || type_name.starts_with("AWS::SSM::")) {
                throw template_error(line,
                                     fmt::format("the parameter `{0}` needs a value: give --parameter {0}=…", name));
            }
            return is_list_type(type_name) ? split_list(usual->text, ",", line, true) : text_value(usual->text, line);
        }
        return is_list_type(type_name) ? split_list(given->second, ",", line, true) : text_value(given->second, line);
    }
    return text_value(attribute(name, "Ref", line), line);
}

std::string intrinsics::attribute(const std::string& resource, std::string_view name, int line) const {
    const bool is_ref = name == "Ref";
    const auto key = is_ref ? resource : fmt::format("{}.{}", resource, name);
    if (const auto given = context_.attributes.find(key); given != context_.attributes.end()) return given->second;
    const auto* found = resources_ == nullptr ? nullptr : resources_->find(resource);
    if (found == nullptr) {
        throw template_error(line,
                             fmt::format("`{}` names neither a resource nor a parameter of the template", resource));
    }
    const auto* type = found->find("Type");
    if (context_.resource && type != nullptr) {
        if (auto value = context_.resource(resource, type->text, *found, name)) return std::move(*value);
    }
    throw template_error(line, fmt::format("`{0}` has no value on this machine: give --attribute {0}=…", key));
}

std::string intrinsics::substitute(const yaml_value& argument, int line, int depth) const {
    std::string pattern;
    yaml_value variables{.is = kind::map, .line = line};
    if (argument.is == kind::list) {
        if (argument.items.size() != 2 || argument.items[0].is != kind::text || argument.items[1].is != kind::map) {
            throw template_error(line, "Fn::Sub needs a text, or a list of a text and a map");
        }
        pattern = argument.items[0].text;
        variables = argument.items[1];
    } else if (argument.is == kind::text) {
        pattern = argument.text;
    } else {
        throw template_error(line, "Fn::Sub needs a text, or a list of a text and a map");
    }
    std::string out;
    for (std::size_t at = 0;;) {
        const auto open = pattern.find("${", at);
        out += pattern.substr(at, open - at);
        if (open == std::string::npos) return out;
        const auto close = pattern.find('}', open);
        if (close == std::string::npos) throw template_error(line, fmt::format("`{}` has no closing brace", pattern));
        const auto name = pattern.substr(open + 2, close - open - 2);
        at = close + 1;
        if (name.starts_with('!')) {  // ${!Literal}
            out += fmt::format("${{{}}}", name.substr(1));
        } else if (const auto* own = variables.find(name)) {
            out += needed_text(*own, depth);
        } else if (const auto dot = name.find('.'); dot != std::string::npos) {
            out += attribute(name.substr(0, dot), name.substr(dot + 1), line);
        } else {
            const auto value = reference(name, line);
            if (!value || value->is != kind::text) {
                throw template_error(line, fmt::format("`${{{}}}` is no text", name));
            }
            out += value->text;
        }
    }
}

bool intrinsics::condition(const std::string& name, int line, int depth) const {
    if (depth > most_depth) throw template_error(line, "conditions that go around in circles");
    const auto* found = conditions_ == nullptr ? nullptr : conditions_->find(name);
    if (found == nullptr) throw template_error(line, fmt::format("there is no condition `{}`", name));
    return truth(*found, depth + 1);
}

bool intrinsics::truth(const yaml_value& value, int depth) const {
    if (depth > most_depth) throw template_error(value.line, "conditions that go around in circles");
    const auto members = [&](const yaml_value& of) {
        if (of.is != kind::list) throw template_error(of.line, "a list of conditions is needed here");
        return &of.items;
    };
    if (value.is == kind::map && value.members.size() == 1) {
        const auto& [name, argument] = value.members.front();
        const auto one = [&](const yaml_value& at) { return truth(at, depth + 1); };
        if (name == "Condition") return condition(argument.text, value.line, depth + 1);
        if (name == "Fn::And") return std::ranges::all_of(*members(argument), one);
        if (name == "Fn::Or") return std::ranges::any_of(*members(argument), one);
        if (name == "Fn::Not") return !std::ranges::all_of(*members(argument), one);
        if (name == "Fn::Equals") {
            const auto& both = *members(argument);
            if (both.size() != 2) throw template_error(value.line, "Fn::Equals needs two values");
            return needed_text(both[0], depth + 1) == needed_text(both[1], depth + 1);
        }
    }
    throw template_error(value.line, "a condition is one of Fn::Equals, Fn::And, Fn::Or, Fn::Not and Condition");
}

std::optional<yaml_value> intrinsics::call(std::string_view name, const yaml_value& argument, int line,
                                           int depth) const {
    const auto wrong = [&](std::string_view needs) {
        return template_error(line, fmt::format("{} needs {}", name, needs));
    };
    if (name == "Ref") {
        if (argument.is != kind::text) throw wrong("a name");
        return reference(argument.text, line);
    }
    if (name == "Fn::GetAtt") {
        if (argument.is == kind::text) {
            const auto dot = argument.text.find('.');
            if (dot == std::string::npos) throw wrong("Resource.Attribute");
            return text_value(attribute(argument.text.substr(0, dot), argument.text.substr(dot + 1), line), line);
        }
        if (argument.is != kind::list || argument.items.size() < 2) throw wrong("a list of resource and attribute");
        std::string rest;
        for (std::size_t i = 1; i < argument.items.size(); ++i) {
            rest += (rest.empty() ? "" : ".") + needed_text(argument.items[i], depth);
        }
        return text_value(attribute(argument.items[0].text, rest, line), line);
    }
    if (name == "Fn::Sub") return text_value(substitute(argument, line, depth), line);
    if (name == "Fn::Join") {
        if (argument.is != kind::list || argument.items.size() != 2) throw wrong("a separator and a list");
        const auto by = needed_text(argument.items[0], depth);
        std::string out;
        bool first = true;
        for (const auto& one : needed_list(argument.items[1], name, depth).items) {
            if (one.is != kind::text) throw wrong("a list of texts");
            if (!first) out += by;
            first = false;
            out += one.text;
        }
        return text_value(std::move(out), line);
    }
    if (name == "Fn::If") {
        if (argument.is != kind::list || argument.items.size() != 3) throw wrong("a condition and two values");
        return compute(argument.items[condition(argument.items[0].text, line, depth) ? 1 : 2], depth);
    }
    if (name == "Fn::Select") {
        if (argument.is != kind::list || argument.items.size() != 2) throw wrong("an index and a list");
        const auto digits = needed_text(argument.items[0], depth);
        auto list = needed_list(argument.items[1], name, depth);
        std::size_t index = 0;
        const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
        if (failed != std::errc() || end != digits.data() + digits.size() || index >= list.items.size()) {
            throw template_error(line, fmt::format("Fn::Select: the list has no item `{}`", digits));
        }
        return std::move(list.items[index]);
    }
    if (name == "Fn::Split") {
        if (argument.is != kind::list || argument.items.size() != 2) throw wrong("a separator and a text");
        const auto by = needed_text(argument.items[0], depth);
        if (by.empty()) throw wrong("a separator that is not empty");
        return split_list(needed_text(argument.items[1], depth), by, line, false);
    }
    if (name == "Fn::FindInMap") {
        if (argument.is != kind::list || argument.items.size() < 3) throw wrong("a map and two keys");
        const yaml_value* at = mappings_;
        std::string path;
        for (std::size_t i = 0; i < 3; ++i) {
            const auto key = needed_text(argument.items[i], depth);
            path += (path.empty() ? "" : ".") + key;
            at = at == nullptr ? nullptr : at->find(key);
        }
        if (at == nullptr) throw template_error(line, fmt::format("Mappings has no `{}`", path));
        return compute(*at, depth);
    }
    if (name == "Fn::Base64") {
        std::string out;
        core::append_base64(out, needed_text(argument, depth));
        return text_value(std::move(out), line);
    }
    if (name == "Fn::ImportValue") {
        const auto key = needed_text(argument, depth);
        const auto given = context_.attributes.find(key);
        if (given == context_.attributes.end()) {
            throw template_error(
                line, fmt::format("the import `{0}` has no value on this machine: give --attribute {0}=…", key));
        }
        return text_value(given->second, line);
    }
    if (name == "Fn::GetAZs") {
        yaml_value zones{.is = kind::list, .line = line};
        for (const char zone : {'a', 'b', 'c'}) zones.items.push_back(text_value(context_.region + zone, line));
        return zones;
    }
    throw template_error(line, fmt::format("the function {} is not known", name));
}

}  // namespace borealis::lambda
