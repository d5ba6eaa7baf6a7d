#include "server/handover.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/log.hpp"

namespace borealis::server {
namespace {

using clusters::descriptor;
namespace fs = std::filesystem;

constexpr std::string_view greeting = "borealis-handover-1";
constexpr std::string_view go_on = "go";
/// SCM_MAX_FD is 253.
constexpr std::size_t most_descriptors = 250;
constexpr std::size_t longest_message = 64 * 1024;
constexpr std::chrono::seconds answer_within{10};

std::string reason() { return std::generic_category().message(errno); }

sockaddr_un address_of(const fs::path& path) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    const auto text = path.string();
    if (text.size() >= sizeof at.sun_path)
        throw std::runtime_error(fmt::format("{}: the path is too long for a socket", text));
    text.copy(at.sun_path, sizeof at.sun_path);
    return at;
}

const sockaddr* plain(const sockaddr_un& at) { return reinterpret_cast<const sockaddr*>(&at); }

/// Whether it became readable in time.
bool readable(int socket, std::chrono::milliseconds within) {
    pollfd look{.fd = socket, .events = POLLIN, .revents = 0};
    return ::poll(&look, 1, static_cast<int>(within.count())) > 0;
}

bool is_ours(int client) {
    ucred who{};
    socklen_t size = sizeof who;
    return ::getsockopt(client, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && (who.uid == ::geteuid() || who.uid == 0);
}

/// The names, a line each, then `lock` where the last descriptor is that; and the descriptors beside them.
bool send_all(int client, const handed_over& what) {
    std::string text(greeting);
    std::vector<int> all;
    for (const auto& [name, socket] : what.sockets) {
        text.append("\n").append(name);
        all.push_back(socket);
    }
    if (what.lock >= 0) {
        text += "\nlock";
        all.push_back(what.lock);
    }
    if (all.size() > most_descriptors || text.size() > longest_message) return false;
    std::vector<std::byte> beside(CMSG_SPACE(all.size() * sizeof(int)));
    iovec bytes{.iov_base = text.data(), .iov_len = text.size()};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = beside.data();
    message.msg_controllen = beside.size();
    auto* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(all.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), all.data(), all.size() * sizeof(int));
    return ::sendmsg(client, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

}  // namespace

handover_door::handover_door(fs::path socket, std::function<handed_over()> offered, std::function<void()> given_up,
                             std::function<void()> taken)
    : path_(std::move(socket)), offered_(std::move(offered)), given_up_(std::move(given_up)), taken_(std::move(taken)) {
    static_cast<void>(address_of(path_));  // throws where it is too long
    listens_ = descriptor(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    // Under another name first: at its own it is closed to others from the beginning, and there without a gap.
    const auto unfinished = fs::path(path_) += ".new";
    const auto first = address_of(unfinished);
    std::error_code ignored;  // it is not there, mostly
    fs::remove(unfinished, ignored);
    if (!listens_ || ::bind(listens_.get(), plain(first), sizeof first) != 0 ||
        ::chmod(unfinished.c_str(), S_IRUSR | S_IWUSR) != 0 || ::listen(listens_.get(), 4) != 0 ||
        ::rename(unfinished.c_str(), path_.c_str()) != 0)
        throw std::runtime_error(fmt::format("{}: cannot be made: {}", path_.string(), reason()));
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

handover_door::~handover_door() {
    if (thread_.joinable()) {
        thread_.request_stop();
        if (thread_.get_id() != std::this_thread::get_id()) thread_.join();
    }
}

void handover_door::run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        if (!readable(listens_.get(), std::chrono::milliseconds(100))) continue;
        const descriptor client(::accept4(listens_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!client || !is_ours(client.get())) continue;
        if (serve(client.get(), stop)) {
            taken_();
            return;  // the other makes its own in this one's place
        }
        given_up_();
    }
    std::error_code ignored;  // the next one replaces it
    fs::remove(path_, ignored);
}

bool handover_door::serve(int client, const std::stop_token& stop) const {
    if (!send_all(client, offered_())) {
        core::log(core::log_level::error, "the listening sockets cannot be handed over: {}", reason());
        return false;
    }
    std::array<char, 16> word{};
    while (!stop.stop_requested()) {
        if (!readable(client, std::chrono::milliseconds(100))) continue;
        const auto size = ::recv(client, word.data(), word.size(), 0);
        return size > 0 && std::string_view(word.data(), static_cast<std::size_t>(size)) == go_on;
    }
    return false;
}

std::optional<predecessor> predecessor::find(const fs::path& socket) {
    const auto at = address_of(socket);
    predecessor made;
    made.connection_ = descriptor(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!made.connection_) throw std::runtime_error(fmt::format("{}: {}", socket.string(), reason()));
    if (::connect(made.connection_.get(), plain(at), sizeof at) != 0) {
        if (errno == ENOENT || errno == ECONNREFUSED) return std::nullopt;
        throw std::runtime_error(fmt::format("{}: {}", socket.string(), reason()));
    }
    std::string text(longest_message, '\0');
    std::vector<std::byte> beside(CMSG_SPACE(most_descriptors * sizeof(int)));
    iovec bytes{.iov_base = text.data(), .iov_len = text.size()};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = beside.data();
    message.msg_controllen = beside.size();
    const bool answers = readable(made.connection_.get(), answer_within);
    const auto size = answers ? ::recvmsg(made.connection_.get(), &message, MSG_CMSG_CLOEXEC) : -1;
    std::vector<descriptor> all;
    for (auto* header = CMSG_FIRSTHDR(&message); size > 0 && header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        std::vector<int> numbers((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        std::memcpy(numbers.data(), CMSG_DATA(header), numbers.size() * sizeof(int));
        for (const int number : numbers) all.emplace_back(number);
    }
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    std::string_view rest = text;
    std::vector<std::string_view> lines;
    while (!rest.empty()) {
        const auto line = rest.substr(0, rest.find('\n'));
        lines.push_back(line);
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    }
    if (lines.empty() || lines.front() != greeting || lines.size() != all.size() + 1)
        throw std::runtime_error(
            fmt::format("{}: the server there hands nothing over (another version, another user, or it ends just now)",
                        socket.string()));
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (lines[i + 1] == "lock") {
            made.lock = std::move(all[i]);
        } else {
            made.sockets.emplace_back(lines[i + 1], std::move(all[i]));
        }
    }
    return made;
}

void predecessor::go() {
    if (::send(connection_.get(), go_on.data(), go_on.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(go_on.size()))
        throw std::runtime_error(fmt::format("the former server has gone in the middle: {}", reason()));
}

}  // namespace borealis::server
