#pragma once
/// One AWS service as a client sees it: signs, sends, repeats what may be repeated, and turns bad answers into errors.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/signature.hpp"
#include "borealis/options.hpp"
#include "client/credentials.hpp"
#include "client/environment.hpp"
#include "client/judgement.hpp"
#include "client/settings.hpp"
#include "client/transport.hpp"

namespace borealis::client {

struct service_call {
    std::string_view operation;  ///< `ExecuteStatement`
    std::string_view path;       ///< `/Execute`
    std::string_view content_type = "application/json";
    std::string target = {};  ///< Value of X-Amz-Target; empty: none.
    std::string body;
    std::string_view method = "POST";
    std::string query = {};                                         ///< Behind `?`, encoded; empty: none.
    std::vector<std::pair<std::string, std::string>> headers = {};  ///< Further ones, signed.
    bool repeatable = false;     ///< May run twice: is repeated even where an earlier attempt may have had its effect.
    bool may_run_on = false;     ///< Asked to go on behind the service's time limit.
    bool awaits_resume = false;  ///< Waits for a paused database instead of failing.
    std::optional<std::chrono::milliseconds> timeout = {};  ///< Else `client_options::call_timeout`.
};

struct service_answer {
    std::string body;
    std::string request_id;
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers = {};  ///< Names in lower case.
};

/// Any thread may call.
class service {
 public:
    service(client_options options, service_names names, environment in);
    service(const service&) = delete;
    service& operator=(const service&) = delete;
    ~service();

    /// Throws a class of errors.hpp.
    [[nodiscard]] service_answer perform(const service_call& call);

    [[nodiscard]] const client_options& options() const { return options_; }
    void warn(const std::string& text) const;

 private:
    struct resolved;
    struct attempt;

    resolved& resolve();
    [[nodiscard]] attempt try_once(resolved& with, const service_call& call, std::chrono::milliseconds limit);

    client_options options_;
    service_names names_;
    environment in_;
    token_bucket tokens_;
    std::atomic<std::int64_t> clock_offset_ = 0;  // seconds to add to our clock (L-5.6)
    std::mutex mutex_;                            // guards resolving
    std::unique_ptr<resolved> resolved_;
};

}  // namespace borealis::client
