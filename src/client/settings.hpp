#pragma once
/// What the options, the environment and the shared files come to: profile, region, endpoint, attempts.

#include <string>
#include <string_view>

#include "borealis/options.hpp"
#include "client/config_file.hpp"
#include "client/environment.hpp"

namespace borealis::client {

/// How a service is called in each place that names it.
struct service_names {
    std::string_view signing;   ///< `rds-data`, also the host's first label
    std::string_view variable;  ///< `RDS_DATA`, behind AWS_ENDPOINT_URL_
    std::string_view config;    ///< `rds_data`, in a `[services …]` section
};

inline constexpr service_names data_api_names = {"rds-data", "RDS_DATA", "rds_data"};
inline constexpr service_names secrets_manager_names = {"secretsmanager", "SECRETS_MANAGER", "secrets_manager"};
inline constexpr service_names lambda_names = {"lambda", "LAMBDA", "lambda"};

/// The profile chosen and what the files say of it.
struct profile_settings {
    std::string name = "default";
    bool chosen_in_code = false;      ///< By `client_options::profile`: environment keys are skipped then (L-5.31).
    config_section credentials = {};  ///< Its section of the credentials file.
    config_section config = {};       ///< Its section of the config file.
    config_file file = {};            ///< All of the config file: `services`, `sso-session` …

    /// Of either file; the credentials file wins.
    [[nodiscard]] std::optional<std::string> find(const std::string& key) const;
};

/// An endpoint's URL in its parts.
struct endpoint {
    std::string scheme;     ///< `http` or `https`
    std::string authority;  ///< Value of Host: the port is there unless it is the scheme's own. Lower case.
    std::string host;       ///< Without port and brackets.
    std::string base_path;  ///< Empty, or `/prefix` without the last slash.
};

/// Each throws `configuration_error` saying what to change.
[[nodiscard]] profile_settings find_profile(const client_options& options, const environment& in);
[[nodiscard]] std::string find_region(const client_options& options, const profile_settings& profile,
                                      const environment& in);
[[nodiscard]] endpoint find_endpoint(const client_options& options, const profile_settings& profile,
                                     const environment& in, const service_names& of, const std::string& region);
[[nodiscard]] endpoint parse_endpoint(std::string_view url);
[[nodiscard]] int find_max_attempts(const client_options& options, const profile_settings& profile,
                                    const environment& in);
/// Empty: libcurl's own choice is right.
[[nodiscard]] std::string find_ca_file(const client_options& options, const profile_settings& profile,
                                       const environment& in);

/// `~/` at the start is HOME.
[[nodiscard]] std::string expand_home(const std::string& path, const environment& in);

/// 127.0.0.0/8, ::1 or localhost. @param host  Without brackets.
[[nodiscard]] bool is_loopback(std::string_view host);

}  // namespace borealis::client
