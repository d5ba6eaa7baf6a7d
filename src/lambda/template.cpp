#include "lambda/template.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <fstream>
#include <iterator>
#include <memory>

#include <fmt/format.h>

#include "json/writer.hpp"
#include "lambda/cors.hpp"
#include "lambda/gateway.hpp"

namespace borealis::lambda {
namespace {

namespace fs = std::filesystem;
using kind = yaml_value::kind;

constexpr std::string_view implicit_http_api = "ServerlessHttpApi";
constexpr std::string_view implicit_rest_api = "ServerlessRestApi";

std::string upper(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return out;
}

/// Globals under a resource's own properties: maps merged, lists joined, the rest overridden (L-4.34).
yaml_value merged(const yaml_value& below, const yaml_value& above) {
    if (below.is == kind::list && above.is == kind::list) {
        auto out = below;
        out.items.insert(out.items.end(), above.items.begin(), above.items.end());
        return out;
    }
    if (below.is != kind::map || above.is != kind::map) return above;
    // A call such as {"Ref": x} is a value, not a map.
    const auto is_call = [](const yaml_value& value) {
        return value.members.size() == 1 &&
               (value.members.front().first == "Ref" || value.members.front().first.starts_with("Fn::"));
    };
    if (is_call(below) || is_call(above)) return above;
    auto out = below;
    out.line = above.line;
    for (const auto& [key, value] : above.members) {
        const auto known = std::ranges::find_if(out.members, [&](const auto& one) { return one.first == key; });
        if (known == out.members.end()) {
            out.members.emplace_back(key, value);
        } else {
            known->second = merged(known->second, value);
        }
    }
    return out;
}

struct resource {
    std::string id;
    std::string type;
    const yaml_value* whole;
    yaml_value properties;
};

/// `'GET,POST'` of SAM's REST CORS, whose values are quoted once more.
std::string unquoted(std::string_view text) {
    if (text.size() >= 2 && text.starts_with('\'') && text.ends_with('\'')) {
        text = text.substr(1, text.size() - 2);
    }
    return std::string(text);
}

/// Statements of the SAM policy templates and managed policies that reach what this machine serves; else nothing.
std::string known_policy(std::string_view name, const yaml_value* arguments) {
    const auto argument = [&](std::string_view key) {
        const auto* found = arguments == nullptr ? nullptr : arguments->find(key);
        std::string text;
        json::append_string(text, found == nullptr ? std::string_view("*") : std::string_view(found->text));
        return text;
    };
    if (name == "AWSSecretsManagerGetSecretValuePolicy") {
        return fmt::format(R"({{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":{}}})",
                           argument("SecretArn"));
    }
    if (name == "LambdaInvokePolicy") {
        std::string resource = R"("arn:aws:lambda:*:*:function:)";
        const auto function = argument("FunctionName");
        resource += std::string_view(function).substr(1);
        return fmt::format(R"({{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":{}}})", resource);
    }
    if (name.ends_with("AmazonRDSDataFullAccess")) {
        return R"({"Effect":"Allow","Action":["rds-data:*","secretsmanager:GetSecretValue"],"Resource":"*"})";
    }
    if (name.ends_with("SecretsManagerReadWrite")) {
        return R"({"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"})";
    }
    if (name.ends_with("AdministratorAccess")) return R"({"Effect":"Allow","Action":"*","Resource":"*"})";
    return {};
}

class reader {
 public:
    reader(const yaml_value& root, const template_options& options)
        : root_(root), options_(options), context_(options.context), values_(root, with_own_names()) {}

    application read() {
        collect();
        for (const auto& one : resources_) {
            if (one.type == "AWS::Serverless::HttpApi") add_api(one, api_kind::http);
            if (one.type == "AWS::Serverless::Api") add_api(one, api_kind::rest);
        }
        for (const auto& one : resources_) {
            if (one.type == "AWS::Serverless::Function") add_function(one, true);
            if (one.type == "AWS::Lambda::Function") add_function(one, false);
        }
        for (const auto& [id, definition] : definitions_) add_definition(id, definition);
        for (auto& api : made_.apis) {
            if (api.routes.empty()) {
                warn(0, fmt::format("the API {} has no routes", api.name));
            }
            try {
                const gateway checked(api);
            } catch (const std::runtime_error& wrong) {
                throw template_error(line_of(api.name), fmt::format("API {}: {}", api.name, wrong.what()));
            }
        }
        return std::move(made_);
    }

