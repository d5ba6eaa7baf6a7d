#include "clusters/password.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/base64.hpp"
#include "core/random.hpp"

namespace borealis::clusters {
namespace {

constexpr int iterations = 4096;  // PostgreSQL's SCRAM_DEFAULT_ITERATIONS
constexpr std::size_t salt_bytes = 16;

// OpenSSL's own pointer types: bytes are unsigned there.
const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::string digest(const EVP_MD* with, std::string_view text) {
    std::string out(static_cast<std::size_t>(EVP_MD_get_size(with)), '\0');
    if (EVP_Digest(text.data(), text.size(), bytes_of(out), nullptr, with, nullptr) != 1)
        throw std::runtime_error("OpenSSL cannot hash");
    return out;
}

std::string keyed(std::string_view key, std::string_view text) {
    std::string out(32, '\0');
    unsigned size = 0;
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(), bytes_of(out),
             &size) == nullptr)
        throw std::runtime_error("OpenSSL cannot hash");
    return out;
}

std::string in_base64(std::string_view bytes) {
    std::string out;
    core::append_base64(out, bytes);
    return out;
}

}  // namespace

core::secret_text scram_verifier(const core::secret_text& password, const std::string& salt) {
    std::string salted(32, '\0');
    const auto& text = password.reveal();
    if (PKCS5_PBKDF2_HMAC(text.data(), static_cast<int>(text.size()), bytes_of(std::string_view(salt)),
                          static_cast<int>(salt.size()), iterations, EVP_sha256(), static_cast<int>(salted.size()),
                          bytes_of(salted)) != 1)
        throw std::runtime_error("OpenSSL cannot hash");
    return core::secret_text(fmt::format("SCRAM-SHA-256${}:{}${}:{}", iterations, in_base64(salt),
                                         in_base64(digest(EVP_sha256(), keyed(salted, "Client Key"))),
                                         in_base64(keyed(salted, "Server Key"))));
}

core::secret_text scram_verifier(const core::secret_text& password) {
    std::string salt(salt_bytes, '\0');
    core::random_bytes(std::as_writable_bytes(std::span(salt)));
    return scram_verifier(password, salt);
}

core::secret_text native_password_hash(const core::secret_text& password) {
    std::string out = "*";
    for (const char c : digest(EVP_sha1(), digest(EVP_sha1(), password.reveal())))
        out += fmt::format("{:02X}", static_cast<unsigned char>(c));
    return core::secret_text(std::move(out));
}

}  // namespace borealis::clusters
