#pragma once
/// A client of Secrets Manager, as far as reading a secret goes.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "borealis/errors.hpp"
#include "borealis/field.hpp"
#include "borealis/options.hpp"

namespace borealis {

struct get_secret_value_request {
    std::string secret_id = {};  ///< ARN, ARN without its random end, or name.
    std::string version_id = {};
    std::string version_stage = {};  ///< The service takes AWSCURRENT where both are empty.
    std::optional<std::chrono::milliseconds> timeout = {};
};

struct secret_value {
    std::string arn = {}, name = {}, version_id = {};
    std::optional<std::string> secret_string = {};
    std::optional<blob> secret_binary = {};
    std::vector<std::string> version_stages = {};
    std::optional<std::chrono::system_clock::time_point> created = {};
};

/// Calls block; usable by many threads at once. Same options, credentials, repetitions and errors as `data_api_client`.
class secrets_manager_client {
 public:
    explicit secrets_manager_client(client_options options = {});
    secrets_manager_client(secrets_manager_client&&) noexcept;
    secrets_manager_client& operator=(secrets_manager_client&&) noexcept;
    ~secrets_manager_client();

    /// `get_secret_value({"name or ARN"})`.
    secret_value get_secret_value(const get_secret_value_request& request);

 private:
    friend struct client_access;
    struct parts;
    explicit secrets_manager_client(std::unique_ptr<parts> of);
    std::unique_ptr<parts> parts_;
};

}  // namespace borealis
