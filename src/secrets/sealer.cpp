#include "secrets/sealer.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <new>
#include <stdexcept>
#include <system_error>
#include <tuple>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/signature.hpp"
#include "core/base64.hpp"
#include "core/random.hpp"

namespace borealis::secrets {
namespace {

constexpr std::size_t nonce_size = 12;  // NIST SP 800-38D, 5.2.1.1: the size that needs no hashing
constexpr std::size_t tag_size = 16;

using cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());  // OpenSSL's word for bytes
}
const unsigned char* bytes_of(const sealing_key& key) {
    return reinterpret_cast<const unsigned char*>(key.bytes().data());
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

std::size_t page_size() {
    static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return size;
}

/// Empty where it is no hex.
core::secret_text from_hex(std::string_view text) {
    std::string bytes;
    bytes.reserve(text.size() / 2);
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        unsigned value = 0;
        const auto* end = text.data() + i + 2;
        if (const auto [stop, failed] = std::from_chars(text.data() + i, end, value, 16);
            failed != std::errc() || stop != end)
            return {};
        bytes += static_cast<char>(value);
    }
    return core::secret_text(std::move(bytes));
}

void sync_folder_of(const std::filesystem::path& file) {
    const descriptor folder(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() >= 0) ::fsync(folder.get());
}

[[noreturn]] void refuse(const std::filesystem::path& file, std::string_view what, int error) {
    throw std::runtime_error(fmt::format("{}: {}: {}", file.string(), what, std::generic_category().message(error)));
}

}  // namespace

sealing_key::sealing_key(std::string_view bytes) {
    if (bytes.size() != size) throw std::invalid_argument("a sealing key has 32 bytes");
    void* page = ::mmap(nullptr, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) throw std::bad_alloc();
    page_.reset(static_cast<std::byte*>(page));
    // Both are precautions: a kernel or limit that refuses them leaves a key that works.
    std::ignore = ::madvise(page, page_size(), MADV_DONTDUMP);
    std::ignore = ::mlock(page, page_size());
    std::memcpy(page_.get(), bytes.data(), size);
}

void sealing_key::unmaps::operator()(std::byte* page) const {
    ::explicit_bzero(page, size);
    ::munmap(page, page_size());
}

std::span<const std::byte, sealing_key::size> sealing_key::bytes() const {
    return std::span<const std::byte, size>(page_.get(), size);
}

bool operator==(const sealing_key& one, const sealing_key& other) {
    return CRYPTO_memcmp(one.page_.get(), other.page_.get(), sealing_key::size) == 0;
}

sealing_key parse_key(std::string_view text, std::string_view where) {
    if (text.size() == sealing_key::size) return sealing_key(text);
    while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
    core::secret_text bytes;
    if (text.size() == 2 * sealing_key::size) {
        bytes = from_hex(text);
    } else if (auto decoded = core::decode_base64(text)) {
        bytes = core::secret_text(*std::move(decoded));
    }
    if (bytes.reveal().size() != sealing_key::size) {
        throw std::runtime_error(
            fmt::format("{}: the key of the secrets store must be 32 bytes, as they are, as 64 hex digits or as base64 "
                        "(openssl rand -hex 32); restore it from a copy",
                        where));
    }
    return sealing_key(bytes.reveal());
}

sealing_key read_key_file(const std::filesystem::path& file, readable_by who) {
    const descriptor from(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (from.get() < 0) refuse(file, "the key of the secrets store cannot be opened", errno);
    struct stat about{};
    if (::fstat(from.get(), &about) != 0) refuse(file, "the key of the secrets store cannot be read", errno);
    if (!S_ISREG(about.st_mode))
        throw std::runtime_error(fmt::format("{}: the key of the secrets store is no plain file", file.string()));
    if (about.st_uid != ::geteuid() && about.st_uid != 0) {
        throw std::runtime_error(
            fmt::format("{}: the key of the secrets store belongs to the user {}, who could replace it; make it "
                        "yours: chown {} {}",
                        file.string(), about.st_uid, ::geteuid(), file.string()));
    }
    const auto others = who == readable_by::group ? 037U : 077U;
    if ((about.st_mode & others) != 0) {
        throw std::runtime_error(
            fmt::format("{}: others may read or write the key of the secrets store (mode {:04o}); make it yours alone: "
                        "chmod 600 {}",
                        file.string(), about.st_mode & 07777U, file.string()));
    }
    std::array<char, 128> bytes{};  // longer than any of the forms
    const auto got = ::read(from.get(), bytes.data(), bytes.size());
    const auto failed = errno;
    const core::secret_text text(std::string(bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0));
    ::explicit_bzero(bytes.data(), bytes.size());
    if (got < 0) refuse(file, "the key of the secrets store cannot be read", failed);
    return parse_key(text.reveal(), file.string());
}

void make_key_file(const std::filesystem::path& file) {
    const auto draft = std::filesystem::path(fmt::format("{}.{}", file.string(), core::random_alphanumeric(12)));
    std::array<std::byte, sealing_key::size> key{};
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
    sync_folder_of(file);
}

void rename_key_file(const std::filesystem::path& from, const std::filesystem::path& to) {
    if (::rename(from.c_str(), to.c_str()) != 0) refuse(to, "the key of the secrets store cannot be replaced", errno);
    sync_folder_of(to);
}

std::string sealer::seal(std::string_view text, std::string_view context) const {
    std::string out(nonce_size + text.size() + tag_size, '\0');
    core::random_bytes(std::as_writable_bytes(std::span(out)).first(nonce_size));
    const cipher with(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
    if (!with) throw std::bad_alloc();
    auto* at = bytes_of(out);
    int size = 0;
    must(EVP_EncryptInit_ex(with.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key_), at));
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
    must(EVP_DecryptInit_ex(with.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key_), bytes_of(sealed)));
    must(EVP_DecryptUpdate(with.get(), nullptr, &size, bytes_of(context), static_cast<int>(context.size())));
    must(EVP_DecryptUpdate(with.get(), bytes_of(text), &size, bytes_of(sealed) + nonce_size, static_cast<int>(length)));
    must(EVP_CIPHER_CTX_ctrl(with.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(tag_size), tag.data()));
    core::secret_text opened(std::move(text));
    std::array<unsigned char, 16> rest{};
    if (EVP_DecryptFinal_ex(with.get(), rest.data(), &size) != 1) return std::nullopt;
    return opened;
}

std::string sealer::mark(std::string_view context) const {
    auth::digest bytes;
    std::memcpy(bytes.data(), key_.bytes().data(), bytes.size());
    const auto made = auth::sign(bytes, context);
    ::explicit_bzero(bytes.data(), bytes.size());
    return {made.begin(), made.end()};
}

bool sealer::has_made(std::string_view mark, std::string_view context) const {
    const auto right = this->mark(context);
    return mark.size() == right.size() && CRYPTO_memcmp(mark.data(), right.data(), right.size()) == 0;
}

std::string stable_suffix(std::string_view name) {
    static constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const auto digest = auth::sha256(name);
    std::uint64_t number = 0;
    std::memcpy(&number, digest.data(), sizeof number);
    std::string suffix;
    for (int i = 0; i < 6; ++i, number /= alphabet.size()) suffix += alphabet[number % alphabet.size()];
    return suffix;
}

}  // namespace borealis::secrets
