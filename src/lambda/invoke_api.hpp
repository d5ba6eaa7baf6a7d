#pragma once
/// The Lambda API over HTTP (restJson1): Invoke, and the operations that create, show, change and delete functions.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/caller.hpp"
#include "core/async.hpp"
#include "http/request.hpp"
#include "lambda/function_table.hpp"
#include "lambda/host.hpp"

namespace borealis::lambda {

/// What goes back to the client.
struct api_answer {
    int status = 200;
    std::string error_type = {};  ///< x-amzn-ErrorType; empty: none.
    std::string content_type = "application/json";
    std::vector<std::pair<std::string, std::string>> headers = {};
    std::string request_id = {};  ///< x-amzn-RequestId; empty: the server makes one.
    std::string body = {};
};

/// Whether functions may be created and their code replaced by callers: it lets them run programs on this machine.
enum class code_uploads : std::uint8_t { refused, accepted };

/// Thread-safe.
///
///   POST   /2015-03-31/functions/{name}/invocations                  Invoke
///   POST   /2021-11-15/functions/{name}/response-streaming-invocations  InvokeWithResponseStream (not before the end)
///   GET    /2015-03-31/functions                                     ListFunctions
///   POST   /2015-03-31/functions                                     CreateFunction (ZipFile)
///   GET, DELETE  /2015-03-31/functions/{name}                        GetFunction, DeleteFunction
///   GET, PUT     /2015-03-31/functions/{name}/configuration          Get…, UpdateFunctionConfiguration
///   PUT    /2015-03-31/functions/{name}/code                         UpdateFunctionCode
///   GET    /2015-03-31/functions/{name}/versions                     ListVersionsByFunction: $LATEST
///   PUT, DELETE  /2017-10-31/functions/{name}/concurrency            Put…, DeleteFunctionConcurrency
///   GET    /2019-09-30/functions/{name}/concurrency                  GetFunctionConcurrency
///   GET, POST, DELETE  /2017-03-31/tags/{arn}                        ListTags, TagResource, UntagResource
class invoke_api {
 public:
    /// Both outlive this.
    invoke_api(host& on, function_table& functions, code_uploads uploads)
        : host_(on), functions_(functions), uploads_(uploads) {}

    /// @param asked  Lives until the answer is there.
    core::awaitable<api_answer> handle(const http::request& asked, const auth::caller& who);

    /// Largest body of any operation: a zip of 50 MB in base64, and the settings around it.
    static constexpr std::size_t largest_body = 70'167'211;
    /// Does this path belong to it?
    [[nodiscard]] static bool is_path(std::string_view path);

 private:
    struct target;
    core::awaitable<api_answer> invoke(const http::request& asked, const target& of, bool streamed);
    [[nodiscard]] api_answer manage(const http::request& asked, const target& of, const auth::caller& who);

    host& host_;
    function_table& functions_;
    code_uploads uploads_;
};

}  // namespace borealis::lambda
