#include "data_api/slow_statements.hpp"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "core/log.hpp"
#include "sql/normalised.hpp"

namespace borealis::data_api {

void slow_statements::look(core::clock::time_point since, operation what, std::string_view text, sql::dialect of,
                           std::string_view cluster_id, const auth::caller& who, const observation* seen) {
    // Nor one that began before somebody wanted to know.
    if (with_.threshold.count() == 0 || since == core::clock::time_point()) return;
    const auto now = core::clock::now();
    const auto took = now - since;
    if (took < with_.threshold) return;
    ++count_;
    if (second_ == core::clock::time_point::min() || now - second_ >= std::chrono::seconds(1)) {
        second_ = now;
        lines_ = 0;
    }
    if (lines_ >= with_.lines_per_second) {
        ++left_out_;
        return;
    }
    ++lines_;
    std::string more;
    if (seen != nullptr && !seen->trace.empty()) more = fmt::format(", trace {}", seen->trace);
    if (left_out_ != 0) more += fmt::format(", {} more were left out", std::exchange(left_out_, 0));
    core::log(core::log_level::warning, "slow statement: {:.3f} s, {} on {} by {}{}: {}",
              std::chrono::duration<double>(took).count(), name_of(what), cluster_id, who.arn(), more,
              sql::normalised(text, of, with_.characters));
}

}  // namespace borealis::data_api
