#pragma once
/// Opening a session: name, address, TLS and login.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include <mysql.h>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "sql/connection.hpp"
#include "sql/session_settings.hpp"

namespace borealis::mysql {

struct handle_closer {
    void operator()(MYSQL* handle) const noexcept { ::mysql_close(handle); }
};
using handle = std::unique_ptr<MYSQL, handle_closer>;

/// Counts the threads that open sessions, so that none outlives the driver.
class opening_count {
 public:
    void add() {
        const std::scoped_lock held(lock_);
        ++running_;
    }
    void remove() {
        const std::scoped_lock held(lock_);
        --running_;
        none_.notify_all();
    }
    void wait_until_none() {
        std::unique_lock held(lock_);
        none_.wait(held, [this] { return running_ == 0; });
    }

 private:
    std::mutex lock_;
    std::condition_variable none_;
    int running_ = 0;
};

/// Once per program, before any other call of libmariadb.
void prepare_library();

/// Connects and logs in, on a thread of its own, and makes the handle ready for libmariadb's non-blocking calls.
///
/// Why a thread: libmariadb 3.3's mysql_real_connect_start() blocks in getaddrinfo(3), and waits for the whole TLS
/// handshake with poll(2) inside one mysql_real_connect_cont() (measured: a server that falls silent held the caller
/// for the full connect time-out). With the library doing the whole of it, it also has the name to check the
/// certificate against. Sessions are pooled, so this is no hot path.
///
/// @return `login` with the server's text when it refuses; else `unreachable`.
core::awaitable<sql::result<handle>> open(std::shared_ptr<opening_count> count, sql::endpoint to, sql::login as,
                                          std::string database, core::deadline until,
                                          const sql::session_settings& with);

}  // namespace borealis::mysql
