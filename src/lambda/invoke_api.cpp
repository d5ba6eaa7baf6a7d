#include "lambda/invoke_api.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "core/base64.hpp"
#include "core/log.hpp"
#include "core/random.hpp"
#include "http/form.hpp"
#include "json/document.hpp"
#include "json/syntax.hpp"
#include "json/writer.hpp"
#include "lambda/event_stream.hpp"

namespace borealis::lambda {
namespace {

constexpr std::size_t largest_request = 6'291'456;  // L-2.22
constexpr std::size_t largest_event = 1'048'576;    // L-2.23
constexpr std::size_t longest_client_context = 3'583;
constexpr std::size_t deepest_json = 1'000;
constexpr std::size_t most_tags = 50;
constexpr std::size_t page = 50;

enum class operation : std::uint8_t {
    unknown,
    wrong_method,
    invoke,
    invoke_streamed,
    list_functions,
    create_function,
    get_function,
    delete_function,
    get_configuration,
    update_configuration,
    update_code,
    list_versions,
    put_concurrency,
    get_concurrency,
    delete_concurrency,
    list_tags,
    tag,
    untag,
};

std::string_view action_of(operation one) {
    switch (one) {
        case operation::invoke:
        case operation::invoke_streamed:
            return "lambda:InvokeFunction";
        case operation::list_functions:
            return "lambda:ListFunctions";
        case operation::create_function:
            return "lambda:CreateFunction";
        case operation::get_function:
            return "lambda:GetFunction";
        case operation::delete_function:
            return "lambda:DeleteFunction";
        case operation::get_configuration:
            return "lambda:GetFunctionConfiguration";
        case operation::update_configuration:
            return "lambda:UpdateFunctionConfiguration";
        case operation::update_code:
            return "lambda:UpdateFunctionCode";
        case operation::list_versions:
            return "lambda:ListVersionsByFunction";
        case operation::put_concurrency:
            return "lambda:PutFunctionConcurrency";
        case operation::get_concurrency:
            return "lambda:GetFunctionConcurrency";
        case operation::delete_concurrency:
            return "lambda:DeleteFunctionConcurrency";
        case operation::list_tags:
            return "lambda:ListTags";
        case operation::tag:
            return "lambda:TagResource";
        case operation::untag:
            return "lambda:UntagResource";
        default:
            return {};
    }
}

std::optional<std::string> percent_decoded(std::string_view text) {
    const auto digit = [](char c) {
        if (c >= '0' && c <= '9') return c - '0';
        if (c >= 'a' && c <= 'f') return c - 'a' + 10;
        if (c >= 'A' && c <= 'F') return c - 'A' + 10;
        return -1;
    };
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        if (i + 2 >= text.size() || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0) return std::nullopt;
        out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
        i += 2;
    }
    return out;
}

/// Shapes whose message member is `Message` (section 2.3, marked M); the others have `message`.
bool has_capital_message(std::string_view type) {
    return type == "ResourceNotFoundException" || type == "ServiceException" || type == "AccessDeniedException" ||
           type == "InvalidRuntimeException" || type == "InvalidZipFileException";
}

api_answer refuse(int status, std::string_view type, std::string_view message, std::string_view reason = {}) {
    api_answer made{.status = status, .error_type = std::string(type)};
    made.body = "{";
    if (type != "AccessDeniedException")
        made.body += fmt::format(R"("Type":"{}",)", status >= 500 ? "Service" : "User");
    made.body += has_capital_message(type) ? R"("Message":)" : R"("message":)";
    json::append_string(made.body, message);
    if (!reason.empty()) {
        made.body += R"(,"Reason":)";
        json::append_string(made.body, reason);
    }
    made.body += '}';
    return made;
}

api_answer invalid(std::string_view message) { return refuse(400, "InvalidParameterValueException", message); }

api_answer out_of_set(std::string_view value, std::string_view member, std::string_view all) {
    return invalid(
        fmt::format("1 validation error detected: Value '{}' at '{}' failed to satisfy constraint: Member must satisfy "
                    "enum value set: "
                    "[{}]",
                    value, member, all));
}

api_answer not_json(std::string_view why) {
    return refuse(400, "InvalidRequestContentException",
                  fmt::format("Could not parse request body into json: Could not parse payload into json: {}", why));
}

api_answer of_error(const core::error& why, std::string_view arn) {
    switch (why.kind) {
        case core::error_kind::validation:
            return invalid(why.message);
        case core::error_kind::already_exists:
            return refuse(409, "ResourceConflictException", why.message);
        case core::error_kind::not_found:
            return refuse(404, "ResourceNotFoundException", fmt::format("Function not found: {}", arn));
        case core::error_kind::forbidden:
        case core::error_kind::access_denied:
            return refuse(403, "AccessDeniedException", why.message);
        default:
            core::log(core::log_level::error, "the Lambda API failed: {}", why.message);
            return refuse(500, "ServiceException", "Service encountered an internal error.");
    }
}

api_answer of_refusal(const refusal& why) {
    switch (why.what) {
        case refusal::kind::no_function:
            return refuse(404, "ResourceNotFoundException", why.message);
        case refusal::kind::throttled: {
            auto made = refuse(429, "TooManyRequestsException", why.message, why.reason);
            made.headers.emplace_back("Retry-After", "1");
            return made;
        }
        case refusal::kind::gave_up:
        case refusal::kind::stopping:
            break;
    }
    return refuse(500, "ServiceException", why.message);
}

void append_text(std::string& out, std::string_view name, std::string_view value) {
    if (!out.ends_with('{')) out += ',';
    json::append_string(out, name);
    out += ':';
    json::append_string(out, value);
}

void append_map(std::string& out, const std::map<std::string, std::string>& all) {
    out += '{';
    for (const auto& [key, value] : all) append_text(out, key, value);
    out += '}';
}

std::string configuration(const function_record& one, const host_settings& in) {
    const auto& with = one.settings;
    std::string out = "{";
    append_text(out, "FunctionName", with.name);
    append_text(out, "FunctionArn", function_arn(in.region, in.account, with.name));
    append_text(out, "Runtime", with.runtime);
    append_text(out, "Role", with.role);
    append_text(out, "Handler", with.handler);
    out += fmt::format(R"(,"CodeSize":{})", one.code_size);
    append_text(out, "Description", with.description);
    out += fmt::format(R"(,"Timeout":{},"MemorySize":{})", with.timeout.count(), with.memory_mb);
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(one.modified.time_since_epoch()).count();
    append_text(
        out, "LastModified",
        fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}+0000", fmt::gmtime(static_cast<std::time_t>(ms / 1000)), ms % 1000));
    append_text(out, "CodeSha256", one.code_sha256);
    append_text(out, "Version", "$LATEST");
    if (!with.environment.empty()) {
        out += R"(,"Environment":{"Variables":)";
        append_map(out, with.environment);
        out += '}';
    }
    append_text(out, "RevisionId", one.revision);
    append_text(out, "State", "Active");
    append_text(out, "LastUpdateStatus", "Successful");
    append_text(out, "PackageType", "Zip");
    out += R"(,"Architectures":[)";
    json::append_string(out, with.architecture);
    out += R"(],"TracingConfig":{"Mode":"PassThrough"},"EphemeralStorage":{"Size":512},)"
           R"("SnapStart":{"ApplyOn":"None","OptimizationStatus":"Off"},"LoggingConfig":{"LogFormat":"Text")";
    append_text(out, "LogGroup", "/aws/lambda/" + with.name);
    return out += "}}";
}

/// Reads members of a request, and remembers the first that has the wrong type.
class members {
 public:
    explicit members(const json::node& of) : of_(of) {}

