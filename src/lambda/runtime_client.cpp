#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <typeinfo>

#include <borealis/lambda.hpp>
#include <curl/curl.h>
#include <cxxabi.h>
#include <fmt/format.h>

#include "core/base64.hpp"
#include "core/log.hpp"
#include "json/writer.hpp"

namespace borealis::lambda {
namespace {

using core::log_level;

struct answer {
    long status = 0;
    std::string body;
};

struct curl_cleanup {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct multi_cleanup {
    void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
using easy_handle = std::unique_ptr<CURL, curl_cleanup>;

/// The one connection to the host, used by plain calls and by streams.
struct share_cleanup {
    void operator()(CURLSH* handle) const { curl_share_cleanup(handle); }
};
using shared_connection = std::unique_ptr<CURLSH, share_cleanup>;

shared_connection make_shared_connection() {
    shared_connection made(curl_share_init());
    if (made) curl_share_setopt(made.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT);
    return made;
}

std::size_t append_body(const char* bytes, std::size_t, std::size_t count, void* into) {
    static_cast<std::string*>(into)->append(bytes, count);
    return count;
}

/// No total time-out (L-1.1): the process may be frozen at any point of a call.
void prepare_call(CURL* curl, CURLSH* connection, const std::string& url, std::string& answer_body) {
    curl_easy_reset(curl);  // keeps the connection
    curl_easy_setopt(curl, CURLOPT_SHARE, connection);
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 1000L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "borealis-lambda/1");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &append_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer_body);
}

/// One keep-alive connection to the host.
class runtime_api {
 public:
    explicit runtime_api(std::string_view address)
        : base_(fmt::format("http://{}/2018-06-01/runtime", address)), curl_(curl_easy_init()) {
        if (!curl_ || !connection_) throw std::runtime_error("libcurl cannot be initialised");
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

    [[nodiscard]] const std::string& base() const { return base_; }
    [[nodiscard]] CURLSH* connection() const { return connection_.get(); }

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
    void prepare(std::string_view path) {
        body_.clear();
        prepare_call(curl_.get(), connection_.get(), fmt::format("{}{}", base_, path), body_);
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
    shared_connection connection_ = make_shared_connection();  // outlives the handles that use it
    easy_handle curl_;
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

/// The exceptions nested in `caught`, outermost first.
void append_nested(std::vector<std::string>& to, const std::exception& caught) {
    try {
        std::rethrow_if_nested(caught);
    } catch (const std::exception& inner) {
        to.push_back(fmt::format("caused by {}: {}", class_name(inner), inner.what()));
        append_nested(to, inner);
    } catch (...) {
        to.emplace_back("caused by something that is no std::exception");
    }
}

error error_of(const std::exception& caught) {
    error made{.message = caught.what(), .type = class_name(caught)};
    append_nested(made.stack_trace, caught);
    return made;
}

/// Calls `body`; whatever it throws becomes an error.
template <class Body>
auto guarded(const Body& body) -> std::expected<std::invoke_result_t<Body>, error> {
    try {
        return body();
    } catch (const function_error& caught) {
        return std::unexpected(caught.what_happened());
    } catch (const std::exception& caught) {
        return std::unexpected(error_of(caught));
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

/// A response on its way, in chunks (L-1.80). One thread: `write` drives the transfer until the bytes have been taken.
class outgoing_stream final : public response_stream {
 public:
    outgoing_stream(const runtime_api& host, std::string_view request_id)
        : url_(fmt::format("{}/invocation/{}/response", host.base(), request_id)), connection_(host.connection()) {}
    ~outgoing_stream() override {
        if (begun_) curl_multi_remove_handle(multi_.get(), curl_.get());
    }
    outgoing_stream(const outgoing_stream&) = delete;
    outgoing_stream& operator=(const outgoing_stream&) = delete;

    void set_content_type(std::string type) override {
        only_before_the_first_write();
        content_type_ = std::move(type);
    }
    void set_prelude(http_prelude prelude) override {  // L-1.81
        only_before_the_first_write();
        content_type_ = "application/vnd.awslambda.http-integration-response";
        prelude_ = fmt::format(R"({{"statusCode":{},"headers":{{)", prelude.status);
        for (const auto& [name, value] : prelude.headers) {
            if (!prelude_.ends_with('{')) prelude_ += ',';
            json::append_string(prelude_, name);
            prelude_ += ':';
            json::append_string(prelude_, value);
        }
        prelude_ += R"(},"cookies":[)";
        for (const auto& one : prelude.cookies) {
            if (!prelude_.ends_with('[')) prelude_ += ',';
            json::append_string(prelude_, one);
        }
        prelude_ += "]}";
        prelude_.append(8, '\0');
    }
    void write(std::string_view bytes) override {
        if (!begun_) begin();
        if (!prelude_.empty()) send(std::exchange(prelude_, {}));
        send(bytes);
    }

    [[nodiscard]] bool begun() const { return begun_; }

    /// Ends the stream, with the error that cut it short if there is one.
    std::optional<answer> finish(const error* failed, std::string_view request_id) {
        if (failed != nullptr) {
            trailer_type_ = error_category(failed->type);
            core::append_base64(trailer_body_, error_body(*failed, request_id));
        } else if (!begun_) {
            write({});
        }
        ended_ = true;
        drive([] { return false; });
        if (result_ != CURLE_OK) {
            core::log(log_level::error, "the Lambda runtime API cannot be reached: {}", curl_easy_strerror(result_));
            return std::nullopt;
        }
        answer got;
        curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &got.status);
        got.body = std::move(answer_);
        return got;
    }

 private:
    void only_before_the_first_write() const {
        if (begun_) throw std::logic_error("the response has begun: set its type and prelude before the first write");
    }

    void begin() {
        CURL* curl = curl_.get();
        if (curl == nullptr || !multi_) throw std::runtime_error("libcurl cannot be initialised");
        prepare_call(curl, connection_, url_, answer_);
        curl_slist* list = nullptr;
        for (const auto& line :
             {"Content-Type: " + content_type_, std::string("Expect:"), std::string("Transfer-Encoding: chunked"),
              std::string("Lambda-Runtime-Function-Response-Mode: streaming"),
              std::string("Trailer: Lambda-Runtime-Function-Error-Type, "
                          "Lambda-Runtime-Function-Error-Body")}) {
            list = curl_slist_append(list, line.c_str());
        }
        headers_.reset(list);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, &give_bytes);
        curl_easy_setopt(curl, CURLOPT_READDATA, this);
        curl_easy_setopt(curl, CURLOPT_TRAILERFUNCTION, &give_trailers);
        curl_easy_setopt(curl, CURLOPT_TRAILERDATA, this);
        curl_multi_add_handle(multi_.get(), curl);
        begun_ = running_ = true;
    }

    void send(std::string_view bytes) {
        unsent_ = bytes;
        drive([this] { return unsent_.empty(); });
        if (!unsent_.empty()) throw std::runtime_error("the host takes no more of this response");
    }

    /// Lets libcurl work until the transfer is over, or `enough`.
    template <class Enough>
    void drive(const Enough& enough) {
        if (running_) curl_easy_pause(curl_.get(), CURLPAUSE_CONT);
        while (running_) {
            int transfers = 0;
            curl_multi_perform(multi_.get(), &transfers);
            if (transfers == 0) {
                running_ = false;
                int left = 0;
                if (const auto* said = curl_multi_info_read(multi_.get(), &left)) result_ = said->data.result;
                break;
            }
            if (enough()) break;
            curl_multi_poll(multi_.get(), nullptr, 0, 1000, nullptr);
        }
    }

    static std::size_t give_bytes(char* to, std::size_t, std::size_t room, void* from) {
        auto& self = *static_cast<outgoing_stream*>(from);
        if (self.unsent_.empty()) return self.ended_ ? 0 : CURL_READFUNC_PAUSE;
        const auto count = self.unsent_.copy(to, room);
        self.unsent_.remove_prefix(count);
        return count;
    }

    static int give_trailers(curl_slist** list, void* from) {
        const auto& self = *static_cast<outgoing_stream*>(from);
        if (self.trailer_type_.empty()) return CURL_TRAILERFUNC_OK;
        *list = curl_slist_append(*list, ("Lambda-Runtime-Function-Error-Type: " + self.trailer_type_).c_str());
        *list = curl_slist_append(*list, ("Lambda-Runtime-Function-Error-Body: " + self.trailer_body_).c_str());
        return CURL_TRAILERFUNC_OK;
    }

    std::string url_;
    CURLSH* connection_;
    std::string content_type_ = "application/octet-stream";
    std::string prelude_;
    bool begun_ = false, running_ = false, ended_ = false;
    std::string_view unsent_;
    std::string trailer_type_, trailer_body_;
    std::string answer_;
    CURLcode result_ = CURLE_OK;
    std::unique_ptr<curl_slist, curl_cleanup> headers_;
    easy_handle curl_{curl_easy_init()};
    std::unique_ptr<CURLM, multi_cleanup> multi_{curl_multi_init()};
};

std::optional<answer> handle_one(runtime_api& host, const invocation& call, const handler& handle) {
    auto result = guarded([&] { return handle(call); });
    std::fflush(stdout);
    const outcome done = result ? std::move(*result) : outcome(std::unexpected(std::move(result.error())));
    const std::string path = fmt::format("/invocation/{}/{}", call.request_id, done ? "response" : "error");
    if (done) return host.post(path, done->body, done->content_type.empty() ? "application/json" : done->content_type);
    return host.post(path, error_body(done.error(), call.request_id), error_content_type,
                     error_category(done.error().type));
}

std::optional<answer> handle_one(runtime_api& host, const invocation& call, const streaming_handler& handle) {
    outgoing_stream out(host, call.request_id);
    const auto done = guarded([&] {
        handle(call, out);
        return true;
    });
    std::fflush(stdout);
    if (done || out.begun()) return out.finish(done ? nullptr : &done.error(), call.request_id);
    return host.post(fmt::format("/invocation/{}/error", call.request_id), error_body(done.error(), call.request_id),
                     error_content_type, error_category(done.error().type));
}

template <class Handler>
int serve(runtime_api& host, const Handler& handle) {
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
        const auto got = handle_one(host, *call, handle);
        if (!go_on_after(got)) break;
    }
    return 1;
}

std::string runtime_address() {
    const char* address = std::getenv("AWS_LAMBDA_RUNTIME_API");
    return address == nullptr ? "" : address;
}

template <class Init>
int prepare_and_serve(const Init& init) {
    if (runtime_address().empty()) {
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

}  // namespace

std::chrono::milliseconds invocation::remaining(std::chrono::system_clock::time_point now) const {
    return deadline <= now ? std::chrono::milliseconds(0)
                           : std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now);
}

bool inside_lambda() { return !runtime_address().empty(); }

int run(const handler& handle) {
    return run_after([&handle] { return handle; });
}

int run_after(const std::function<handler()>& init) { return prepare_and_serve(init); }

int run_streaming(const streaming_handler& handle) {
    return run_streaming_after([&handle] { return handle; });
}

int run_streaming_after(const std::function<streaming_handler()>& init) { return prepare_and_serve(init); }

}  // namespace borealis::lambda