 private:
    /// The values of our own kinds of resources, before the user's lookup is asked.
    const template_context& with_own_names() {
        for (const auto name : {implicit_http_api, implicit_rest_api}) {
            context_.attributes.emplace(name, local_api_id(context_.stack, name));
        }
        auto others = std::move(context_.resource);
        context_.resource = [this, others = std::move(others)](
                                const std::string& id, const std::string& type, const yaml_value& whole,
                                std::string_view attribute) -> std::optional<std::string> {
            if (auto own = own_attribute(id, type, whole, attribute)) return own;
            return others ? others(id, type, whole, attribute) : std::nullopt;
        };
        return context_;
    }

    std::optional<std::string> own_attribute(const std::string& id, const std::string& type, const yaml_value& whole,
                                             std::string_view attribute) const {
        if (type == "AWS::Serverless::HttpApi" || type == "AWS::Serverless::Api") {
            if (attribute == "Ref") return local_api_id(context_.stack, id);
            if (attribute == "ApiEndpoint") {
                return fmt::format("https://{}.execute-api.{}.amazonaws.com", local_api_id(context_.stack, id),
                                   context_.region);
            }
        }
        if (type == "AWS::Serverless::Function" || type == "AWS::Lambda::Function") {
            const auto name = name_of(id, whole, "FunctionName");
            if (attribute == "Ref") return name;
            if (attribute == "Arn") return function_arn(context_.region, context_.account, name);
        }
        if (type == "AWS::IAM::Role") {
            const auto name = name_of(id, whole, "RoleName");
            if (attribute == "Ref") return name;
            if (attribute == "Arn") return fmt::format("arn:aws:iam::{}:role/{}", context_.account, name);
        }
        return std::nullopt;
    }

    /// A resource's own name where the template gives one, else its logical id.
    std::string name_of(const std::string& id, const yaml_value& whole, std::string_view property) const {
        const auto* properties = whole.find("Properties");
        const auto* given = properties == nullptr ? nullptr : properties->find(property);
        return given == nullptr ? id : values_.text(*given);
    }

    void warn(int line, std::string_view text) {
        made_.warnings.push_back(line > 0 ? fmt::format("line {}: {}", line, text) : std::string(text));
    }

    int line_of(std::string_view id) const {
        const auto found = std::ranges::find(resources_, id, &resource::id);
        return found == resources_.end() ? 0 : found->whole->line;
    }

    void collect() {
        const auto* all = root_.find("Resources");
        if (all == nullptr || all->is != kind::map || all->members.empty()) {
            throw template_error(root_.line, "the template has no Resources");
        }
        const auto* globals = root_.find("Globals");
        for (const auto& [id, whole] : all->members) {
            const auto* type = whole.find("Type");
            if (type == nullptr || type->is != kind::text) {
                throw template_error(whole.line, fmt::format("the resource {} has no Type", id));
            }
            if (!values_.applies(whole)) continue;
            const auto* own = whole.find("Properties");
            resource made{.id = id, .type = type->text, .whole = &whole, .properties = {.is = kind::map}};
            made.properties.line = whole.line;
            if (own != nullptr && own->is == kind::map) made.properties = *own;
            const auto short_name = made.type.starts_with("AWS::Serverless::") ? made.type.substr(17) : std::string();
            const auto* global = globals == nullptr || short_name.empty() ? nullptr : globals->find(short_name);
            if (global != nullptr) made.properties = merged(*global, made.properties);
            resources_.push_back(std::move(made));
        }
    }

    std::string text_of(const yaml_value& of, std::string_view key, std::string usual = {}) const {
        const auto* found = of.find(key);
        if (found == nullptr || found->is == kind::null) return usual;
        const auto value = values_.resolve(*found);
        if (value.is == kind::null) return usual;
        if (value.is != kind::text) throw template_error(found->line, fmt::format("`{}` must be a text", key));
        return value.text;
    }

    template <class T>
    std::optional<T> number_of(const yaml_value& of, std::string_view key, T least, T most) const {
        const auto digits = text_of(of, key);
        if (digits.empty()) return std::nullopt;
        T value{};
        const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (failed != std::errc() || end != digits.data() + digits.size() || value < least || value > most) {
            throw template_error(of.find(key)->line, fmt::format("`{}` must be a number from {} to {}, not `{}`", key,
                                                                 least, most, digits));
        }
        return value;
    }

    bool flag_of(const yaml_value& of, std::string_view key) const {
        const auto word = upper(text_of(of, key));
        return word == "TRUE" || word == "YES";
    }

