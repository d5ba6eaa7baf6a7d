#pragma once
/// What each connection of the load says, again and again: a file with one request a line, `path<TAB>body`, run in
/// order.
///
///     /BeginTransaction<TAB>{"resourceArn":"…","secretArn":"…"}
///     /Execute<TAB>{"transactionId":"@{transaction}","sql":"…","parameters":[… @{random 1 100000} …]}
///
/// `@{random LOW HIGH}` is a random whole number; `@{transaction}`, once a body, the transactionId answered last on the
/// connection. All requests without it are made, and signed, before the clock runs.

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "auth/signature.hpp"

namespace borealis::bench {

/// Who signs. Without: a header that looks signed, for servers that only want to see one.
struct signer {
    std::string access_key_id;
    std::string secret;
    std::string region;
};

class script {
 public:
    /// @param host  Of the Host header.
    /// @throws std::runtime_error when the file has no request.
    script(const std::string& file, std::string host, std::optional<signer> as);

    [[nodiscard]] std::size_t size() const { return steps_.size(); }

    /// Must the body of this step's answer be looked at for a transaction id?
    [[nodiscard]] bool begins_transaction(std::size_t step) const { return steps_[step].begins; }

    /// The bytes of one request.
    /// @param scratch  Holds what is made now; else the script holds it.
    [[nodiscard]] std::string_view request(std::size_t step, std::string_view transaction, std::string& scratch);

 private:
    struct step {
        std::string path;
        bool begins = false;
        bool needs_transaction = false;
        std::vector<std::string> made;  ///< Whole requests, or bodies when a transaction is needed.
        std::size_t next = 0;
    };

    [[nodiscard]] std::string expand(std::string_view body);
    [[nodiscard]] std::string message(std::string_view path, std::string_view body) const;

    std::string host_;
    std::optional<signer> signer_;
    auth::digest key_{};
    std::chrono::sys_seconds at_;
    std::string date_;
    std::vector<step> steps_;
    std::mt19937_64 random_{1};
};

}  // namespace borealis::bench
