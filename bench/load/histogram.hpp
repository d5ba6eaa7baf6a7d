#pragma once
/// Durations, counted in buckets less than one percent wide.

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace borealis::bench {

class histogram {
 public:
    void add(std::chrono::nanoseconds took) {
        const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0));
        ++counts_[std::min(index(value), counts_.size() - 1)];
        ++all_;
        largest_ = std::max(largest_, value);
    }

    void add(const histogram& other) {
        for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
        all_ += other.all_;
        largest_ = std::max(largest_, other.largest_);
    }

    [[nodiscard]] std::uint64_t count() const { return all_; }
    [[nodiscard]] double largest_micros() const { return static_cast<double>(largest_) / 1000; }

    /// The duration below which `share` of all are, in microseconds; 0 when there are none.
    [[nodiscard]] double micros(double share) const {
        const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(all_));
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            seen += counts_[i];
            if (seen > wanted || (seen == all_ && seen != 0)) return static_cast<double>(value(i)) / 1000;
        }
        return 0;
    }

 private:
    static constexpr unsigned int bits = 7;  ///< 128 buckets for each doubling.

    static std::size_t index(std::uint64_t value) {
        const auto width = static_cast<unsigned int>(std::bit_width(value));
        if (width <= bits + 1) return value;
        const unsigned int shift = width - bits - 1;
        return (std::size_t{shift} << bits) + (value >> shift);
    }
    static std::uint64_t value(std::size_t index) {
        if (index < (std::size_t{2} << bits)) return index;
        const std::size_t shift = (index >> bits) - 1;
        return ((index & ((std::size_t{1} << bits) - 1)) + (std::size_t{1} << bits)) << shift;
    }

    std::array<std::uint64_t, std::size_t{40} << bits> counts_{};
    std::uint64_t all_ = 0;
    std::uint64_t largest_ = 0;
};

}  // namespace borealis::bench
