#pragma once
/// Time at the database and time spent on writing rows, told apart.

#include <algorithm>
#include <cstdint>
#include <span>

#include "core/deadline.hpp"
#include "data_api/observation.hpp"
#include "data_api/statistics.hpp"
#include "sql/row_sink.hpp"

namespace borealis::data_api {

/// What sinks took of it. Each row of the first `all_of`, then one in `one_in`, which stands for those before: a clock
/// read twice a row would cost more than a short row.
struct encoding_time {
    static constexpr std::uint64_t all_of = 32;
    static constexpr std::uint64_t one_in = 16;
    core::clock::duration spent{};
    std::uint64_t rows = 0;
};

/// Hands rows on and adds the time that took.
class timed_sink final : public sql::row_sink {
 public:
    /// Both outlive this.
    timed_sink(sql::row_sink& to, encoding_time& time) : to_(to), time_(time) {}

    sql::reception columns(std::span<const sql::column> all) override { return to_.columns(all); }
    sql::flow row(std::span<const sql::cell> cells, std::size_t wire_bytes) override {
        const auto number = ++time_.rows;
        const bool sampled = number > encoding_time::all_of;
        if (sampled && number % encoding_time::one_in != 0) return to_.row(cells, wire_bytes);
        const auto since = core::clock::now();
        const auto said = to_.row(cells, wire_bytes);
        time_.spent += (core::clock::now() - since) * (sampled ? encoding_time::one_in : 1);
        return said;
    }

 private:
    sql::row_sink& to_;
    encoding_time& time_;
};

/// One stay at the database: counted when it ends, however it does.
class stay {
 public:
    /// @param seen  Null: nobody looks on. Both outlive this.
    stay(statistics& to, observation* seen) : to_(to), seen_(seen) {}
    stay(const stay&) = delete;
    stay& operator=(const stay&) = delete;
    ~stay() {
        const auto whole = core::clock::now() - since_;
        const auto encoding = std::min(encoding_.spent, whole);  // samples may say too much
        to_.ran.add(whole - encoding);
        if (encoding_.rows != 0) to_.encoded.add(encoding);
        to_.rows += encoding_.rows;
        if (seen_ == nullptr) return;
        seen_->at_database += whole - encoding;
        seen_->encoding += encoding;
        seen_->rows += encoding_.rows;
    }

    /// When it began.
    [[nodiscard]] core::clock::time_point since() const { return since_; }
    /// For the sinks of its statements.
    [[nodiscard]] encoding_time& encoding() { return encoding_; }
    /// Nobody looks on any more.
    void forget() { seen_ = nullptr; }

 private:
    statistics& to_;
    observation* seen_;
    core::clock::time_point since_ = core::clock::now();
    encoding_time encoding_;
};

}  // namespace borealis::data_api
