#pragma once
/// The Lambda host and its API as the config wants them, put together.

#include <functional>
#include <memory>
#include <string>

#include "core/deadline.hpp"
#include "lambda/function_table.hpp"
#include "lambda/host.hpp"
#include "lambda/invoke_api.hpp"
#include "lambda/template.hpp"
#include "server/config.hpp"

namespace borealis::server {

/// One a server, used by all of its threads.
class functions {
 public:
    /// Reads the functions created earlier and declares those of the config. Throws std::runtime_error with one line
    /// that names the function or file. @param with  Outlives this.
    explicit functions(const config& with);

    /// Starts the host. To be called once, before any call comes in.
    /// @param url          Where the processes find this server's services.
    /// @param credentials  As `lambda::host_settings::credentials`.
    void serve(const std::string& url,
               std::function<lambda::function_credentials(const lambda::function_settings&)> credentials);

    /// Declares the functions of a template, in place of those of the one before. Throws std::runtime_error naming the
    /// function that cannot be.
    void install(const lambda::application& from);

    /// Ends all processes; calls that still run have until `until`.
    void stop(core::deadline until) noexcept;

    [[nodiscard]] lambda::function_table& table() { return table_; }
    /// Both only once served.
    [[nodiscard]] lambda::host& host() { return *host_; }
    [[nodiscard]] lambda::invoke_api& api() { return *api_; }

 private:
    const config& with_;
    lambda::function_table table_;
    std::unique_ptr<lambda::host> host_;
    std::unique_ptr<lambda::invoke_api> api_;
};

}  // namespace borealis::server