    std::vector<std::string> texts_of(const yaml_value& of, std::string_view key) const {
        std::vector<std::string> all;
        const auto* found = of.find(key);
        if (found == nullptr) return all;
        const auto value = values_.resolve(*found);
        if (value.is == kind::text) all.push_back(value.text);
        for (const auto& one : value.items) {
            if (one.is != kind::text) throw template_error(one.line, fmt::format("`{}` must hold texts", key));
            all.push_back(one.text);
        }
        return all;
    }

    std::vector<std::pair<std::string, std::string>> pairs_of(const yaml_value* of) const {
        std::vector<std::pair<std::string, std::string>> all;
        if (of == nullptr) return all;
        const auto map = values_.resolve(*of);
        for (const auto& [key, value] : map.members) {
            if (value.is == kind::null) continue;
            if (value.is != kind::text) throw template_error(value.line, fmt::format("`{}` must be a text", key));
            all.emplace_back(key, value.text);
        }
        return all;
    }

    // APIs

    api_description new_api(std::string name, api_kind is) const {
        api_description made;
        made.name = std::move(name);
        made.kind = is;
        made.id = local_api_id(context_.stack, made.name);
        made.account = context_.account;
        made.region = context_.region;
        if (is == api_kind::rest) made.stage = "Prod";
        return made;
    }

    void add_api(const resource& one, api_kind is) {
        auto made = new_api(one.id, is);
        configure_api(made, one.properties);
        if (const auto* body = one.properties.find("DefinitionBody")) {
            definitions_.emplace_back(one.id, values_.resolve(*body));
        }
        if (const auto* uri = one.properties.find("DefinitionUri"); uri != nullptr && uri->is == kind::text) {
            const auto file = options_.folder / uri->text;
            std::ifstream in(file, std::ios::binary);
            if (!in) throw template_error(uri->line, fmt::format("cannot read DefinitionUri {}", file.string()));
            const std::string text(std::istreambuf_iterator<char>(in), {});
            kept_.push_back(std::make_unique<yaml_value>(read_yaml(text)));
            definitions_.emplace_back(one.id, values_.resolve(*kept_.back()));
        }
        made_.apis.push_back(std::move(made));
    }

    void configure_api(api_description& api, const yaml_value& properties) {
        api.stage = text_of(properties, "StageName", api.stage);
        const bool rest = api.kind == api_kind::rest;
        if (rest && properties.find("StageName") == nullptr && api.name != implicit_rest_api) {
            throw template_error(properties.line, fmt::format("the API {} needs a StageName", api.name));
        }
        api.stage_variables = pairs_of(properties.find(rest ? "Variables" : "StageVariables"));
        for (auto type : texts_of(properties, "BinaryMediaTypes")) {
            for (auto at = type.find("~1"); at != std::string::npos; at = type.find("~1")) type.replace(at, 2, "/");
            api.binary_media_types.push_back(std::move(type));
        }
        if (const auto* auth = properties.find("Auth"); auth != nullptr && auth->find("DefaultAuthorizer") != nullptr) {
            warn(auth->line,
                 fmt::format("API {}: authorizers are not asked on this machine: every request passes", api.name));
        }
        const auto* cors = properties.find(rest ? "Cors" : "CorsConfiguration");
        if (cors == nullptr) return;
        const auto rules = values_.resolve(*cors);
        if (rules.is == kind::text) {
            const auto word = upper(rules.text);
            if (word == "FALSE" || word == "NO") return;
            api.cors.emplace();
            api.cors->allow_origins = {word == "TRUE" || word == "YES" ? "*" : unquoted(rules.text)};
            return;
        }
        if (rules.is != kind::map) return;
        api.cors.emplace();
        const auto list = [&](std::string_view key) {
            auto all = texts_of(rules, key);
            for (auto& each : all) each = unquoted(each);
            return all;
        };
        api.cors->allow_origins = list(rest ? "AllowOrigin" : "AllowOrigins");
        api.cors->allow_methods = list("AllowMethods");
        for (auto& method : api.cors->allow_methods) method = upper(method);
        api.cors->allow_headers = list("AllowHeaders");
        api.cors->expose_headers = list("ExposeHeaders");
        if (const auto age = unquoted(text_of(rules, "MaxAge")); !age.empty()) {
            std::int64_t seconds = 0;
            const auto [end, failed] = std::from_chars(age.data(), age.data() + age.size(), seconds);
            if (failed != std::errc() || end != age.data() + age.size()) {
                throw template_error(rules.line, fmt::format("MaxAge must be a number of seconds, not `{}`", age));
            }
            api.cors->max_age = std::chrono::seconds(seconds);
        }
        api.cors->allow_credentials = flag_of(rules, "AllowCredentials");
    }