    [[nodiscard]] const json::node* find(std::string_view name, json::kind is) {
        const auto* found = of_.is() == json::kind::object ? of_.find(name) : nullptr;
        if (found == nullptr || found->is() == json::kind::null) return nullptr;
        if (found->is() == is) return found;
        if (wrong_.empty()) wrong_ = fmt::format("The member {} has the wrong type.", name);
        return nullptr;
    }
    void text(std::string_view name, std::string& into) {
        if (const auto* found = find(name, json::kind::string)) into = found->text();
    }
    [[nodiscard]] std::optional<std::int64_t> number(std::string_view name) {
        const auto* found = find(name, json::kind::integer);
        return found == nullptr ? std::nullopt : std::optional(found->integer());
    }
    [[nodiscard]] bool flag(std::string_view name) {
        const auto* found = find(name, json::kind::boolean);
        return found != nullptr && found->boolean();
    }
    /// An object of strings. @return Whether it is there.
    bool texts(std::string_view name, std::map<std::string, std::string>& into) {
        const auto* found = find(name, json::kind::object);
        if (found == nullptr) return false;
        into.clear();
        for (const auto& one : *found) {
            if (one.is() == json::kind::string) {
                into[std::string(one.key())] = one.text();
            } else if (wrong_.empty()) {
                wrong_ = fmt::format("The member {} of {} has the wrong type.", one.key(), name);
            }
        }
        return true;
    }
    [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
    const json::node& of_;
    std::string wrong_;
};

bool is_role(std::string_view text) {
    static constexpr std::string_view before = "arn:aws:iam::";
    static constexpr std::string_view behind = ":role/";
    if (!text.starts_with(before) || text.size() < before.size() + 12 + behind.size() + 1) return false;
    return std::ranges::all_of(text.substr(before.size(), 12), [](char c) { return c >= '0' && c <= '9'; }) &&
           text.substr(before.size() + 12).starts_with(behind);
}

/// Settings that CreateFunction and UpdateFunctionConfiguration share, over what is there.
std::optional<api_answer> read_settings(members& from, function_settings& into) {
    from.text("Handler", into.handler);
    from.text("Description", into.description);
    from.text("Runtime", into.runtime);
    from.text("Role", into.role);
    const auto timeout = from.number("Timeout"), memory = from.number("MemorySize");
    const auto clamped = [](std::int64_t value) { return std::clamp<std::int64_t>(value, 0, 1'000'000); };
    if (timeout) into.timeout = std::chrono::seconds(clamped(*timeout));
    if (memory) into.memory_mb = static_cast<unsigned>(clamped(*memory));
    if (const auto* environment = from.find("Environment", json::kind::object)) {
        members inner(*environment);
        if (!inner.texts("Variables", into.environment)) into.environment.clear();
        if (!inner.wrong().empty()) return refuse(400, "SerializationException", inner.wrong());
    }
    if (const auto* architectures = from.find("Architectures", json::kind::array)) {
        if (architectures->size() != 1 || architectures->begin()->is() != json::kind::string)
            return invalid("Architectures has one element: x86_64 or arm64.");
        into.architecture = architectures->begin()->text();
    }
    if (!from.wrong().empty()) return refuse(400, "SerializationException", from.wrong());
    if (!is_role(into.role)) {
        return refuse(
            400, "ValidationException",
            fmt::format(
                R"(1 validation error detected: Value '{}' at 'role' failed to satisfy constraint: Member must )"
                R"(satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{{12}}:role/?[a-zA-Z_0-9+=,.@\-_/]+)",
                into.role));
    }
    return std::nullopt;
}

/// The bytes of a ZipFile member, or why there are none.
std::expected<std::string, api_answer> read_zip(members& from) {
    if (from.find("S3Bucket", json::kind::string) != nullptr)
        return std::unexpected(invalid("Code in S3 is not supported here: send the zip itself as ZipFile."));
    if (from.find("ImageUri", json::kind::string) != nullptr)
        return std::unexpected(invalid("Container images are not supported here: send a zip as ZipFile."));
    const auto* zip = from.find("ZipFile", json::kind::string);
    if (zip == nullptr) return std::unexpected(invalid("Please provide a source for function code."));
    auto bytes = core::decode_base64(zip->text());
    if (!bytes) return std::unexpected(refuse(400, "SerializationException", "ZipFile is not base64."));
    return std::move(*bytes);
}

}  // namespace

/// What a path addresses.
struct invoke_api::target {
    operation what = operation::unknown;
    std::string allow;  // with wrong_method
    function_name function;
    std::string arn;  // what a policy is asked about, and errors name
    bool name_is_valid = true;
    std::string raw_name;
};

namespace {

operation choose(std::string_view method, std::string& allow,
                 std::initializer_list<std::pair<std::string_view, operation>> by_method) {
    for (const auto& [name, what] : by_method)
        if (name == method) return what;
    for (const auto& [name, what] : by_method) allow += (allow.empty() ? "" : ", ") + std::string(name);
    return operation::wrong_method;
}

struct path_parts {
    operation what = operation::unknown;
    std::string allow;
    std::string_view name;  // still encoded
};

path_parts read_path(std::string_view method, std::string_view path) {
    path_parts made;
    const auto take = [&path](std::string_view prefix) {
        if (!path.starts_with(prefix)) return false;
        path.remove_prefix(prefix.size());
        return true;
    };
    const auto pick = [&](std::initializer_list<std::pair<std::string_view, operation>> by_method) {
        made.what = choose(method, made.allow, by_method);
    };
    const auto split = [&] {
        const auto slash = std::min(path.find('/'), path.size());
        made.name = path.substr(0, slash);
        path.remove_prefix(slash);
    };
    if (take("/2015-03-31/functions")) {
        if (path.empty() || path == "/") {
            pick({{"GET", operation::list_functions}, {"POST", operation::create_function}});
            return made;
        }
        if (!take("/")) return made;
        split();
        if (path.empty() || path == "/")
            pick({{"GET", operation::get_function}, {"DELETE", operation::delete_function}});
        if (path == "/invocations") pick({{"POST", operation::invoke}});
        if (path == "/configuration")
            pick({{"GET", operation::get_configuration}, {"PUT", operation::update_configuration}});
        if (path == "/code") pick({{"PUT", operation::update_code}});
        if (path == "/versions") pick({{"GET", operation::list_versions}});
    } else if (take("/2021-11-15/functions/")) {
        split();
        if (path == "/response-streaming-invocations") pick({{"POST", operation::invoke_streamed}});
    } else if (take("/2017-10-31/functions/")) {
        split();
        if (path == "/concurrency")
            pick({{"PUT", operation::put_concurrency}, {"DELETE", operation::delete_concurrency}});
    } else if (take("/2019-09-30/functions/")) {
        split();
        if (path == "/concurrency") pick({{"GET", operation::get_concurrency}});
    } else if (take("/2017-03-31/tags/")) {
        made.name = path;
        pick({{"GET", operation::list_tags}, {"POST", operation::tag}, {"DELETE", operation::untag}});
    }
    return made;
}

}  // namespace

bool invoke_api::is_path(std::string_view path) {
    return path.starts_with("/2015-03-31/") || path.starts_with("/2021-11-15/functions/") ||
           path.starts_with("/2017-10-31/functions/") || path.starts_with("/2019-09-30/functions/") ||
           path.starts_with("/2017-03-31/tags/");
}

core::awaitable<api_answer> invoke_api::handle(const http::request& asked, const auth::caller& who) {
    const auto& in = host_.settings();
    auto parts = read_path(asked.method, asked.path);
    target of{.what = parts.what, .allow = std::move(parts.allow), .function = {}, .arn = "*", .raw_name = {}};
    if (of.what == operation::unknown)
        co_return refuse(404, "UnknownOperationException", "Unknown operation");  // L-2.51
    if (of.what == operation::wrong_method) {
        auto made = refuse(405, "UnknownOperationException", fmt::format("Use {} here.", of.allow));
        made.headers.emplace_back("Allow", of.allow);
        co_return made;
    }
    if (!parts.name.empty() || (of.what != operation::list_functions && of.what != operation::create_function)) {
        const auto name = percent_decoded(parts.name);
        const auto read = name ? parse_function_name(*name, in.region, in.account) : std::nullopt;
        of.raw_name = name.value_or(std::string(parts.name));
        of.name_is_valid = read.has_value();
        if (read) of.function = *read;
        const auto query = http::parse_form(asked.query);
        if (!query) co_return invalid("The query string cannot be read.");
        if (const auto qualifier = http::find(*query, "Qualifier"); !qualifier.empty()) {
            if (!of.function.qualifier.empty() && of.function.qualifier != qualifier) {
                co_return invalid(
                    "The derived qualifier from the function name does not match the specified qualifier.");
            }
            of.function.qualifier = qualifier;
        }
        // The emulator's literal name (L-2.41).
        if (of.function.name == "function" && !functions_.find("function")) {
            if (const auto all = functions_.list(); all.size() == 1) of.function.name = all.front()->settings.name;
        }
        of.arn = read ? function_arn(in.region, in.account, of.function.name, of.function.qualifier) : of.raw_name;
    }
    json::document parser;
    if (of.what == operation::create_function) {  // its name is in the body
        const auto root = parser.parse(asked.body);
        if (root && (*root)->is() == json::kind::object) {
            std::string name;
            members(**root).text("FunctionName", name);
            const auto read = parse_function_name(name, in.region, in.account);
            of.arn = function_arn(in.region, in.account, read ? read->name : name);
        }
    }

    const auto known = of.function.name.empty() ? nullptr : functions_.find(of.function.name);
    auth::tags tagged;
    if (known) tagged.insert(known->settings.tags.begin(), known->settings.tags.end());
    if (const auto allowed = who.may(action_of(of.what), of.arn, &tagged); !allowed)
        co_return refuse(403, "AccessDeniedException", allowed.error().message);  // L-2.29

    if (!of.name_is_valid) {
        if (of.raw_name.starts_with("arn:") || of.raw_name.contains(":function:")) {  // of another region or account
            co_return refuse(404, "ResourceNotFoundException", fmt::format("Function not found: {}", of.raw_name));
        }
        co_return refuse(
            400, "ValidationException",
            fmt::format(
                R"(1 validation error detected: Value '{}' at 'functionName' failed to satisfy constraint: Member must )"
                R"(satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{{2}}(-gov)?-[a-z]+-\d{{1}}:)?(\d{{12}}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?)",
                of.raw_name));
    }
    if (of.what == operation::invoke || of.what == operation::invoke_streamed)
        co_return co_await invoke(asked, of, of.what == operation::invoke_streamed);
    try {
        co_return manage(asked, of, who);
    } catch (const std::exception& failed) {  // the disk
        core::log(core::log_level::error, "the Lambda API failed: {}", failed.what());
        co_return refuse(500, "ServiceException", "Service encountered an internal error.");
    }
}

core::awaitable<api_answer> invoke_api::invoke(const http::request& asked, const target& of, bool streamed) {
    const auto type = asked.find("x-amz-invocation-type");
    const bool event = type == "Event" && !streamed;
    const bool dry_run = type == "DryRun";
    if (!type.empty() && type != "RequestResponse" && !event && !dry_run)
        co_return out_of_set(type, "invocationType", "Event, RequestResponse, DryRun");
    const auto log_type = asked.find("x-amz-log-type");
    if (!log_type.empty() && log_type != "None" && log_type != "Tail")
        co_return out_of_set(log_type, "logType", "None, Tail");

    if (asked.body.size() > largest_request) {
        co_return refuse(
            413, "RequestEntityTooLargeException",
            fmt::format("Request must be smaller than {} bytes for the InvokeFunction operation", largest_request));
    }
    if (event && asked.body.size() > largest_event) {
        co_return refuse(413, "RequestEntityTooLargeException",
                         fmt::format("{} byte payload is too large for the Event invocation type (limit {} bytes)",
                                     asked.body.size(), largest_event));
    }
    if (!asked.body.empty()) {  // L-2.4
        if (const auto valid = json::check_syntax(asked.body, deepest_json); !valid)
            co_return not_json(valid.error().message);
    }

    invoke_request call{.function = of.function.name,
                        .qualifier = of.function.qualifier,
                        .payload = asked.body.empty() ? "{}" : std::string(asked.body),  // L-2.3
                        .client_context = {},
                        .cognito_identity = {},
                        .trace_id = std::string(asked.find("x-amzn-trace-id")),
                        .request_id = core::random_uuid()};
    if (const auto context = asked.find("x-amz-client-context"); !context.empty()) {
        if (context.size() > longest_client_context) {
            co_return refuse(400, "InvalidRequestContentException",
                             fmt::format("Client context must be at most {} bytes of base64.", longest_client_context));
        }
        auto text = core::decode_base64(context);
        json::document parser;
        const auto root = text ? parser.parse_copy(*text) : core::fail(core::error_kind::serialization, "no base64");
        if (!root || (*root)->is() != json::kind::object) {  // L-2.54
            co_return refuse(400, "InvalidRequestContentException",
                             "Client context must be a valid Base64-encoded JSON object.");
        }
        std::ranges::replace_if(*text, [](char c) { return c == '\r' || c == '\n'; }, ' ');  // it travels in a header
        call.client_context = std::move(*text);
    }

    const auto known = functions_.find(of.function.name);
    const bool latest = of.function.qualifier.empty() || of.function.qualifier == "$LATEST";
    if (!known || !latest) {
        co_return refuse(404, "ResourceNotFoundException",
                         fmt::format("Function not found: {}",
                                     function_arn(host_.settings().region, host_.settings().account, of.function.name,
                                                  latest ? "$LATEST" : of.function.qualifier)));
    }
    if (dry_run) co_return api_answer{.status = 204};
    if (event) {
        const auto queued = host_.enqueue(std::move(call));
        if (!queued) co_return of_refusal(queued.error());
        co_return api_answer{.status = 202, .request_id = *queued};
    }

    auto got = co_await host_.invoke(std::move(call));
    if (!got) co_return of_refusal(got.error());
    api_answer made{.status = 200, .request_id = got->request_id};
    made.headers.emplace_back("X-Amz-Executed-Version", got->executed_version);
    made.headers.emplace_back("X-Amzn-Trace-Id", got->trace_id);
    std::string tail;
    if (log_type == "Tail") core::append_base64(tail, got->log_tail);
    if (streamed) {  // L-1.82
        made.content_type = "application/vnd.amazon.eventstream";
        made.headers.emplace_back("X-Amzn-Remapped-Content-Type",
                                  got->content_type.empty() ? "application/octet-stream" : got->content_type);
        made.body = event_stream_of(*got, tail);
        co_return made;
    }
    made.headers.emplace_back("x-amzn-Remapped-Content-Length", "0");
    if (got->failed()) made.headers.emplace_back("X-Amz-Function-Error", "Unhandled");
    if (!tail.empty()) made.headers.emplace_back("X-Amz-Log-Result", std::move(tail));
    made.body = std::move(got->payload);
    co_return made;
}

api_answer invoke_api::manage(const http::request& asked, const target& of, const auth::caller& who) {
    const auto& in = host_.settings();
    json::document parser;
    const json::node* body = nullptr;
    if (!asked.body.empty()) {
        const auto root = parser.parse(asked.body);
        if (!root || (*root)->is() != json::kind::object) {
            return refuse(400, "SerializationException",
                          root ? "The body must be a JSON object." : std::string_view(root.error().message));
        }
        body = *root;
    }
    // Who gives a function a role gives it to its code: that needs a permission of its own, as on AWS.
    // The host knows roles by their last name: that one is asked for too, whatever path or account stands before it.
    const auto may_not_pass = [&who, &in](const std::string& role) -> std::optional<api_answer> {
        auto allowed = who.may("iam:PassRole", role);
        const auto taken = fmt::format("arn:aws:iam::{}:role/{}", in.account, role.substr(role.rfind('/') + 1));
        if (allowed && taken != role) allowed = who.may("iam:PassRole", taken);
        if (allowed) return std::nullopt;
        return refuse(403, "AccessDeniedException", allowed.error().message);
    };
    const auto with_body = [&body] { return body != nullptr; };
    const auto missing_body = [] { return refuse(400, "SerializationException", "The request has no body."); };
    const auto query = http::parse_form(asked.query);
    if (!query) return invalid("The query string cannot be read.");

    if (of.what == operation::list_functions) {
        std::size_t most = page;
        if (const auto text = http::find(*query, "MaxItems"); !text.empty()) {
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), most);
            if (error != std::errc() || end != text.data() + text.size() || most < 1 || most > 10'000)
                return invalid("MaxItems must be from 1 to 10000.");
            most = std::min(most, page);
        }
        const std::string after(http::find(*query, "Marker"));
        api_answer made;
        made.body = R"({"Functions":[)";
        std::size_t count = 0;
        std::string last;
        bool more = false;
        for (const auto& one : functions_.list()) {
            if (one->settings.name <= after) continue;
            if (count == most) {
                more = true;
                break;
            }
            if (count++ > 0) made.body += ',';
            made.body += configuration(*one, in);
            last = one->settings.name;
        }
        made.body += R"(],"NextMarker":)";
        if (more) {
            json::append_string(made.body, last);
        } else {
            made.body += "null";
        }
        made.body += '}';
        return made;
    }

