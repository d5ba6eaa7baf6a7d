#include "server/cluster_sessions.hpp"

#include <atomic>
#include <memory>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

namespace borealis::server {
namespace {

/// One question on its way through the threads. Shared by them; `over` is touched on the asker's thread alone, while
/// its coroutine waits there.
struct question {
    question(std::string about, const core::executor& asker, std::size_t threads)
        : arn(std::move(about)), from(asker), left(threads) {}

    std::string arn;
    core::executor from;
    std::atomic<std::size_t> left;
    std::atomic<std::size_t> running = 0;
    std::atomic<std::uint64_t> begun = 0;
    core::timer* over = nullptr;
};

}  // namespace

core::awaitable<clusters::activity> cluster_sessions::ask(std::string arn, bool let_go) const {
    const core::executor here = co_await core::asio::this_coro::executor;
    core::timer over(here, core::clock::time_point::max());
    const auto asked = std::make_shared<question>(std::move(arn), here, all_.size());
    asked->over = &over;
    for (const auto& each : all_) {
        core::asio::post(each.loop, [asked, of = each.of, let_go] {
            if (let_go) of->drop_target(asked->arn);
            asked->running += of->uses_of(asked->arn);
            asked->begun += of->calls_of(asked->arn);
            if (--asked->left == 0) core::asio::post(asked->from, [asked] { asked->over->cancel(); });
        });
    }
    if (!all_.empty()) co_await over.async_wait(core::as_tuple);
    co_return clusters::activity{.running = asked->running, .begun = asked->begun};
}

}  // namespace borealis::server
