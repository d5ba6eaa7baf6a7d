#pragma once
/// The `rds` operations over a registry (data-api section 12.1); no HTTP.

#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/caller.hpp"
#include "clusters/registry.hpp"
#include "core/error.hpp"
#include "core/secret_text.hpp"

namespace borealis::clusters {

/// A login that ManageMasterUserPassword has had made.
struct master_secret {
    std::string arn;
    core::secret_text password;
};

/// Keeps the master logins of ManageMasterUserPassword.
class master_secrets {
 public:
    master_secrets() = default;
    master_secrets(const master_secrets&) = delete;
    master_secrets& operator=(const master_secrets&) = delete;
    virtual ~master_secrets() = default;
    /// A secret `rds!cluster-<uuid>` for that user of that cluster.
    virtual core::result<master_secret> make(std::string_view cluster_arn, std::string_view user) = 0;
    /// Gives it a new password, as its current version. @return that password
    virtual core::result<core::secret_text> renew(std::string_view arn, std::string_view user) = 0;
    virtual void remove(std::string_view arn) = 0;
};

/// What goes back to the client; an error is put into the protocol's words by whoever answers.
struct rds_answer {
    int status = 200;
    std::string error_code = {};  ///< Empty after success.
    std::string message = {};
    std::string request_id = {};
    std::string body = {};  ///< XML (R-12.2)
};

struct rds_settings {
    std::chrono::seconds least_pause_after{300};  ///< R-11.1, R-11.10: AWS's; shorter ones are for tests.
    std::string profile = "aws-v2";               ///< Of clusters that are not of the engine mode serverless.
    std::size_t most_clusters = 40;               ///< R-12.16

    friend bool operator==(const rds_settings&, const rds_settings&) = default;
};

/// Thread-safe. Answers at once: what takes long goes on in the registry.
class rds_api {
 public:
    using fields = std::vector<std::pair<std::string, std::string>>;

    /// Both outlive this object.
    rds_api(registry& of, master_secrets& secrets, rds_settings with)
        : registry_(of), secrets_(secrets), with_(std::move(with)) {}

    /// @param form  The decoded fields of the request, `Action` among them.
    [[nodiscard]] rds_answer handle(const fields& form, const auth::caller& who) const;

    /// For requests from now on.
    void set(rds_settings with) {
        const std::lock_guard held(guard_);
        with_ = std::move(with);
    }

 private:
    registry& registry_;
    master_secrets& secrets_;
    [[nodiscard]] rds_settings given() const {
        const std::lock_guard held(guard_);
        return with_;
    }

    mutable std::mutex guard_;  // of what follows
    rds_settings with_;
};

}  // namespace borealis::clusters