    /// The API an event names; the implicit one where it names none.
    api_description& api_of(const yaml_value& event, api_kind is, std::string_view event_name) {
        const auto* reference = event.find(is == api_kind::http ? "ApiId" : "RestApiId");
        if (reference == nullptr) {
            const auto name = is == api_kind::http ? implicit_http_api : implicit_rest_api;
            const auto known = std::ranges::find(made_.apis, name, &api_description::name);
            if (known != made_.apis.end()) return *known;
            auto made = new_api(std::string(name), is);
            const auto* globals = root_.find("Globals");
            const auto* global = globals == nullptr ? nullptr : globals->find(is == api_kind::http ? "HttpApi" : "Api");
            if (global != nullptr) configure_api(made, *global);
            made_.apis.push_back(std::move(made));
            return made_.apis.back();
        }
        const auto id = values_.text(*reference);
        for (auto& api : made_.apis) {
            if (api.id != id && api.name != id) continue;
            if (api.kind != is) break;
            return api;
        }
        throw template_error(reference->line,
                             fmt::format("the event {} refers to `{}`, which is no {} of this template", event_name, id,
                                         is == api_kind::http ? "AWS::Serverless::HttpApi" : "AWS::Serverless::Api"));
    }

    void add_route(const std::string& function, std::string_view event_name, const yaml_value& event, api_kind is) {
        const auto* found = event.find("Properties");
        const yaml_value none{.is = kind::map, .line = event.line};
        const auto& properties = found == nullptr || found->is != kind::map ? none : *found;
        auto& api = api_of(properties, is, event_name);
        api_route route;
        route.function = function;
        route.path = text_of(properties, "Path");
        route.method = method_of(text_of(properties, "Method"), properties, event_name);
        if (route.path.empty() && route.method.empty() && is == api_kind::http) route.path = "$default";
        if (route.path.empty() || (route.method.empty() && route.path != "$default")) {
            throw template_error(properties.line, fmt::format("the event {} needs Path and Method", event_name));
        }
        if (route.path == "$default") route.method.clear();
        const auto longest = is == api_kind::http ? http_integration_limit : rest_integration_limit;
        route.format = is == api_kind::rest ? payload_format::v1
                                            : format_of(text_of(properties, "PayloadFormatVersion", "2.0"), properties);
        route.timeout = std::chrono::milliseconds(
            number_of<std::int64_t>(properties, "TimeoutInMillis", 50, is == api_kind::http ? 30'000 : 900'000)
                .value_or(longest.count()));
        if (const auto* auth = properties.find("Auth"); auth != nullptr && auth->find("Authorizer") != nullptr) {
            warn(auth->line,
                 fmt::format("event {}: authorizers are not asked on this machine: every request passes", event_name));
        }
        api.routes.push_back(std::move(route));
    }

    static payload_format format_of(std::string_view version, const yaml_value& at) {
        if (version == "2.0") return payload_format::v2;
        if (version == "1.0") return payload_format::v1;
        throw template_error(at.line, fmt::format("PayloadFormatVersion is 1.0 or 2.0, not `{}`", version));
    }

    static std::string method_of(std::string_view word, const yaml_value& at, std::string_view where) {
        auto method = upper(word);
        if (method == "*" || method == "X-AMAZON-APIGATEWAY-ANY-METHOD") return "ANY";
        static constexpr std::string_view known = " ANY DELETE GET HEAD OPTIONS PATCH POST PUT ";
        if (!method.empty() && !known.contains(fmt::format(" {} ", method))) {
            throw template_error(at.line, fmt::format("{}: unknown method `{}`", where, word));
        }
        return method;
    }

