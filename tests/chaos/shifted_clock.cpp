/// Preloaded into a program, this moves its wall clock by the number of seconds in the file that BOREALIS_TEST_CLOCK
/// names, which a test may change while the program runs. The steady clock goes on as it is.

#include <cstdlib>
#include <ctime>

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

std::time_t shift() {
    static const char* const file = std::getenv("BOREALIS_TEST_CLOCK");
    if (file == nullptr) return 0;
    const int in = ::open(file, O_RDONLY | O_CLOEXEC);
    if (in < 0) return 0;
    char text[32] = {};
    const auto size = ::read(in, text, sizeof text - 1);
    ::close(in);
    return size > 0 ? std::strtol(text, nullptr, 10) : 0;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t which, timespec* now) noexcept {
    const auto done = ::syscall(SYS_clock_gettime, which, now);
    if (done == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) now->tv_sec += shift();
    return static_cast<int>(done);
}

int gettimeofday(timeval* now, void* /*zone*/) noexcept {
    timespec exact{};
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

std::time_t time(std::time_t* also) noexcept {
    timespec exact{};
    clock_gettime(CLOCK_REALTIME, &exact);
    if (also != nullptr) *also = exact.tv_sec;
    return exact.tv_sec;
}
}
