#pragma once
/// Who calls, and whom: the settings every client of this library shares.

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace borealis {

/// AWS credentials. Nothing in this library prints them.
struct aws_credentials {
    std::string access_key_id = {};
    std::string secret_access_key = {};
    std::string session_token = {};  ///< Empty for long-term keys.
    std::optional<std::chrono::system_clock::time_point> expires = {};
};

/// Empty and absent members are looked up as the AWS SDKs do: environment first, then the profile of the shared config
/// files (docs/client.md lists every name). All look-ups happen at the first call.
struct client_options {
    std::string region = {};  ///< AWS_REGION, AWS_DEFAULT_REGION, profile's `region`; else `configuration_error`.
    std::string endpoint_url =
        {};  ///< AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, profile; else the AWS service of the region.
    std::string profile =
        {};  ///< AWS_PROFILE, AWS_DEFAULT_PROFILE, `default`. Named here, it goes before keys in the environment.
    std::optional<aws_credentials> credentials =
        {};  ///< Else: environment, shared files, credential_process, container, EC2.

    std::chrono::milliseconds connect_timeout{5'000};
    /// One attempt, from the connection to the last byte. The service itself stops a statement after 45 s.
    std::chrono::milliseconds attempt_timeout{60'000};
    /// A whole call with its repetitions and pauses; zero: no limit beyond those of its parts.
    std::chrono::milliseconds call_timeout{0};
    /// How long a call waits for a paused database to resume, where it keeps being told that it does; zero: not at all.
    std::chrono::milliseconds resume_timeout{60'000};
    /// Attempts in all; zero: AWS_MAX_ATTEMPTS, profile's `max_attempts`, 3.
    int max_attempts = 0;

    std::string ca_file = {};          ///< PEM; else AWS_CA_BUNDLE, profile's `ca_bundle`, the system's.
    std::size_t idle_connections = 8;  ///< Connections kept open between calls; more are opened when more threads call.
    std::string user_agent = {};       ///< Put behind the library's own.

    /// Told of what no exception can tell: a roll-back that failed in a destructor, a refresh of credentials that
    /// failed while the old ones still hold. Called on the thread of the call; must not throw. No secret is in the
    /// text.
    std::function<void(std::string_view)> on_warning = {};
};

}  // namespace borealis