    if (of.what == operation::create_function) {
        if (uploads_ == code_uploads::refused) {
            return refuse(
                403, "AccessDeniedException",
                "This server takes no code from its callers: declare the function in its configuration, or set "
                "`uploads = true` in [lambda].");
        }
        if (!with_body()) return missing_body();
        members from(*body);
        std::string name;
        from.text("FunctionName", name);
        const auto read = parse_function_name(name, in.region, in.account);
        if (from.flag("Publish")) return invalid("Versions are not supported here: leave Publish out.");
        std::string package = "Zip";
        from.text("PackageType", package);
        if (package != "Zip") return invalid("Only PackageType Zip is supported here.");
        function_settings one;
        one.name = read ? read->name : name;
        one.runtime = "";
        if (auto refused = read_settings(from, one)) return *refused;
        if (auto refused = may_not_pass(one.role)) return *refused;
        if (one.runtime.empty())
            return invalid(
                "Runtime and Handler are mandatory parameters for functions created with deployment packages.");
        from.texts("Tags", one.tags);
        if (one.tags.size() > most_tags) return invalid(fmt::format("A function has at most {} tags.", most_tags));
        const auto* code = from.find("Code", json::kind::object);
        if (!from.wrong().empty()) return refuse(400, "SerializationException", from.wrong());
        if (code == nullptr) return invalid("Please provide a source for function code.");
        members inner(*code);
        const auto zip = read_zip(inner);
        if (!zip) return zip.error();
        const auto made = functions_.create(std::move(one), *zip);
        if (!made) return of_error(made.error(), of.arn);
        return {.status = 201, .body = configuration(**made, in)};
    }