    /// Routes of an OpenAPI document: paths whose integration is a function of this template.
    void add_definition(const std::string& id, const yaml_value& definition) {
        auto& api = *std::ranges::find(made_.apis, id, &api_description::name);
        const auto* paths = definition.find("paths");
        if (paths == nullptr) {
            throw template_error(definition.line, fmt::format("the API {}: its definition has no `paths`", id));
        }
        for (const auto& [path, operations] : paths->members) {
            for (const auto& [word, operation] : operations.members) {
                const auto* integration = operation.find("x-amazon-apigateway-integration");
                if (integration == nullptr) continue;
                const auto uri = text_of(*integration, "uri");
                const auto function = std::ranges::find_if(made_.functions, [&](const function_settings& one) {
                    return uri.contains(function_arn(context_.region, context_.account, one.name) + "/") ||
                           uri.ends_with(function_arn(context_.region, context_.account, one.name));
                });
                if (function == made_.functions.end()) {
                    warn(integration->line,
                         fmt::format("{} {} of API {} calls no function of this template", word, path, id));
                    continue;
                }
                api_route route;
                route.function = function->name;
                route.path = path.starts_with("$default") || path == "/$default" ? "$default" : path;
                route.method = route.path == "$default" ? "" : method_of(word, *integration, path);
                const bool http = api.kind == api_kind::http;
                route.format = http ? format_of(text_of(*integration, "payloadFormatVersion", "2.0"), *integration)
                                    : payload_format::v1;
                route.timeout = http ? http_integration_limit : rest_integration_limit;
                const auto same = [&](const api_route& known) { return known.key() == route.key(); };
                if (std::ranges::none_of(api.routes, same)) api.routes.push_back(std::move(route));
            }
        }
    }

    // Functions

