#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <typeinfo>

#include <borealis/lambda.hpp>
#include <curl/curl.h>
#include <cxxabi.h>
#include <fmt/format.h>

#include "core/log.hpp"
#include "json/writer.hpp"

namespace borealis::lambda {
namespace {

using core::log_level;

struct answer {
    long status = 0;
    std::string body;
};

/// One keep-alive connection to the host.
class runtime_api {
 public:
    explicit runtime_api(std::string_view address)
        : base_(fmt::format("http://{}/2018-06-01/runtime", address)), curl_(curl_easy_init()) {
        if (!curl_) throw std::runtime_error("libcurl cannot be initialised");
    }

    /// The next event; nothing, with the reason logged, where the host gives none.
    std::optional<invocation> next() {
        invocation call;
        prepare("/invocation/next");
        curl_easy_setopt(curl_.get(), CURLOPT_HTTPGET, 1L);
        curl_easy_setopt(curl_.get(), CURLOPT_HEADERFUNCTION, &take_header);
        curl_easy_setopt(curl_.get(), CURLOPT_HEADERDATA, &call);
        auto got = perform();
        if (!got) return std::nullopt;
        if (got->status != 200) {
            core::log(log_level::error, "the Lambda runtime API gave no event: HTTP status {}", got->status);
            return std::nullopt;
        }
        if (call.request_id.empty()) {
            core::log(log_level::error, "the Lambda runtime API gave an event without Lambda-Runtime-Aws-Request-Id");
            return std::nullopt;
        }
        call.event = std::move(got->body);
        return call;
    }

    /// @param error_type  Value of Lambda-Runtime-Function-Error-Type; none where empty.
    std::optional<answer> post(std::string_view path, std::string_view body, std::string_view content_type,
                               std::string_view error_type = {}) {
        prepare(path);
        curl_slist* list = nullptr;
        const auto add = [&list](const std::string& line) { list = curl_slist_append(list, line.c_str()); };
        add(fmt::format("Content-Type: {}", content_type));
        add("Expect:");
        if (!error_type.empty()) add(fmt::format("Lambda-Runtime-Function-Error-Type: {}", error_type));
        const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(list, &curl_slist_free_all);
        curl_easy_setopt(curl_.get(), CURLOPT_HTTPHEADER, headers.get());
        curl_easy_setopt(curl_.get(), CURLOPT_POST, 1L);
        const char* const bytes = body.data();  // CURLOPT_POSTFIELDSIZE_LARGE says how many
        curl_easy_setopt(curl_.get(), CURLOPT_POSTFIELDS, bytes);
        curl_easy_setopt(curl_.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
        return perform();
    }

 private:
    struct easy_cleanup {
        void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
    };

    /// No total time-out (L-1.1): the process may be frozen at any point of a call.
    void prepare(std::string_view path) {
        CURL* curl = curl_.get();
        curl_easy_reset(curl);  // keeps the connection
        curl_easy_setopt(curl, CURLOPT_URL, fmt::format("{}{}", base_, path).c_str());
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
        curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 1000L);
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "borealis-lambda/1");
        body_.clear();
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &take_body);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body_);
    }

    std::optional<answer> perform() {
        const CURLcode code = curl_easy_perform(curl_.get());
        if (code != CURLE_OK) {
            core::log(log_level::error, "the Lambda runtime API cannot be reached: {}", curl_easy_strerror(code));
            return std::nullopt;
        }
        answer got;
        curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &got.status);
        got.body = std::move(body_);
        return got;
    }

    static std::size_t take_body(const char* bytes, std::size_t, std::size_t count, void* into) {
        static_cast<std::string*>(into)->append(bytes, count);
        return count;
    }

    static std::size_t take_header(const char* bytes, std::size_t, std::size_t count, void* into) {
        auto& call = *static_cast<invocation*>(into);
        const std::string_view line(bytes, count);
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) return count;
        auto value = line.substr(colon + 1);
        const auto first = value.find_first_not_of(" \t");
        value = first == std::string_view::npos ? std::string_view()
                                                : value.substr(first, value.find_last_not_of(" \t\r\n") - first + 1);

        static constexpr std::pair<std::string_view, std::string invocation::*> texts[] = {
            {"Lambda-Runtime-Aws-Request-Id", &invocation::request_id},
            {"Lambda-Runtime-Invoked-Function-Arn", &invocation::function_arn},
            {"Lambda-Runtime-Trace-Id", &invocation::trace_id},
            {"Lambda-Runtime-Client-Context", &invocation::client_context},
            {"Lambda-Runtime-Cognito-Identity", &invocation::cognito_identity},
            {"Lambda-Runtime-Aws-Tenant-Id", &invocation::tenant_id},
            {"Content-Type", &invocation::content_type},
        };
        const auto is = [name = line.substr(0, colon)](std::string_view wanted) {
            return std::ranges::equal(
                name, wanted, [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
        };
        for (const auto& [name, member] : texts) {
            if (is(name)) call.*member = value;
        }
        if (is("Lambda-Runtime-Deadline-Ms")) {
            std::int64_t count_of_ms = 0;
            const bool read =
                std::from_chars(std::to_address(value.begin()), std::to_address(value.end()), count_of_ms).ec ==
                std::errc();
            const std::chrono::milliseconds since_epoch(count_of_ms);
            using time_point = std::chrono::system_clock::time_point;
            if (read &&
                since_epoch < std::chrono::floor<std::chrono::milliseconds>(time_point::max().time_since_epoch())) {
                call.deadline = time_point(since_epoch);
            }
        }
        return count;
    }

    std::string base_;
    std::unique_ptr<CURL, easy_cleanup> curl_;
    std::string body_;
};

