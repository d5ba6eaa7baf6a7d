#include "server/short_waits.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/defer.hpp>

namespace borealis::server {

void short_waits::asked() {
    came();
    if (++calls_ == 1) begin(for_answer_);
}

void short_waits::answered() {
    came();
    if (--calls_ == 0) begin(for_request_);
}

/// What was waited for, or something else that has to be done.
void short_waits::came() {
    if (now_ == nullptr) return;
    std::exchange(now_, nullptr)->penalty = 0;
    ++right_;
}

void short_waits::begin(habit& what) {
    if (most_.count() == 0) return;
    if (what.pass > 0) {
        --what.pass;
        return;
    }
    now_ = &what;
    until_ = core::clock::now() + most_;
    if (std::exchange(looking_, true)) return;
    core::asio::defer(home_, [this] { look(); });
}

/// As long as a turn of the event loop is to come, it asks the kernel for events without sleeping.
void short_waits::look() {
    if (now_ != nullptr && core::clock::now() >= until_) {
        now_->penalty = std::min(2 * now_->penalty + 1, most_penalty);
        now_->pass = now_->penalty;
        now_ = nullptr;
        ++wrong_;
    }
    looking_ = now_ != nullptr;
    if (looking_) core::asio::defer(home_, [this] { look(); });
}

}  // namespace borealis::server
