#pragma once
/// Proofs of a password that do not show it: SCRAM-SHA-256 (RFC 5802, RFC 7677) without channel binding, and
/// PostgreSQL's older MD5. Functions of bytes.

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

namespace borealis::postgres {

inline constexpr std::string_view scram_mechanism = "SCRAM-SHA-256";
/// More rounds than this, a fifth of a second on the event loop, are not computed: each server asks for 4,096, unless
/// it is told otherwise (`scram_iterations`).
inline constexpr std::uint32_t most_iterations = 1'000'000;

enum class scram_refusal : std::uint8_t {
    no_challenge,     ///< The message is none, or not one to this client.
    too_many_rounds,  ///< See most_iterations.
};

/// The client's side of one exchange.
class scram_client {
 public:
    /// @param user  May be empty: PostgreSQL goes by the start-up message. No `,` and no `=`.
    /// @param nonce  Printable ASCII without a comma, never used before.
    scram_client(std::string_view user, std::string_view nonce);

    /// What goes out first.
    [[nodiscard]] std::string first() const;
    /// @param challenge  The server's first message.
    /// @param password  What SASLprep (RFC 4013) has made of it; printable ASCII is left as it is by that.
    /// @return What is sent in answer.
    [[nodiscard]] std::expected<std::string, scram_refusal> answer(std::string_view challenge,
                                                                   std::string_view password);
    /// Does the server's last message prove that it knows the password, too? Not before answer().
    [[nodiscard]] bool proves(std::string_view last) const;

 private:
    std::string first_bare_;
    std::string nonce_;
    std::array<unsigned char, 32> server_signature_{};
    bool answered_ = false;
};

/// `md5` and 32 hexadecimal digits, in answer to AuthenticationMD5Password.
[[nodiscard]] std::string md5_proof(std::string_view user, std::string_view password, std::string_view salt);

}  // namespace borealis::postgres