    void add_function(const resource& one, bool sam) {
        const auto& properties = one.properties;
        function_settings made;
        made.name = name_of(one.id, *one.whole, "FunctionName");
        made.runtime = text_of(properties, "Runtime", made.runtime);
        made.handler = text_of(properties, "Handler", made.handler);
        made.description = text_of(properties, "Description");
        const auto architectures = texts_of(properties, "Architectures");
        if (!architectures.empty()) made.architecture = architectures.front();
        made.timeout = std::chrono::seconds(number_of<int>(properties, "Timeout", 1, 900).value_or(3));
        made.memory_mb = number_of<unsigned>(properties, "MemorySize", 128, 10'240).value_or(128);
        made.reserved_concurrency = number_of<unsigned>(properties, "ReservedConcurrentExecutions", 0, 100'000);
        if (const auto* environment = properties.find("Environment")) {
            for (auto& [name, value] : pairs_of(environment->find("Variables"))) made.environment[name] = value;
        }
        made.role = role_of(one, sam);

        const bool runs_here = made.runtime.starts_with("provided");
        if (!runs_here) {
            warn(one.whole->line, fmt::format("the function {} has the runtime `{}`: only provided runtimes run here",
                                              one.id, made.runtime));
        } else {
            set_code(made, one, sam);
            made_.functions.push_back(made);
        }
        const auto* events = properties.find("Events");
        if (events == nullptr) return;
        for (const auto& [name, event] : events->members) {
            const auto type = text_of(event, "Type");
            if (type == "HttpApi") {
                add_route(made.name, name, event, api_kind::http);
            } else if (type == "Api") {
                add_route(made.name, name, event, api_kind::rest);
            } else {
                warn(event.line, fmt::format("the event {} of type {} does not happen on this machine", name, type));
            }
        }
    }

    void set_code(function_settings& of, const resource& one, bool sam) const {
        const auto given = options_.code.find(one.id);
        fs::path code;
        int line = one.whole->line;
        if (given != options_.code.end()) {
            code = given->second;
        } else {
            const auto* uri = one.properties.find(sam ? "CodeUri" : "Code");
            const auto value = uri == nullptr ? yaml_value{} : values_.resolve(*uri);
            if (uri != nullptr) line = uri->line;
            if (value.is != kind::text || value.text.starts_with("s3://")) {
                throw template_error(
                    line, fmt::format("the code of {0} must be a folder or zip of this machine; say which with --code "
                                      "{0}=PATH",
                                      one.id));
            }
            code = options_.folder / value.text;
        }
        std::error_code failed;
        const auto whole = fs::weakly_canonical(code, failed);
        if (!failed) code = whole;
        if (fs::is_directory(code, failed)) {
            of.folder = code;
        } else if (!fs::is_regular_file(code, failed)) {
            throw template_error(line, fmt::format("the code of {} is not there: {}; build it, or say where it is with "
                                                   "--code {}=PATH",
                                                   one.id, code.string(), one.id));
        } else if (code.extension() == ".zip") {
            of.zip = code;
        } else {
            of.program = code;
        }
    }

    // Roles

    std::string role_of(const resource& one, bool sam) {
        if (one.properties.find("Role") != nullptr) {
            const auto arn = text_of(one.properties, "Role");
            const auto role = std::ranges::find_if(resources_, [&](const resource& at) {
                return at.type == "AWS::IAM::Role" && own_attribute(at.id, at.type, *at.whole, "Arn") == arn;
            });
            if (role != resources_.end() && !made_.role_policies.contains(arn)) {
                made_.role_policies.emplace(arn, role_document(*role));
            }
            return arn;
        }
        if (!sam) return {};
        auto arn = fmt::format("arn:aws:iam::{}:role/{}Role", context_.account, one.id);
        std::string statements;
        if (const auto* policies = one.properties.find("Policies")) {
            const auto value = values_.resolve(*policies);
            if (value.is == kind::list) {
                for (const auto& each : value.items) add_policy(statements, each);
            } else {
                add_policy(statements, value);
            }
        }
        made_.role_policies.emplace(arn, document_of(statements));
        return arn;
    }

    static std::string document_of(std::string_view statements) {
        return fmt::format(R"({{"Version":"2012-10-17","Statement":[{}]}})", statements);
    }

    static void add_statement(std::string& to, std::string_view json) {
        if (!to.empty()) to += ',';
        to += json;
    }

    /// A document's statements, one or a list.
    static void add_statements(std::string& to, const yaml_value& document) {
        const auto* statement = document.find("Statement");
        if (statement == nullptr) return;
        const auto add = [&to](const yaml_value& one) {
            std::string text;
            append_json(text, one);
            add_statement(to, text);
        };
        if (statement->is == kind::list) {
            for (const auto& one : statement->items) add(one);
        } else {
            add(*statement);
        }
    }

    void add_policy(std::string& to, const yaml_value& policy) {
        if (policy.is == kind::map && policy.find("Statement") != nullptr) {
            add_statements(to, policy);
            return;
        }
        std::string name = policy.text;
        const yaml_value* arguments = nullptr;
        if (policy.is == kind::map && policy.members.size() == 1) {
            name = policy.members.front().first;
            arguments = &policy.members.front().second;
        }
        const auto known = known_policy(name, arguments);
        if (!known.empty()) {
            add_statement(to, known);
        } else if (!name.ends_with("AWSLambdaBasicExecutionRole") &&
                   !name.ends_with("AWSLambdaVPCAccessExecutionRole")) {
            warn(policy.line, fmt::format("the policy {} allows nothing on this machine", name));
        }
    }

    std::string role_document(const resource& role) {
        std::string statements;
        if (const auto* policies = role.properties.find("Policies")) {
            for (const auto& one : values_.resolve(*policies).items) {
                if (const auto* document = one.find("PolicyDocument")) add_statements(statements, *document);
            }
        }
        for (const auto& arn : texts_of(role.properties, "ManagedPolicyArns")) {
            add_policy(statements, {.is = kind::text, .text = arn, .line = role.whole->line});
        }
        return document_of(statements);
    }

    const yaml_value& root_;
    const template_options& options_;
    template_context context_;
    intrinsics values_;
    std::vector<resource> resources_;
    std::vector<std::pair<std::string, yaml_value>> definitions_;
    std::vector<std::unique_ptr<yaml_value>> kept_;
    application made_;
};

}  // namespace

std::string local_api_id(std::string_view stack, std::string_view logical_id) {
    std::uint64_t hash = 14'695'981'039'346'656'037ULL;  // FNV-1a: a name, not a secret
    for (const auto text : {stack, std::string_view("/"), logical_id}) {
        for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211ULL;
    }
    std::string id;
    for (int i = 0; i < 10; ++i) {
        id += "abcdefghijklmnopqrstuvwxyz0123456789"[hash % (i == 0 ? 26 : 36)];
        hash /= 36;
    }
    return id;
}

application read_template(std::string_view text, const template_options& options) {
    const auto root = read_yaml(text);
    if (root.is != kind::map) throw template_error(root.line, "a template is a map with Resources");
    return reader(root, options).read();
}

application load_template(const fs::path& file, template_options options) {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw std::runtime_error(fmt::format("cannot read the template {}", file.string()));
    const std::string text(std::istreambuf_iterator<char>(in), {});
    options.folder = file.parent_path();
    try {
        return read_template(text, options);
    } catch (const template_error& wrong) {
        throw std::runtime_error(wrong.line > 0 ? fmt::format("{}:{}: {}", file.string(), wrong.line, wrong.what())
                                                : fmt::format("{}: {}", file.string(), wrong.what()));
    }
}

}  // namespace borealis::lambda
