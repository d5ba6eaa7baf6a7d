#include "sql/keepalive.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace borealis::sql {

void set_keepalive(int socket, const session_settings& as) {
    const auto set = [socket](int level, int name, int value) {
        (void)::setsockopt(socket, level, name, &value, sizeof value);
    };
    set(SOL_SOCKET, SO_KEEPALIVE, as.keepalive_idle.count() != 0 ? 1 : 0);
    if (as.keepalive_idle.count() != 0) {
        set(IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(as.keepalive_idle.count()));
        set(IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(as.keepalive_interval.count()));
        set(IPPROTO_TCP, TCP_KEEPCNT, as.keepalive_count);
    }
    set(IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(as.user_timeout.count()));
}

}  // namespace borealis::sql
