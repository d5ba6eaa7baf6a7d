#pragma once
/// Where credentials come from (L-5.30 to L-5.38), and when they are fetched anew.

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "borealis/options.hpp"
#include "client/environment.hpp"
#include "client/settings.hpp"
#include "client/transport.hpp"
#include "core/secret_text.hpp"

namespace borealis::client {

struct credentials {
    std::string access_key_id;
    core::secret_text secret;
    core::secret_text session_token = {};
    std::optional<std::chrono::system_clock::time_point> expires = {};
};

/// The chain: options, environment, profile (credentials file, credential_process, config file), container, EC2. The
/// first source that is set up must work: its failure is an error, not a reason to ask the next. Any thread.
class credential_chain {
 public:
    /// All references outlive the chain.
    credential_chain(const client_options& options, const profile_settings& profile, const environment& in,
                     transport& over);

    /// Credentials that hold: fetched at the first call, again from 15 minutes before they expire; while that fails the
    /// old ones stay in use and it is tried once a minute. Throws `credentials_error`.
    [[nodiscard]] credentials get();

    /// The service says that these expired: the next `get` fetches anew. @return whether there is a source to ask
    /// again.
    bool expire(const credentials& refused);

 private:
    /// A source that has been found; `fetch` may be called again and again.
    struct source {
        std::function<credentials()> fetch;
        bool refreshes = false;
        bool outlives_expiry = false;  ///< EC2's go on being used when no newer ones can be had.
    };

    [[nodiscard]] source find_source();
    [[nodiscard]] std::optional<source> from_profile();
    [[nodiscard]] std::optional<source> from_container();
    void refuse_unsupported_settings() const;
    [[nodiscard]] credentials fetch_from_container(const std::string& url) const;
    [[nodiscard]] std::optional<credentials> fetch_from_ec2() const;
    void warn(const std::string& text) const;

    const client_options& options_;
    const profile_settings& profile_;
    const environment& in_;
    transport& over_;
    std::mutex mutex_;
    std::optional<source> source_ = {};
    std::optional<credentials> held_ = {};
    bool refused_ = false;
    std::chrono::system_clock::time_point ask_again_ = {};  // while a refresh fails and the old ones hold
};

/// Cuts a command into words as a POSIX shell does: blanks, quotes, backslashes; nothing is expanded.
/// Throws `credentials_error` for an open quote.
[[nodiscard]] std::vector<std::string> split_command(std::string_view command);

/// `2026-11-23T19:00:00Z`, with a fraction or an offset where there is one.
[[nodiscard]] std::optional<std::chrono::system_clock::time_point> parse_iso_time(std::string_view text);

}  // namespace borealis::client
