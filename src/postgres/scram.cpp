#include "postgres/scram.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

#include <fmt/format.h>
#define OPENSSL_SUPPRESS_DEPRECATED  // EVP costs more than hashing so little, and cannot begin in the middle
#include <openssl/crypto.h>
#include <openssl/md5.h>
#include <openssl/sha.h>

#include "core/base64.hpp"

namespace borealis::postgres {
namespace {

using digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

std::string_view text_of(std::span<const unsigned char> octets) {
    return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

/// HMAC-SHA-256 (RFC 2104) with one key, whose two blocks are hashed once.
class keyed {
 public:
    explicit keyed(std::string_view key) {
        digest shortened{};
        if (key.size() > SHA256_CBLOCK) {
            SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), shortened.data());
            key = text_of(shortened);
        }
        std::array<unsigned char, SHA256_CBLOCK> block{};
        std::ranges::copy(key, block.begin());
        for (auto& octet : block) octet ^= 0x36;
        SHA256_Init(&inner_);
        SHA256_Update(&inner_, block.data(), block.size());
        for (auto& octet : block) octet ^= 0x36 ^ 0x5c;
        SHA256_Init(&outer_);
        SHA256_Update(&outer_, block.data(), block.size());
        OPENSSL_cleanse(block.data(), block.size());
    }

    [[nodiscard]] digest of(std::string_view one, std::string_view other = {}) const {
        digest out{};
        SHA256_CTX context = inner_;
        SHA256_Update(&context, one.data(), one.size());
        SHA256_Update(&context, other.data(), other.size());
        SHA256_Final(out.data(), &context);
        context = outer_;
        SHA256_Update(&context, out.data(), out.size());
        SHA256_Final(out.data(), &context);
        return out;
    }

 private:
    SHA256_CTX inner_{};
    SHA256_CTX outer_{};
};

/// `Hi` of RFC 5802: PBKDF2 of one block.
digest salted(std::string_view password, std::string_view salt, std::uint32_t iterations) {
    const keyed by(password);
    auto last = by.of(salt, std::string_view("\0\0\0\1", 4));
    auto out = last;
    for (std::uint32_t i = 1; i < iterations; ++i) {
        last = by.of(text_of(last));
        for (std::size_t k = 0; k < out.size(); ++k) out[k] ^= last[k];
    }
    return out;
}

/// Takes `x=value` off the front, and the comma behind it.
std::optional<std::string_view> take_attribute(std::string_view& from, char name) {
    if (from.size() < 2 || from[0] != name || from[1] != '=') return std::nullopt;
    const auto end = from.find(',');
    const auto value = from.substr(2, end == std::string_view::npos ? end : end - 2);
    from.remove_prefix(end == std::string_view::npos ? from.size() : end + 1);
    return value;
}

void append_digits(std::string& to, std::span<const unsigned char> octets) {
    for (const auto octet : octets) fmt::format_to(std::back_inserter(to), "{:02x}", octet);
}

std::string md5_digits(std::string_view one, std::string_view other) {
    const auto whole = std::string(one).append(other);
    std::array<unsigned char, MD5_DIGEST_LENGTH> hash{};
    MD5(reinterpret_cast<const unsigned char*>(whole.data()), whole.size(), hash.data());
    std::string out;
    append_digits(out, hash);
    return out;
}

}  // namespace

scram_client::scram_client(std::string_view user, std::string_view nonce)
    : first_bare_(fmt::format("n={},r={}", user, nonce)), nonce_(nonce) {}

std::string scram_client::first() const { return "n,," + first_bare_; }

std::expected<std::string, scram_refusal> scram_client::answer(std::string_view challenge, std::string_view password) {
    constexpr std::unexpected none(scram_refusal::no_challenge);
    auto left = challenge;
    const auto nonce = take_attribute(left, 'r');
    const auto salt64 = take_attribute(left, 's');
    const auto count = take_attribute(left, 'i');
    if (!nonce || !salt64 || !count || nonce->size() <= nonce_.size() || !nonce->starts_with(nonce_)) return none;
    const auto salt = core::decode_base64(*salt64);
    std::uint32_t iterations = 0;
    const auto [end, problem] = std::from_chars(count->data(), count->data() + count->size(), iterations);
    if (!salt || salt->empty() || problem != std::errc() || end != count->data() + count->size()) return none;
    if (iterations == 0) return none;
    if (iterations > most_iterations) return std::unexpected(scram_refusal::too_many_rounds);

    auto out = fmt::format("c=biws,r={}", *nonce);  // "n,,"
    const auto exchanged = fmt::format("{},{},{}", first_bare_, challenge, out);
    auto salted_password = salted(password, *salt, iterations);
    const keyed by_password(text_of(salted_password));
    auto proof = by_password.of("Client Key");
    digest stored{};
    SHA256(proof.data(), proof.size(), stored.data());
    const auto signature = keyed(text_of(stored)).of(exchanged);
    for (std::size_t k = 0; k < proof.size(); ++k) proof[k] ^= signature[k];
    server_signature_ = keyed(text_of(by_password.of("Server Key"))).of(exchanged);
    OPENSSL_cleanse(salted_password.data(), salted_password.size());
    answered_ = true;
    out += ",p=";
    core::append_base64(out, text_of(proof));
    return out;
}

bool scram_client::proves(std::string_view last) const {
    const auto value = take_attribute(last, 'v');
    if (!value || !answered_) return false;
    const auto signature = core::decode_base64(*value);
    return signature && signature->size() == server_signature_.size() &&
           CRYPTO_memcmp(signature->data(), server_signature_.data(), server_signature_.size()) == 0;
}

std::string md5_proof(std::string_view user, std::string_view password, std::string_view salt) {
    return "md5" + md5_digits(md5_digits(password, user), salt);
}

}  // namespace borealis::postgres
