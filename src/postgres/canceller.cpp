#include "postgres/canceller.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/log.hpp"

namespace borealis::postgres {

cancel_ticket::cancel_ticket() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

cancel_ticket::~cancel_ticket() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

void cancel_ticket::finish() noexcept {
    done_.store(true, std::memory_order_release);
    const std::uint64_t one = 1;
    // Cannot fail: the counter is 0 and nobody else writes.
    [[maybe_unused]] const auto written = ::write(descriptor_, &one, sizeof one);
}

struct canceller::parts {
    struct job {
        std::shared_ptr<const cancel_request> which;
        std::shared_ptr<cancel_ticket> ticket;  // shared with the session that waits, which may be gone first
    };

    std::mutex guard;
    std::condition_variable changed;
    std::deque<job> jobs;
    bool stopping = false;
    std::size_t idle = 0;
    std::vector<std::thread> workers;

    void work() {
        // The program's signals are for other threads; PQcancel writes to its socket without MSG_NOSIGNAL.
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, nullptr);
        std::unique_lock lock(guard);
        for (;;) {
            ++idle;
            changed.wait(lock, [this] { return stopping || !jobs.empty(); });
            --idle;
            if (stopping) return;
            const job next = std::move(jobs.front());
            jobs.pop_front();
            lock.unlock();
            const auto why = next.which->send();
            if (!why.empty()) core::log(core::log_level::warning, "postgres: a cancel request failed: {}", why);
            next.ticket->finish();
            lock.lock();
        }
    }
};

canceller::canceller() : parts_(std::make_unique<parts>()) {}

canceller::~canceller() {
    {
        const std::scoped_lock lock(parts_->guard);
        parts_->stopping = true;
    }
    parts_->changed.notify_all();
    for (auto& worker : parts_->workers) worker.join();
}

std::shared_ptr<cancel_ticket> canceller::submit(std::shared_ptr<const cancel_request> which) {
    // Nothing is thrown here: the statement has been sent, and its caller is told what has become of it.
    auto ticket = std::make_shared<cancel_ticket>();
    if (ticket->descriptor() < 0) {
        core::log(core::log_level::warning, "postgres: no descriptor is left for a cancel request");
        return nullptr;
    }
    {
        const std::scoped_lock lock(parts_->guard);
        if (parts_->jobs.size() >= capacity) return nullptr;
        parts_->jobs.push_back({std::move(which), ticket});
        if (parts_->idle < parts_->jobs.size() && parts_->workers.size() < most_workers) {
            try {
                parts_->workers.emplace_back([this] { parts_->work(); });
            } catch (const std::system_error& problem) {
                core::log(core::log_level::warning, "postgres: no thread for a cancel request: {}", problem.what());
                if (parts_->workers.empty()) {
                    parts_->jobs.pop_back();
                    return nullptr;
                }
            }
        }
    }
    parts_->changed.notify_one();
    return ticket;
}

}  // namespace borealis::postgres
