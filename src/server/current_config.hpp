#pragma once
/// The configuration that one thread goes by.

#include <memory>
#include <utility>

#include "server/config.hpp"

namespace borealis::server {

/// Touched on its thread alone. A reload puts another one in place of the present one, which never changes itself:
/// whoever needs it beyond a wait takes the pointer along.
class current_config {
 public:
    explicit current_config(std::shared_ptr<const config> first) : now_(std::move(first)) {}

    [[nodiscard]] const config& operator*() const { return *now_; }
    [[nodiscard]] const config* operator->() const { return now_.get(); }

    void replace(std::shared_ptr<const config> next) { now_ = std::move(next); }

 private:
    std::shared_ptr<const config> now_;  // shared by all threads
};

}  // namespace borealis::server