    const auto known = functions_.find(of.function.name);
    const bool latest = of.function.qualifier.empty() || of.function.qualifier == "$LATEST";
    if (!known || !latest) {
        return refuse(404, "ResourceNotFoundException",
                      fmt::format("Function not found: {}",
                                  function_arn(in.region, in.account, of.function.name, of.function.qualifier)));
    }
    const auto other_revision = [&](members& from) {
        std::string revision;
        from.text("RevisionId", revision);
        return !revision.empty() && revision != known->revision;
    };
    const auto precondition_failed = [] {
        return refuse(
            412, "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to "
            "retrieve the latest Revision Id");
    };
    const auto change = [&](function_settings changed) -> std::expected<function_state, api_answer> {
        auto made = functions_.update_settings(std::move(changed));
        if (!made) return std::unexpected(of_error(made.error(), of.arn));
        return *made;
    };
    switch (of.what) {
        case operation::get_configuration:
            return {.body = configuration(*known, in)};
        case operation::get_function: {
            api_answer made;
            made.body =
                fmt::format(R"({{"Configuration":{},"Code":{{"RepositoryType":"S3"}})", configuration(*known, in));
            if (!known->settings.tags.empty()) {
                made.body += R"(,"Tags":)";
                append_map(made.body, known->settings.tags);
            }
            if (known->settings.reserved_concurrency) {
                made.body += fmt::format(R"(,"Concurrency":{{"ReservedConcurrentExecutions":{}}})",
                                         *known->settings.reserved_concurrency);
            }
            made.body += '}';
            return made;
        }
        case operation::list_versions:
            return {.body = fmt::format(R"({{"Versions":[{}],"NextMarker":null}})", configuration(*known, in))};
        case operation::delete_function: {
            const auto gone = functions_.remove(of.function.name);
            return gone ? api_answer{.status = 204} : of_error(gone.error(), of.arn);
        }
        case operation::update_configuration: {
            if (!with_body()) return missing_body();
            members from(*body);
            if (other_revision(from)) return precondition_failed();
            auto changed = known->settings;
            if (known->declared && changed.role.empty())
                changed.role = "arn:aws:iam::" + in.account + ":role/" + changed.name;
            const auto before = changed.role;
            if (auto refused = read_settings(from, changed)) return *refused;
            if (changed.role != before) {
                if (auto refused = may_not_pass(changed.role)) return *refused;
            } else if (known->settings.role.empty()) {
                changed.role.clear();  // told with a role of its name, it has none
            }
            const auto made = change(std::move(changed));
            return made ? api_answer{.body = configuration(**made, in)} : made.error();
        }
        case operation::update_code: {
            if (uploads_ == code_uploads::refused) {
                return refuse(
                    403, "AccessDeniedException",
                    "This server takes no code from its callers: change the function where its configuration says, "
                    "or set `uploads = true` in [lambda].");
            }
            if (!with_body()) return missing_body();
            members from(*body);
            if (other_revision(from)) return precondition_failed();
            if (from.flag("Publish")) return invalid("Versions are not supported here: leave Publish out.");
            const auto zip = read_zip(from);
            if (!zip) return zip.error();
            if (from.flag("DryRun")) return {.body = configuration(*known, in)};
            const auto made = functions_.update_code(of.function.name, *zip);
            return made ? api_answer{.body = configuration(**made, in)} : of_error(made.error(), of.arn);
        }
        case operation::put_concurrency: {
            if (!with_body()) return missing_body();
            members from(*body);
            const auto count = from.number("ReservedConcurrentExecutions");
            if (!count || *count < 0 || *count > 100'000)
                return invalid("ReservedConcurrentExecutions must be a number from 0.");
            auto changed = known->settings;
            changed.reserved_concurrency = static_cast<unsigned>(*count);
            const auto made = change(std::move(changed));
            return made ? api_answer{.body = fmt::format(R"({{"ReservedConcurrentExecutions":{}}})", *count)}
                        : made.error();
        }
        case operation::get_concurrency:
            return {.body = known->settings.reserved_concurrency
                                ? fmt::format(R"({{"ReservedConcurrentExecutions":{}}})",
                                              *known->settings.reserved_concurrency)
                                : "{}"};
        case operation::delete_concurrency: {
            auto changed = known->settings;
            changed.reserved_concurrency.reset();
            const auto made = change(std::move(changed));
            return made ? api_answer{.status = 204} : made.error();
        }
        case operation::list_tags: {
            api_answer made{.body = R"({"Tags":)"};
            append_map(made.body, known->settings.tags);
            made.body += '}';
            return made;
        }
        case operation::tag: {
            if (!with_body()) return missing_body();
            members from(*body);
            std::map<std::string, std::string> added;
            from.texts("Tags", added);
            if (!from.wrong().empty()) return refuse(400, "SerializationException", from.wrong());
            auto changed = known->settings;
            for (auto& [key, value] : added) changed.tags[key] = value;
            if (changed.tags.size() > most_tags)
                return invalid(fmt::format("A function has at most {} tags.", most_tags));
            const auto made = change(std::move(changed));
            return made ? api_answer{.status = 204} : made.error();
        }
        case operation::untag: {
            auto changed = known->settings;
            for (const auto& [name, value] : *query)
                if (name == "tagKeys") changed.tags.erase(value);
            const auto made = change(std::move(changed));
            return made ? api_answer{.status = 204} : made.error();
        }
        default:
            break;
    }
    return refuse(404, "UnknownOperationException", "Unknown operation");
}

}  // namespace borealis::lambda
