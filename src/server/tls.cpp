#include "server/tls.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>

#include "core/deadline.hpp"
#include "core/log.hpp"

namespace borealis::server {
namespace {

namespace fs = std::filesystem;

/// Forward secrecy and authenticated encryption; of TLS 1.3 all suites are such.
constexpr const char* ciphers_of_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr std::string_view session_context = "borealis";
constexpr std::chrono::hours ticket_keys_live{12};
constexpr std::chrono::days soon{14};

std::int64_t steady_seconds() {
    return std::chrono::duration_cast<std::chrono::seconds>(core::clock::now().time_since_epoch()).count();
}

/// OpenSSL would ask on the terminal.
int no_password(char* /*into*/, int /*size*/, int /*writing*/, void* asked) {
    *static_cast<bool*>(asked) = true;
    return 0;
}

int choose_protocol(SSL* /*on*/, const unsigned char** out, unsigned char* out_length, const unsigned char* offered,
                    unsigned offered_length, void* /*unused*/) {
    static constexpr std::array<unsigned char, 9> ours = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, out_length, ours.data(), static_cast<unsigned>(ours.size()), offered,
                              offered_length) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

[[noreturn]] void refuse(const fs::path& file, std::string_view what) {
    throw std::runtime_error(fmt::format("{}: {}: {}", file.string(), what, last_tls_error()));
}

void must_open(const fs::path& file, std::string_view what) {
    struct stat about{};
    if (::stat(file.c_str(), &about) != 0)
        throw std::runtime_error(
            fmt::format("{}: {} cannot be opened: {}", file.string(), what, std::generic_category().message(errno)));
    if (!S_ISREG(about.st_mode)) throw std::runtime_error(fmt::format("{}: {} is no plain file", file.string(), what));
}

std::string text_of(const X509_NAME* name) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
    if (!out || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0) return {};
    char* at = nullptr;
    const long size = BIO_get_mem_data(out.get(), &at);
    return {at, static_cast<std::size_t>(size)};
}

std::string text_of(const ASN1_TIME* time) {
    tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return "?";
    return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

void say_what_is_used(const X509* certificate, const fs::path& file) {
    const auto* end = X509_get0_notAfter(certificate);
    int days = 0;
    int seconds = 0;
    ASN1_TIME_diff(&days, &seconds, nullptr, end);
    const bool over = days < 0 || seconds < 0;
    const auto level = over || days < soon.count() ? core::log_level::warning : core::log_level::info;
    core::log(level, "TLS certificate {} of {}: valid until {}{}", text_of(X509_get_subject_name(certificate)),
              file.string(), text_of(end), over ? ", which has passed: clients will refuse it" : "");
}

std::vector<file_stamp> look_at(const tls_settings& with) {
    std::vector<file_stamp> all;
    for (const auto* file : {&with.certificate, &with.key, &with.client_ca}) {
        struct stat about{};
        if (file->empty() || ::stat(file->c_str(), &about) != 0) {
            all.emplace_back();
            continue;
        }
        all.push_back({about.st_mtim.tv_sec, about.st_mtim.tv_nsec, about.st_size, about.st_ino});
        if (file == &with.key && (about.st_mode & 07U) != 0) {
            core::log(core::log_level::warning, "{0}: every user of this machine may read the TLS key: chmod 600 {0}",
                      file->string());
        }
    }
    return all;
}

}  // namespace

std::string last_tls_error() {
    std::string text;
    while (const auto code = ERR_get_error()) {
        const char* reason = ERR_reason_error_string(code);
        text = reason == nullptr ? fmt::format("error {:x}", code) : reason;
    }
    return text.empty() ? "no reason is given" : text;
}

std::string peer_subject(const ssl_st* connection) {
    const auto* shown = SSL_get0_peer_certificate(connection);
    return shown == nullptr ? std::string() : text_of(X509_get_subject_name(shown));
}

certificates::certificates(tls_settings with) {
    seen_ = look_at(with);
    auto made = make(with, false);
    use(std::move(with), std::move(made));
}

certificates::~certificates() = default;

certificates::context certificates::make(const tls_settings& with, bool tickets_of_before) const {
    ERR_clear_error();
    must_open(with.certificate, "the TLS certificate");
    must_open(with.key, "the TLS key");
    context made(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
    if (!made) throw std::bad_alloc();
    auto* to = made.get();
    SSL_CTX_set_min_proto_version(to, with.minimum == tls_version::tls_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_options(to, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(to, SSL_MODE_RELEASE_BUFFERS);  // an idle connection holds no 34 kB
    if (SSL_CTX_set_cipher_list(to, ciphers_of_1_2) != 1) refuse(with.certificate, "no TLS cipher is left");
    SSL_CTX_set_alpn_select_cb(to, &choose_protocol, nullptr);

    bool encrypted = false;
    SSL_CTX_set_default_passwd_cb(to, &no_password);
    SSL_CTX_set_default_passwd_cb_userdata(to, &encrypted);
    if (SSL_CTX_use_certificate_chain_file(to, with.certificate.c_str()) != 1)
        refuse(with.certificate, "the TLS certificate cannot be read (PEM, the server's first)");
    if (SSL_CTX_use_PrivateKey_file(to, with.key.c_str(), SSL_FILETYPE_PEM) != 1) {
        if (encrypted)
            throw std::runtime_error(
                fmt::format("{}: the TLS key is encrypted; store it without a pass phrase", with.key.string()));
        refuse(with.key, "the TLS key cannot be read (PEM), or is not the one of the certificate");
    }
    SSL_CTX_set_default_passwd_cb_userdata(to, nullptr);
    if (SSL_CTX_check_private_key(to) != 1) refuse(with.key, "the TLS key is not the one of the certificate");

    if (with.clients != client_certificates::none) {
        must_open(with.client_ca, "the file of the authorities of clients");
        if (SSL_CTX_load_verify_file(to, with.client_ca.c_str()) != 1)
            refuse(with.client_ca, "the authorities of clients cannot be read (PEM)");
        auto* names = SSL_load_client_CA_file(with.client_ca.c_str());
        if (names == nullptr) refuse(with.client_ca, "the authorities of clients cannot be read (PEM)");
        SSL_CTX_set_client_CA_list(to, names);  // takes them
        SSL_CTX_set_verify(to,
                           with.clients == client_certificates::required
                               ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                               : SSL_VERIFY_PEER,
                           nullptr);
    }

    // Tickets alone: no table of sessions. Their keys are those of before where that lets nobody in whom the new files
    // would not: a ticket stands for the client's certificate as well.
    SSL_CTX_set_session_cache_mode(to, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(to, reinterpret_cast<const unsigned char*>(session_context.data()),
                                   static_cast<unsigned>(session_context.size()));
    if (tickets_of_before && with.clients == client_certificates::none) {
        const std::lock_guard lock(guard_);
        const auto size = SSL_CTX_get_tlsext_ticket_keys(now_.get(), nullptr, 0);
        std::vector<unsigned char> keys(static_cast<std::size_t>(size));
        SSL_CTX_get_tlsext_ticket_keys(now_.get(), keys.data(), size);
        SSL_CTX_set_tlsext_ticket_keys(to, keys.data(), size);
        ::explicit_bzero(keys.data(), keys.size());
    }
    return made;
}

void certificates::use(tls_settings with, context made) {
    say_what_is_used(SSL_CTX_get0_certificate(made.get()), with.certificate);
    const std::lock_guard lock(guard_);
    with_ = std::move(with);
    now_ = std::move(made);
}

tls_settings certificates::given() const {
    const std::lock_guard lock(guard_);
    return with_;
}

client_certificates certificates::clients() const {
    const std::lock_guard lock(guard_);
    return with_.clients;
}

ssl_st* certificates::open() const {
    context with;
    {
        const std::lock_guard lock(guard_);
        with = now_;
    }
    auto* made = SSL_new(with.get());  // holds the context for as long as it lives
    if (made == nullptr) throw std::bad_alloc();
    return made;
}

certificates::next certificates::prepare(tls_settings with) const {
    next made;
    made.seen = look_at(with);  // before they are read: what changes meanwhile is read the next time
    made.context = make(with, true);
    made.with = std::move(with);
    return made;
}

void certificates::take(next what) {
    const std::lock_guard lock(reloading_);
    seen_ = std::move(what.seen);
    use(std::move(what.with), std::move(what.context));
}

void certificates::follow_files() {
    const std::lock_guard lock(reloading_);
    auto with = given();
    auto now = look_at(with);
    if (tickets_made_ == 0) tickets_made_ = steady_seconds();
    const bool old = steady_seconds() - tickets_made_ >= std::chrono::seconds(ticket_keys_live).count();
    const bool changed = now != seen_;
    if (!changed && !old) return;
    if (changed) seen_ = std::move(now);
    if (old) tickets_made_ = steady_seconds();
    try {
        auto made = make(with, !old);
        use(std::move(with), std::move(made));
    } catch (const std::exception& why) {
        core::log(core::log_level::error, "the TLS certificate stays as it was: {}", why.what());
    }
}

std::string certificates::name_for(const std::string& address, bool loopback) const {
    const std::lock_guard lock(guard_);
    auto* shown = SSL_CTX_get0_certificate(now_.get());
    if (X509_check_ip_asc(shown, address.c_str(), 0) == 1) return address;
    if (loopback && X509_check_host(shown, "localhost", 0, 0, nullptr) == 1) return "localhost";
    const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(shown, NID_subject_alt_name, nullptr, nullptr)),
        &GENERAL_NAMES_free);
    const int count = names ? sk_GENERAL_NAME_num(names.get()) : 0;
    for (int i = 0; i < count; ++i) {
        const auto* one = sk_GENERAL_NAME_value(names.get(), i);
        if (one->type != GEN_DNS) continue;
        const auto* text = ASN1_STRING_get0_data(one->d.dNSName);
        const std::string name(reinterpret_cast<const char*>(text),
                               static_cast<std::size_t>(ASN1_STRING_length(one->d.dNSName)));
        if (!name.starts_with('*')) return name;
    }
    return address;
}

}  // namespace borealis::server
