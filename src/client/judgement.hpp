#pragma once
/// Why an attempt failed, whether it may have had its effect, and so whether it may be repeated.

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace borealis::client {

/// What became of one attempt that did not succeed.
struct fault {
    bool answered = false;  ///< A whole answer arrived; `status`, `code`, `message` are its.
    bool sent = false;      ///< Request bytes had left, without an answer.
    bool timed_out = false;
    bool certificate = false;  ///< The server's certificate was refused: another attempt will not help.
    int status = 0;
    std::string code = {};
    std::string message = {};
    std::optional<std::chrono::milliseconds> retry_after = {};  ///< `x-amz-retry-after`
};

enum class cause : std::uint8_t {
    permanent,  ///< The same again would fail again.
    transient,  ///< May pass soon.
    throttled,  ///< The same; the service asks for fewer calls.
    resuming,   ///< The database wakes up; the statement did not run (L-5.64).
};

struct judgement {
    cause why = cause::permanent;
    bool in_doubt = false;  ///< It may have taken effect: only what may run twice may be repeated (L-5.65).
};

/// Answers that say that nothing was done: throttling, time-outs of reading the request, ServiceUnavailableError. Every
/// other 5xx leaves a write in doubt, as it may come from a proxy that lost the answer.
[[nodiscard]] judgement judge(const fault& what);

[[nodiscard]] bool is_throttling(std::string_view code);
/// Errors that a clock that is wrong may have caused (L-5.6).
[[nodiscard]] bool may_be_clock_skew(std::string_view code);

/// Before the retry number `retry` (from 0): random × min(2^retry s, 20 s), or a hint of the server's that lies at most
/// 5 s above that (L-5.60, L-5.63).
[[nodiscard]] std::chrono::milliseconds retry_delay(int retry, double random,
                                                    std::optional<std::chrono::milliseconds> hint);

/// Before look number `look` (from 0) at a resuming database: 1, 2, 3, 5, 5 … s (L-5.64).
[[nodiscard]] std::chrono::milliseconds resume_delay(int look);

/// The budget of retries that all calls of a client share, so that a service in trouble is not buried (L-5.60). Any
/// thread.
class token_bucket {
 public:
    /// Takes what a retry costs; nothing where there is too little left: do not retry.
    [[nodiscard]] std::optional<int> take(bool after_timeout);
    /// After a success. @param cost  Of the call's last retry; 0 when there was none.
    void give_back(int cost);
    [[nodiscard]] int left() const;

 private:
    static constexpr int capacity = 500;
    mutable std::mutex mutex_;
    int tokens_ = capacity;
};

/// Whether a statement certainly changes nothing, so that it may run twice: one SELECT, SHOW, VALUES, TABLE, DESCRIBE
/// or EXPLAIN without INTO, FOR, LOCK, ANALYZE, data-changing words, assignments, or calls of functions not known to be
/// harmless. Whatever the two engines read differently (backslashes in strings, `#`, dollar quotes) makes the answer
/// no.
[[nodiscard]] bool is_plain_read(std::string_view sql);

}  // namespace borealis::client
