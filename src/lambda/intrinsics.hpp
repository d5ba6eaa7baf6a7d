#pragma once
/// CloudFormation's functions, worked out: Ref, Fn::Sub, Fn::GetAtt, Fn::Join, Fn::If and the rest.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "lambda/yaml_value.hpp"

namespace borealis::lambda {

/// What a template cannot say by itself.
struct template_context {
    std::string region = "us-east-1";
    std::string account = "123456789012";
    std::string stack = "local";
    std::map<std::string, std::string, std::less<>> parameters = {};  ///< Values over the template's defaults.
    /// Attributes of resources and imports of other stacks that the user gives: `Cluster.DBClusterArn`, `Table`
    /// (its Ref), `ImportedName`.
    std::map<std::string, std::string, std::less<>> attributes = {};
    /// Else asked for a resource's attribute (`Ref` for its Ref); nothing where it has no local value.
    std::function<std::optional<std::string>(const std::string& logical_id, const std::string& type,
                                             const yaml_value& resource, std::string_view attribute)>
        resource = {};
};

/// Values are worked out when they are asked for, so that what nobody needs may stay unknown here.
class intrinsics {
 public:
    /// @param root, context  Outlive this. Throws template_error for a parameter that is given and not declared, or
    /// whose value the template does not allow.
    intrinsics(const yaml_value& root, const template_context& context);

    /// The value without functions; members and items that are AWS::NoValue are gone. Throws template_error, which
    /// names what would help, where something has no value here.
    [[nodiscard]] yaml_value resolve(const yaml_value& value) const;
    /// The same for a text. Throws template_error where it is none.
    [[nodiscard]] std::string text(const yaml_value& value) const;
    /// Whether the resource's or statement's `Condition` holds; true where there is none.
    [[nodiscard]] bool applies(const yaml_value& resource) const;

 private:
    [[nodiscard]] std::optional<yaml_value> compute(const yaml_value& value, int depth) const;  // nothing: NoValue
    [[nodiscard]] std::optional<yaml_value> call(std::string_view name, const yaml_value& argument, int line,
                                                 int depth) const;
    [[nodiscard]] std::optional<yaml_value> reference(const std::string& name, int line) const;
    [[nodiscard]] std::string attribute(const std::string& resource, std::string_view name, int line) const;
    [[nodiscard]] std::string substitute(const yaml_value& argument, int line, int depth) const;
    [[nodiscard]] yaml_value needed(const yaml_value& value, int depth) const;
    [[nodiscard]] std::string needed_text(const yaml_value& value, int depth) const;
    [[nodiscard]] yaml_value needed_list(const yaml_value& value, std::string_view of, int depth) const;
    [[nodiscard]] bool condition(const std::string& name, int line, int depth) const;
    [[nodiscard]] bool truth(const yaml_value& value, int depth) const;

    const yaml_value& root_;
    const template_context& context_;
    const yaml_value* parameters_;
    const yaml_value* resources_;
    const yaml_value* conditions_;
    const yaml_value* mappings_;
};

}  // namespace borealis::lambda
