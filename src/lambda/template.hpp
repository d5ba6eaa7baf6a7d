#pragma once
/// What of a SAM or CloudFormation template lives on this machine: its functions, HTTP APIs, and the policies of the
/// functions' roles (L-3.50, L-3.53, L-4.34).

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lambda/api.hpp"
#include "lambda/function.hpp"
#include "lambda/intrinsics.hpp"

namespace borealis::lambda {

struct template_options {
    template_context context;
    /// The template's own folder: CodeUri counts from it.
    std::filesystem::path folder;
    /// Code instead of the template's CodeUri, by logical id: a folder, a zip, or a program.
    std::map<std::string, std::filesystem::path, std::less<>> code = {};
};

struct application {
    std::vector<function_settings> functions;
    std::vector<api_description> apis;
    /// Role ARN -> policy document (JSON). Roles whose policies are not in the template are not here.
    std::map<std::string, std::string> role_policies;
    /// One line each, with the template's line: what the template asks for and this machine does not do.
    std::vector<std::string> warnings;
};

/// Reads AWS::Serverless::Function, ::HttpApi and ::Api, AWS::Lambda::Function and AWS::IAM::Role, with Globals,
/// Conditions and Parameters. Only what these need is worked out; the rest of the template may name anything.
/// Throws template_error for what cannot be: an unknown API or method, a value that has no local meaning, code that is
/// not there.
[[nodiscard]] application read_template(std::string_view text, const template_options& options);

/// The same for a file; `options.folder` is set to its own. Throws std::runtime_error, `FILE:LINE: text`.
[[nodiscard]] application load_template(const std::filesystem::path& file, template_options options);

/// The name that an API of this logical id has on this machine: ten lower-case letters and digits.
[[nodiscard]] std::string local_api_id(std::string_view stack, std::string_view logical_id);

}  // namespace borealis::lambda
