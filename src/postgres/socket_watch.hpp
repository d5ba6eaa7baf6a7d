#pragma once
/// libpq's descriptor on the event loop: the one place of this room that waits.

#include <cstdint>
#include <memory>

#include "core/async.hpp"
#include "core/deadline.hpp"

namespace borealis::postgres {

enum class interest : std::uint8_t { read, write, read_or_write };

enum class waited : std::uint8_t {
    ready,      ///< Probably ready: may wake without cause, so try and wait again.
    timed_out,  ///< The deadline has passed.
    broken,     ///< The descriptor cannot be waited for.
};

/// Watches one descriptor that somebody else opens and closes.
class socket_watch {
 public:
    explicit socket_watch(const core::executor& home);
    socket_watch(socket_watch&&) noexcept = default;
    socket_watch& operator=(socket_watch&&) = delete;
    ~socket_watch();

    /// From now on waits for `fd` (again, if libpq has closed it and opened another of the same number).
    void watch(int fd);
    /// Lets go of the descriptor without closing it. Do so as soon as libpq may have closed it.
    void unwatch() noexcept;

    core::awaitable<waited> wait(interest in, core::deadline until);
    /// Ends a wait as if its deadline had passed now.
    void expire() noexcept;

 private:
    struct state;
    std::shared_ptr<state> state_;  // shared with a waiting coroutine; handlers hold it weakly
};

}  // namespace borealis::postgres
