#pragma once
/// How many calls use each cluster right now.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "data_api/text_table.hpp"

namespace borealis::data_api {

/// One thread's counts. An entry stays when its count is zero again: there are as many as there are clusters.
class usage {
    struct counts {
        std::size_t running = 0;
        std::uint64_t begun = 0;
    };

 public:
    /// One use; ends with this object, which must not outlive the counts.
    class guard {
     public:
        guard() = default;
        guard(guard&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
        guard& operator=(guard&& other) noexcept {
            std::swap(count_, other.count_);
            return *this;
        }
        ~guard() {
            if (count_ != nullptr) --*count_;
        }

     private:
        friend class usage;
        explicit guard(counts& of) : count_(&of.running) {
            ++of.running;
            ++of.begun;
        }
        std::size_t* count_ = nullptr;
    };

    [[nodiscard]] guard begin(std::string_view resource_arn) { return guard(counts_[resource_arn]); }

    [[nodiscard]] std::size_t of(std::string_view resource_arn) const {
        const auto* const found = counts_.find(resource_arn);
        return found == nullptr ? 0 : found->running;
    }

    /// Those that have ended as well.
    [[nodiscard]] std::uint64_t begun(std::string_view resource_arn) const {
        const auto* const found = counts_.find(resource_arn);
        return found == nullptr ? 0 : found->begun;
    }

 private:
    text_table<counts> counts_;
};

}  // namespace borealis::data_api
