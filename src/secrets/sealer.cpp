#include "secrets/sealer.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/random.hpp"

namespace borealis::secrets {
namespace {

constexpr std::size_t nonce_size = 12;  // NIST SP 800-38D, 5.2.1.1: the size that needs no hashing
constexpr std::size_t tag_size = 16;

using cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());  // OpenSSL's word for bytes
}
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

void must(int outcome) {
    if (outcome != 1) throw std::runtime_error("OpenSSL's AES-256-GCM failed");
}

class descriptor {
 public:
    explicit descriptor(int fd) : fd_(fd) {}
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int get() const { return fd_; }

 private:
    int fd_;
};

[[noreturn]] void refuse(const std::filesystem::path& file, std::string_view what, int error) {
    throw std::runtime_error(fmt::format("{}: {}: {}", file.string(), what, std::generic_category().message(error)));
}

}  // namespace

sealer::sealer(const std::filesystem::path& file) {
    const descriptor from(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (from.get() < 0) refuse(file, "the key of the secrets store cannot be opened", errno);
    struct stat about{};
    if (::fstat(from.get(), &about) != 0) refuse(file, "the key of the secrets store cannot be read", errno);
    if (!S_ISREG(about.st_mode))
        throw std::runtime_error(fmt::format("{}: the key of the secrets store is no plain file", file.string()));
    if ((about.st_mode & 077U) != 0) {
        throw std::runtime_error(
            fmt::format("{}: others may read or write the key of the secrets store (mode {:04o}); make it yours alone: "
                        "chmod 600 {}",
                        file.string(), about.st_mode & 07777U, file.string()));
    }
    if (about.st_size != static_cast<off_t>(key_.size())) {
        throw std::runtime_error(
            fmt::format("{}: the key of the secrets store must have {} bytes, not {}; restore it from a copy",
                        file.string(), key_.size(), about.st_size));
    }
    if (::read(from.get(), key_.data(), key_.size()) != static_cast<ssize_t>(key_.size()))
        refuse(file, "the key of the secrets store cannot be read", errno);
}

sealer::~sealer() { ::explicit_bzero(key_.data(), key_.size()); }

void sealer::make_key(const std::filesystem::path& file) {
    const auto draft = std::filesystem::path(fmt::format("{}.{}", file.string(), core::random_alphanumeric(12)));
    std::array<std::byte, 32> key{};
    core::random_bytes(key);
    int failed = 0;
    {
        const descriptor to(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
        if (to.get() < 0) refuse(draft, "the key of the secrets store cannot be made", errno);
        if (::write(to.get(), key.data(), key.size()) != static_cast<ssize_t>(key.size()) || ::fsync(to.get()) != 0)
            failed = errno;
    }
    ::explicit_bzero(key.data(), key.size());
    // link(2) gives the finished file its name, and fails where another process was first: its key stays.
    if (failed == 0 && ::link(draft.c_str(), file.c_str()) != 0 && errno != EEXIST) failed = errno;
    ::unlink(draft.c_str());
    if (failed != 0) refuse(file, "the key of the secrets store cannot be made", failed);
    const descriptor folder(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() >= 0) ::fsync(folder.get());
}

std::string sealer::seal(std::string_view text, std::string_view context) const {
    std::string out(nonce_size + text.size() + tag_size, '\0');
    core::random_bytes(std::as_writable_bytes(std::span(out)).first(nonce_size));
    const cipher with(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
    if (!with) throw std::bad_alloc();
    auto* at = bytes_of(out);
    int size = 0;
    must(EVP_EncryptInit_ex(with.get(), EVP_aes_256_gcm(), nullptr, reinterpret_cast<const unsigned char*>(key_.data()),
                            at));
    must(EVP_EncryptUpdate(with.get(), nullptr, &size, bytes_of(context), static_cast<int>(context.size())));
    must(EVP_EncryptUpdate(with.get(), at + nonce_size, &size, bytes_of(text), static_cast<int>(text.size())));
    must(EVP_EncryptFinal_ex(with.get(), at + nonce_size + text.size(), &size));
    must(EVP_CIPHER_CTX_ctrl(with.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(tag_size),
                             at + nonce_size + text.size()));
    return out;
}

std::optional<core::secret_text> sealer::open(std::string_view sealed, std::string_view context) const {
    if (sealed.size() < nonce_size + tag_size) return std::nullopt;
    const std::size_t length = sealed.size() - nonce_size - tag_size;
    std::string tag(sealed.substr(nonce_size + length));
    std::string text(length, '\0');
    const cipher with(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
    if (!with) throw std::bad_alloc();
    int size = 0;
    must(EVP_DecryptInit_ex(with.get(), EVP_aes_256_gcm(), nullptr, reinterpret_cast<const unsigned char*>(key_.data()),
                            bytes_of(sealed)));
    must(EVP_DecryptUpdate(with.get(), nullptr, &size, bytes_of(context), static_cast<int>(context.size())));
    must(EVP_DecryptUpdate(with.get(), bytes_of(text), &size, bytes_of(sealed) + nonce_size, static_cast<int>(length)));
    must(EVP_CIPHER_CTX_ctrl(with.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(tag_size), tag.data()));
    core::secret_text opened(std::move(text));
    std::array<unsigned char, 16> rest{};
    if (EVP_DecryptFinal_ex(with.get(), rest.data(), &size) != 1) return std::nullopt;
    return opened;
}

std::string stable_suffix(std::string_view name) {
    static constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    must(EVP_Digest(name.data(), name.size(), digest.data(), &size, EVP_sha256(), nullptr));
    std::uint64_t number = 0;
    std::memcpy(&number, digest.data(), sizeof number);
    std::string suffix;
    for (int i = 0; i < 6; ++i, number /= alphabet.size()) suffix += alphabet[number % alphabet.size()];
    return suffix;
}

}  // namespace borealis::secrets
