#pragma once
/// What one thread's Data API has done since it began, in numbers. Written and read on that thread alone: counting
/// costs no lock and no atomic; whoever wants the sum over all threads asks each.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "core/deadline.hpp"
#include "data_api/operation.hpp"

namespace borealis::data_api {

/// Durations by size.
struct histogram {
    /// Upper bounds in seconds; what is longer than the last falls into one more.
    static constexpr std::array<double, 16> bounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                      0.25,   0.5,   1,      2.5,   5,    10,    30,   60};
    std::array<std::uint64_t, bounds.size() + 1> counts = {};
    double seconds = 0;  ///< Sum of all.

    void add(core::clock::duration took) {
        std::size_t at = 0;  // most fall into the first
        while (at < limits.size() && took > limits[at]) ++at;
        ++counts[at];
        seconds += std::chrono::duration<double>(took).count();
    }

 private:
    static constexpr auto limits = [] {
        std::array<core::clock::duration, bounds.size()> made;
        for (std::size_t at = 0; at < made.size(); ++at)
            made[at] = std::chrono::round<core::clock::duration>(std::chrono::duration<double>(bounds[at]));
        return made;
    }();
};

/// Adds the time it lived to a histogram that outlives it.
class stopwatch {
 public:
    explicit stopwatch(histogram& to) : to_(to) {}
    stopwatch(const stopwatch&) = delete;
    stopwatch& operator=(const stopwatch&) = delete;
    ~stopwatch() { to_.add(core::clock::now() - since_); }

 private:
    histogram& to_;
    core::clock::time_point since_ = core::clock::now();
};

struct statistics {
    static constexpr std::size_t operations = 6;

    struct one_operation {
        histogram took;  ///< From the body's arrival to the answer.
        /// By x-amzn-ErrorType, empty for success; the names are static.
        std::vector<std::pair<std::string_view, std::uint64_t>> outcomes;

        void count(std::string_view outcome) {
            const auto known = std::ranges::find(outcomes, outcome, [](const auto& each) { return each.first; });
            if (known == outcomes.end()) {
                outcomes.emplace_back(outcome, 1);
            } else {
                ++known->second;
            }
        }
    };
    std::array<one_operation, operations> of;
    // Of one call: waiting for a session; opening it, where it was opened for the call; at the database; and writing
    // the rows that came from it.
    histogram queued, connected, ran, encoded;
    std::uint64_t rows = 0;  ///< That came from databases.
    // Statements cancelled at the database.
    std::uint64_t hung_up = 0;    ///< Because their callers had gone.
    std::uint64_t timed_out = 0;  ///< Because their time was over.
    std::uint64_t cut_short = 0;  ///< Because no more of their rows could be carried.
    std::uint64_t transactions_begun = 0;

    [[nodiscard]] one_operation& operator[](operation what) { return of[static_cast<std::size_t>(what)]; }
};

}  // namespace borealis::data_api
