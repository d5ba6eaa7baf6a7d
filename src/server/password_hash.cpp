#include "server/password_hash.hpp"

#include <array>
#include <cstddef>
#include <new>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/base64.hpp"

namespace borealis::server {
namespace {

constexpr int iterations = 4096;  // PostgreSQL's default

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string digest_of(const EVP_MD* with, std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned size = 0;
    if (EVP_Digest(text.data(), text.size(), out.data(), &size, with, nullptr) != 1) throw std::bad_alloc();
    return {reinterpret_cast<const char*>(out.data()), size};
}

std::string hmac_of(std::string_view key, std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned size = 0;
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(), out.data(), &size) ==
        nullptr)
        throw std::bad_alloc();
    return {reinterpret_cast<const char*>(out.data()), size};
}

std::string base64_of(std::string_view bytes) {
    std::string out;
    core::append_base64(out, bytes);
    return out;
}

}  // namespace

std::string scram_verifier(std::string_view password, std::string_view salt) {
    std::array<unsigned char, 32> salted{};
    if (PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), bytes_of(salt),
                          static_cast<int>(salt.size()), iterations, EVP_sha256(), static_cast<int>(salted.size()),
                          salted.data()) != 1)
        throw std::bad_alloc();
    const std::string_view key(reinterpret_cast<const char*>(salted.data()), salted.size());
    return fmt::format("SCRAM-SHA-256${}:{}${}:{}", iterations, base64_of(salt),
                       base64_of(digest_of(EVP_sha256(), hmac_of(key, "Client Key"))),
                       base64_of(hmac_of(key, "Server Key")));
}

std::string mysql_native_hash(std::string_view password) {
    std::string out = "*";
    for (const char c : digest_of(EVP_sha1(), digest_of(EVP_sha1(), password)))
        out += fmt::format("{:02X}", static_cast<unsigned char>(c));
    return out;
}

}  // namespace borealis::server