/// `Category.Reason` (L-1.22), in characters that a header may hold.
std::string error_category(std::string_view type) {
    std::string category = type.find('.') == std::string_view::npos ? "Function." : "";
    for (const char c : type) category += c > ' ' && c < '\x7f' ? c : '_';
    return category;
}

std::string error_body(const error& what, std::string_view request_id) {
    std::string body = R"({"errorMessage":)";
    json::append_string(body, what.message);
    body += R"(,"errorType":)";
    json::append_string(body, what.type);
    body += R"(,"requestId":)";
    json::append_string(body, request_id);
    body += R"(,"stackTrace":[)";
    for (std::size_t i = 0; i < what.stack_trace.size(); ++i) {
        if (i > 0) body += ',';
        json::append_string(body, what.stack_trace[i]);
    }
    body += ']';
    if (!what.details.empty()) body += fmt::format(R"(,"details":{})", what.details);
    return body += '}';
}

std::string class_name(const std::exception& caught) {
    const char* mangled = typeid(caught).name();
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> name(abi::__cxa_demangle(mangled, nullptr, nullptr, &status),
                                                           &std::free);
    return status == 0 ? name.get() : mangled;
}

/// Calls `body`; whatever it throws becomes an error.
template <class Body>
auto guarded(const Body& body) -> std::expected<std::invoke_result_t<Body>, error> {
    try {
        return body();
    } catch (const function_error& caught) {
        return std::unexpected(caught.what_happened());
    } catch (const std::exception& caught) {
        return std::unexpected(error{.message = caught.what(), .type = class_name(caught)});
    } catch (...) {
        return std::unexpected(
            error{.message = "The function threw something that is no std::exception.", .type = "UnknownException"});
    }
}

constexpr std::string_view error_content_type = "application/vnd.aws.lambda.error+json";

/// @return Whether the host took the answer, or refused this one alone (L-1.31 to L-1.35: e.g. it came too late, or is
/// too large).
bool go_on_after(const std::optional<answer>& got) {
    if (!got) return false;
    if (got->status / 100 == 2) return true;
    core::log(log_level::warning, "the Lambda runtime API refused the answer with HTTP status {}: {}", got->status,
              got->body);
    return got->status / 100 == 4;
}

int serve(runtime_api& host, const handler& handle) {
    constexpr int tries = 3;  // a host under restart may refuse the first connections
    for (int failed = 0; failed < tries;) {
        const auto call = host.next();
        if (!call) {
            if (++failed < tries) std::this_thread::sleep_for(std::chrono::milliseconds(100 * failed));
            continue;
        }
        failed = 0;
        if (call->trace_id.empty()) {
            unsetenv("_X_AMZN_TRACE_ID");
        } else {
            setenv("_X_AMZN_TRACE_ID", call->trace_id.c_str(), 1);
        }

        auto result = guarded([&] { return handle(*call); });
        std::fflush(stdout);
        const outcome done = result ? std::move(*result) : outcome(std::unexpected(std::move(result.error())));
        const std::string path = fmt::format("/invocation/{}/{}", call->request_id, done ? "response" : "error");
        const auto got =
            done ? host.post(path, done->body, done->content_type.empty() ? "application/json" : done->content_type)
                 : host.post(path, error_body(done.error(), call->request_id), error_content_type,
                             error_category(done.error().type));
        if (!go_on_after(got)) break;
    }
    return 1;
}

std::string runtime_address() {
    const char* address = std::getenv("AWS_LAMBDA_RUNTIME_API");
    return address == nullptr ? "" : address;
}

}  // namespace

std::chrono::milliseconds invocation::remaining(std::chrono::system_clock::time_point now) const {
    return deadline <= now ? std::chrono::milliseconds(0)
                           : std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now);
}

bool inside_lambda() { return !runtime_address().empty(); }

int run(const handler& handle) {
    return run_after([&handle] { return handle; });
}

int run_after(const std::function<handler()>& init) {
    if (!inside_lambda()) {
        core::log(log_level::error,
                  "AWS_LAMBDA_RUNTIME_API is not set: start this program under Lambda, or a host that plays it");
        return 1;
    }
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
    runtime_api host(runtime_address());
    const auto handle = guarded(init);
    if (handle) return serve(host, *handle);

    core::log(log_level::error, "the initialisation failed: {}: {}", handle.error().type, handle.error().message);
    (void)host.post("/init/error", error_body(handle.error(), ""), error_content_type,
                    error_category(handle.error().type));
    return 1;
}

}  // namespace borealis::lambda
