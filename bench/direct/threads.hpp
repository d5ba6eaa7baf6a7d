#pragma once
/// The frame of the direct clients: one thread a connection, each running one piece of work again and again.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <latch>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "load/histogram.hpp"

namespace borealis::bench {

/// Runs `connections` threads for `warm_up` and then `seconds`, and prints what they did in one line of JSON.
/// @param make  make(index) connects, and returns what is then called again and again; both throw when they fail.
/// @return The exit status.
template <class Make>
int run_threads(std::size_t connections, double warm_up, double seconds, const Make& make) {
    using steady = std::chrono::steady_clock;
    std::latch connected(static_cast<std::ptrdiff_t>(connections));
    std::latch started(1);
    std::atomic<bool> failed = false;
    std::mutex mutex;
    histogram all;
    std::string problem;
    steady::time_point from;
    steady::time_point until;
    const auto length = [](double of) {
        return std::chrono::duration_cast<steady::duration>(std::chrono::duration<double>(of));
    };
    const auto work = [&](std::size_t index) {
        const auto mine = std::make_unique<histogram>();
        bool arrived = false;
        try {
            auto once = make(index);
            arrived = true;
            connected.count_down();
            started.wait();
            for (auto begin = steady::now(); begin < until && !failed;) {
                once();
                const auto end = steady::now();
                if (end >= from && end < until) mine->add(end - begin);
                begin = end;
            }
        } catch (const std::exception& e) {
            failed = true;
            if (!arrived) connected.count_down();
            const std::lock_guard lock(mutex);
            problem = e.what();
        }
        const std::lock_guard lock(mutex);
        all.add(*mine);
    };
    std::vector<std::jthread> threads;
    threads.reserve(connections);
    for (std::size_t i = 0; i < connections; ++i) threads.emplace_back(work, i);
    connected.wait();
    from = steady::now() + length(warm_up);
    until = from + length(seconds);
    started.count_down();
    threads.clear();
    if (failed) {
        std::cerr << problem << '\n';
        return 1;
    }
    std::cout << fmt::format(R"({{"seconds":{:.6f},"runs":{},"p50":{:.1f},"p90":{:.1f},"p99":{:.1f},"max":{:.1f}}})",
                             seconds, all.count(), all.micros(0.5), all.micros(0.9), all.micros(0.99),
                             all.largest_micros())
              << std::endl;
    return 0;
}

}  // namespace borealis::bench
