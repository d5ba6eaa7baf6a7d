#pragma once
/// Which part of the server answers a request, and who may ask.

#include <expected>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "auth/verifier.hpp"
#include "core/async.hpp"
#include "data_api/service.hpp"
#include "http/request.hpp"
#include "secrets/api.hpp"
#include "secrets/store.hpp"
#include "server/config.hpp"

namespace borealis::server {

/// An answer without its HTTP head.
struct reply {
    int status = 200;
    std::string error_type = {};  ///< x-amzn-ErrorType; empty: none.
    std::string_view content_type = "application/json";
    std::string_view allow = {};  ///< Allow header of a 405.
    std::string body = {};
};

/// One a thread.
///
///   GET  /health/live, /health/ready          no credentials needed
///   POST /Execute, /BatchExecute, …           the Data API
///   POST / with X-Amz-Target: secretsmanager… the Secrets Manager operations of `secrets`
///
/// With keys in the config, every request must be signed (SigV4) with one of them, for the service it addresses.
/// In developer mode (no keys) every request must carry an Authorization header and no Origin, and must be for a
/// loopback Host, so that no web page can make a browser drive the server: a page cannot set that header without a
/// preflight, which is refused, and DNS rebinding brings a foreign Host.
class router {
 public:
    router(const config& with, data_api::service& api, secrets::store& secrets);

    core::awaitable<reply> route(const http::request& asked);

 private:
    [[nodiscard]] bool host_is_ours(std::string_view host) const;
    /// Whose request it is, or why it is not let in.
    [[nodiscard]] std::expected<std::string, reply> identify(const http::request& asked, std::string_view service);

    const config& config_;
    data_api::service& api_;
    secrets::api secrets_;
    std::unordered_map<std::string, auth::known_key> keys_;
    auth::signing_keys derived_;
    std::vector<auth::header> headers_;  // of the request being verified; kept for its memory
};

/// Access key id of an Authorization header; "anonymous" where it names none.
[[nodiscard]] std::string_view access_key_of(std::string_view authorization);

}  // namespace borealis::server
