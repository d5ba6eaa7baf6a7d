#include "client/transport.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <ctime>
#include <new>
#include <stdexcept>

#include <curl/curl.h>
#include <pthread.h>

namespace borealis::client {
namespace {

constexpr std::size_t largest_answer = 64UL * 1024 * 1024;  // the service's own limits are 1 and 10 MiB

void set_up_libcurl() {
    static std::once_flag once;
    std::call_once(once, [] {
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
            throw std::runtime_error("libcurl cannot be initialised");
    });
}

/// OpenSSL writes to sockets without MSG_NOSIGNAL, and libcurl's own protection is not safe among threads.
class without_sigpipe {
 public:
    without_sigpipe() {
        sigset_t pending;
        sigpending(&pending);
        was_pending_ = sigismember(&pending, SIGPIPE) == 1;
        sigemptyset(&pipe_);
        sigaddset(&pipe_, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    without_sigpipe(const without_sigpipe&) = delete;
    without_sigpipe& operator=(const without_sigpipe&) = delete;
    ~without_sigpipe() {
        if (!was_pending_) {
            const timespec now{};
            while (sigtimedwait(&pipe_, nullptr, &now) == SIGPIPE) {
            }
        }
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

 private:
    sigset_t pipe_{}, before_{};
    bool was_pending_ = false;
};

struct header_list {
    curl_slist* first = nullptr;

    header_list() = default;
    header_list(const header_list&) = delete;
    header_list& operator=(const header_list&) = delete;
    ~header_list() { curl_slist_free_all(first); }

    void add(const std::string& line) {
        auto* longer = curl_slist_append(first, line.c_str());
        if (longer == nullptr) throw std::bad_alloc();
        first = longer;
    }
};

struct exchange {
    std::string_view unsent;
    http_answer answer;
    bool too_large = false;
};

std::size_t read_body(char* into, std::size_t size, std::size_t count, void* user) {
    auto& state = *static_cast<exchange*>(user);
    const auto bytes = std::min(size * count, state.unsent.size());
    std::memcpy(into, state.unsent.data(), bytes);
    state.unsent.remove_prefix(bytes);
    return bytes;
}

/// libcurl rewinds a body only to send the request once more by itself, on a new connection. It must not.
int refuse_rewind(void*, curl_off_t, int) { return CURL_SEEKFUNC_FAIL; }

std::size_t take_body(char* from, std::size_t size, std::size_t count, void* user) {
    auto& state = *static_cast<exchange*>(user);
    if (state.answer.body.size() + size * count > largest_answer) {
        state.too_large = true;
        return 0;
    }
    state.answer.body.append(from, size * count);
    return size * count;
}

std::size_t take_header(char* from, std::size_t size, std::size_t count, void* user) {
    auto& state = *static_cast<exchange*>(user);
    const std::string_view line(from, size * count);
    if (line.starts_with("HTTP/")) {
        state.answer.headers.clear();  // the one before was an interim answer
        return line.size();
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return line.size();
    std::string name(line.substr(0, colon));
    std::ranges::transform(name, name.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    const auto begin = line.find_first_not_of(" \t\r\n", colon + 1);
    const auto end = line.find_last_not_of(" \t\r\n");
    state.answer.headers.emplace_back(std::move(name),
                                      begin == std::string_view::npos ? "" : line.substr(begin, end - begin + 1));
    return line.size();
}

bool is_certificate_fault(CURLcode code) {
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_CRL_BADFILE;
}

}  // namespace

std::string_view http_answer::find(std::string_view name) const {
    const auto found = std::ranges::find(headers, name, &std::pair<std::string, std::string>::first);
    return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

void transport::handle_deleter::operator()(void* easy) const { curl_easy_cleanup(easy); }

transport::transport(std::string ca_file, std::size_t idle_connections)
    : ca_file_(std::move(ca_file)), idle_limit_(idle_connections) {
    set_up_libcurl();
}

transport::~transport() = default;

transport::handle transport::take() {
    {
        const std::scoped_lock lock(mutex_);
        if (!idle_.empty()) {
            auto last = std::move(idle_.back());
            idle_.pop_back();
            return last;
        }
    }
    handle made(curl_easy_init());
    if (made == nullptr) throw std::bad_alloc();
    return made;
}

void transport::give_back(handle easy) {
    curl_easy_reset(easy.get());  // keeps the connection
    const std::scoped_lock lock(mutex_);
    if (idle_.size() < idle_limit_) idle_.push_back(std::move(easy));
}

std::expected<http_answer, http_failure> transport::send(const http_call& call) {
    auto owned = take();
    CURL* easy = owned.get();
    exchange state{call.body, {}, false};
    header_list headers;
    for (const auto& [name, value] : call.headers) headers.add(value.empty() ? name + ";" : name + ": " + value);
    headers.add("Expect:");
    headers.add("Accept:");
    std::array<char, CURL_ERROR_SIZE> words{};

    curl_easy_setopt(easy, CURLOPT_URL, call.url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);  // the path that was signed
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.first);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    // An older idle connection is likely closed by the server just when we use it, and then a write's outcome is
    // unknown.
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, 20L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(call.connect_timeout.count()));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(1, call.timeout.count())));
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, words.data());
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &state);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &state);
    if (!ca_file_.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file_.c_str());
    if (call.without_proxy) curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    const std::string method(call.method);
    if (call.method == "GET") {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    } else {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        if (call.method != "POST") curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method.c_str());
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, &read_body);
        curl_easy_setopt(easy, CURLOPT_READDATA, &state);
        curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, &refuse_rewind);
    }

    CURLcode code;
    {
        const without_sigpipe guard;
        code = curl_easy_perform(easy);
    }
    long status = 0;
    long request_bytes = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    // A request whose body has not begun to leave cannot have been carried out.
    const bool sent = call.body.empty() ? request_bytes > 0 : state.unsent.size() < call.body.size();
    give_back(std::move(owned));
    if (code == CURLE_OK) {
        state.answer.status = static_cast<int>(status);
        return std::move(state.answer);
    }
    return std::unexpected(http_failure{.sent = sent,
                                        .timed_out = code == CURLE_OPERATION_TIMEDOUT,
                                        .certificate = is_certificate_fault(code),
                                        .message = state.too_large    ? "The answer is larger than 64 MiB"
                                                   : words[0] != '\0' ? std::string(words.data())
                                                                      : std::string(curl_easy_strerror(code))});
}

}  // namespace borealis::client
