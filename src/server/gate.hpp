#pragma once
/// Lets requests in, or says why not.

#include <array>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "auth/caller.hpp"
#include "auth/key_ring.hpp"
#include "auth/verifier.hpp"
#include "http/request.hpp"
#include "server/answerer.hpp"
#include "server/callers.hpp"
#include "server/current_config.hpp"
#include "server/protocol.hpp"
#include "server/reply.hpp"

namespace borealis::server {

/// One a thread.
class gate {
 public:
    /// Both outlive this.
    gate(const current_config& with, callers& known);

    /// The configuration is another one now.
    void reload();

    /// Whether signatures are checked (else developer mode).
    [[nodiscard]] bool authenticates() const { return known_.authenticate(); }

    /// Whose request it is, or the answer to one that is not let in: not signed, not with a known key, a second time,
    /// or above the caller's rate.
    [[nodiscard]] std::expected<auth::caller, reply> admit(const http::request& asked, const peer& from,
                                                           service addressed);

    /// The keys as they are now, for sts.
    [[nodiscard]] const auth::key_ring& ring();
    [[nodiscard]] const auth::seal& seal() const { return known_.seal(); }

 private:
    [[nodiscard]] const auth::key_ring::holder* find(std::string_view access_key_id, std::string_view session_token);
    [[nodiscard]] std::expected<auth::caller, reply> verify(const http::request& asked, service addressed,
                                                            auth::circumstances where);
    [[nodiscard]] std::expected<auth::caller, reply> admit_unsigned(const http::request& asked, service addressed,
                                                                    auth::circumstances where);
    [[nodiscard]] auth::caller developer(std::string_view authorization, auth::circumstances where);

    const current_config& with_;
    callers& known_;
    std::array<auth::verification_rules, 5> rules_;  // by service
    std::uint64_t generation_ = 0;
    std::shared_ptr<const auth::key_ring> ring_;
    std::unordered_map<std::string, auth::key_ring::holder> sessions_;  // opened, by token
    auth::signing_keys derived_;
    std::shared_ptr<const auth::principal> developer_;  // the last one, for there is mostly one
};

/// Access key id of an Authorization header; "anonymous" where it names none.
[[nodiscard]] std::string_view access_key_of(std::string_view authorization);

/// The answer to a caller above a limit, as its SDK expects it and tries again.
[[nodiscard]] reply throttled(service by);

}  // namespace borealis::server
