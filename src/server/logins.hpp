#pragma once
/// Logins out of secrets, and secrets that somebody else keeps.

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "core/error.hpp"
#include "core/secret_text.hpp"
#include "data_api/directory.hpp"
#include "json/document.hpp"

namespace borealis::server {

/// Reads `{"username":…,"password":…,"dbname":…}`. @return `invalid_secret`
[[nodiscard]] core::result<data_api::secret_login> parse_login(const core::secret_text& text, json::document& with);

/// A secret in AWS Secrets Manager, or in something that speaks its protocol.
struct outside_secret {
    std::string id;                   ///< ARN or name there.
    std::string region = {};          ///< Empty: that of the id where it is an ARN, else as the AWS SDKs find it.
    std::string endpoint = {};        ///< URL; empty: AWS's of the region.
    std::string profile = {};         ///< Of the shared AWS config files; empty: as the AWS SDKs find it.
    std::chrono::seconds lives{300};  ///< How long a value that was read is used without asking again.
    friend auto operator<=>(const outside_secret&, const outside_secret&) = default;
};

/// Reads such a secret's current value (SecretString). Blocks, for a bounded time; called by several threads.
/// The program gives it, since this room does not know the client library.
/// @return `secret_not_found` whatever the reason; the message is for the log.
using outside_reader = std::function<core::result<core::secret_text>(const outside_secret&)>;

/// Values of outside secrets, read by threads of their own and shared by all. Thread-safe.
class outside_secrets {
 public:
    /// @param remembered  Values kept; past it those that are old go, and then all.
    explicit outside_secrets(outside_reader read, std::size_t remembered = 10'000);
    ~outside_secrets();

    /// Waits for what is being read, so that those who wait for it may go. Nobody may fetch any more.
    void finish();

    /// A value that was read not too long ago.
    [[nodiscard]] std::optional<core::secret_text> at_hand(const outside_secret& what) const;
    /// Reads it, once however many ask. Where that fails a former value is used on, and the log says why.
    /// @param anew  Although one is at hand: the database has refused it. At most once a second.
    /// @return `secret_not_found`; `unavailable` when it takes longer than `until`.
    core::awaitable<core::result<core::secret_text>> fetch(outside_secret what, bool anew, core::deadline until);

 private:
    struct parts;
    std::shared_ptr<parts> parts_;  // shared with the threads that read
};

}  // namespace borealis::server
