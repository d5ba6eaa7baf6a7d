#include "server/given_sockets.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <boost/asio/ip/address.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace borealis::server {
namespace {

/// SD_LISTEN_FDS_START
constexpr int first_given = 3;
constexpr int most_given = 256;

int number_of(const char* text) {
    int value = 0;
    if (text == nullptr) return 0;
    const auto* end = text + std::strlen(text);
    const auto [at, failed] = std::from_chars(text, end, value);
    return failed == std::errc() && at == end ? value : 0;
}

/// Nothing where it is no listening TCP socket.
std::optional<tcp_endpoint> listens_at(int socket) {
    int listens = 0;
    int type = 0;
    socklen_t size = sizeof listens;
    if (::getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) return std::nullopt;
    size = sizeof type;
    if (::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) return std::nullopt;
    tcp_endpoint at;
    size = static_cast<socklen_t>(at.capacity());
    if (::getsockname(socket, at.data(), &size) != 0) return std::nullopt;
    const auto family = at.data()->sa_family;
    if (family != AF_INET && family != AF_INET6) return std::nullopt;
    at.resize(size);
    return at;
}

}  // namespace

given_sockets given_sockets::of_systemd(const environment& variables) {
    given_sockets made;
    if (number_of(variables("LISTEN_PID")) != ::getpid()) return made;
    const auto count = std::min(number_of(variables("LISTEN_FDS")), most_given);
    const char* named = variables("LISTEN_FDNAMES");
    std::string_view names = named == nullptr ? "" : named;
    for (int i = 0; i < count; ++i) {
        const auto name = names.substr(0, names.find(':'));
        names.remove_prefix(std::min(name.size() + 1, names.size()));
        made.add(descriptor(first_given + i), name == "admin" ? "admin" : "api");
    }
    made.decide_ = !made.where("api").empty();
    return made;
}

void given_sockets::add(descriptor socket, std::string_view name) {
    const auto at = listens_at(socket.get());
    if (!at)
        throw std::runtime_error(
            fmt::format("the given descriptor {} ({}) is no listening TCP socket", socket.get(), name));
    ::fcntl(socket.get(), F_SETFD, FD_CLOEXEC);
    all_.push_back({.socket = std::move(socket), .name = std::string(name), .at = *at});
}

std::vector<tcp_endpoint> given_sockets::where(std::string_view name) const {
    std::vector<tcp_endpoint> found;
    for (const auto& each : all_)
        if (each.name == name) found.push_back(each.at);
    return found;
}

std::vector<descriptor> given_sockets::take(std::string_view name, const tcp_endpoint* at) {
    std::vector<descriptor> taken;
    std::optional<tcp_endpoint> found;  // where any port will do, all must be of the same
    std::erase_if(all_, [&](one& each) {
        if (each.name != name) return false;
        if (at != nullptr && each.at.address() != at->address()) return false;
        if (at != nullptr && at->port() != 0 && each.at.port() != at->port()) return false;
        if (at != nullptr && found && each.at != *found) return false;
        found = each.at;
        taken.push_back(std::move(each.socket));
        return true;
    });
    return taken;
}

std::vector<std::vector<descriptor>> dealt(std::vector<descriptor> sockets, std::size_t shares) {
    std::vector<std::vector<descriptor>> all(shares);
    const auto count = sockets.size();
    if (count == 0 || shares == 0) return all;
    for (std::size_t i = count; i < shares; ++i) {
        const int again = ::fcntl(sockets[i % count].get(), F_DUPFD_CLOEXEC, 0);
        if (again < 0) throw std::system_error(errno, std::generic_category(), "cannot share a listening socket");
        all[i].emplace_back(again);
    }
    for (std::size_t i = 0; i < count; ++i) all[i % shares].push_back(std::move(sockets[i]));
    return all;
}

tcp_endpoint accept_from(tcp_acceptor& acceptor, descriptor socket) {
    const auto at = listens_at(socket.get());
    if (!at) throw std::runtime_error("a given socket does not listen any more");
    acceptor.assign(at->protocol(), socket.release());
    return *at;
}

}  // namespace borealis::server
