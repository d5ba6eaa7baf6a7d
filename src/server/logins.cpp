#include "server/logins.hpp"

#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <fmt/format.h>

#include "core/log.hpp"

namespace borealis::server {
namespace {

namespace asio = core::asio;
using namespace std::chrono_literals;

constexpr auto reads_at_once = 4;
constexpr auto read_at_most_every = 1s;  // whatever the callers' reason
/// After a read that failed, a former value is used for so long before the next.
constexpr auto pause_after_failure = 10s;

bool take_text(const json::node& object, std::string_view name, std::string& into) {
    const auto* member = object.find(name);
    if (member == nullptr || member->is() != json::kind::string) return false;
    into = member->text();
    return true;
}

}  // namespace

core::result<data_api::secret_login> parse_login(const core::secret_text& text, json::document& with) {
    data_api::secret_login login;
    std::string password;
    const auto root = with.parse_copy(text.reveal());
    if (!root || (*root)->is() != json::kind::object || !take_text(**root, "username", login.login.user) ||
        !take_text(**root, "password", password)) {
        return core::fail(core::error_kind::invalid_secret,
                          "The secret must contain username and password fields.");
    }
    login.login.password = core::secret_text(std::move(password));
    take_text(**root, "dbname", login.database);
    return login;
}

struct outside_secrets::parts {
    parts(outside_reader with, std::size_t most) : read(std::move(with)), remembered(most) {}

    /// One call that waits; kept alive by whoever answers it.
    struct waiter {
        explicit waiter(core::executor on) : home(on), timer(on) {}
        core::executor home;
        core::timer timer;
        std::optional<core::result<core::secret_text>> outcome;
    };
    struct entry {
        std::optional<core::secret_text> value;
        core::clock::time_point read_at = core::clock::time_point::min();  // or tried last
        core::clock::time_point good_until = core::clock::time_point::min();
        bool reading = false;
        std::vector<std::shared_ptr<waiter>> waiters;
    };

    static std::unexpected<core::error> not_found(const outside_secret& what) {
        return core::fail(core::error_kind::secret_not_found, fmt::format("The secret {} wasn't found.", what.id));
    }

    /// Callers choose the names where a cluster's secrets are outside: what is old goes when there are many.
    void make_room() {
        if (all.size() < remembered) return;
        std::erase_if(all, [now = core::clock::now()](const auto& each) {
            return !each.second.reading && each.second.good_until < now;
        });
        if (all.size() >= remembered) std::erase_if(all, [](const auto& each) { return !each.second.reading; });
    }

    /// On a thread of the pool.
    void read_now(const outside_secret& what) {
        core::result<core::secret_text> got;
        try {
            got = read(what);
        } catch (const std::exception& why) {
            got = core::fail(core::error_kind::secret_not_found, why.what());
        }
        std::vector<std::shared_ptr<waiter>> waiting;
        {
            const std::lock_guard lock(guard);
            auto& one = all[what];
            const auto now = core::clock::now();
            one.reading = false;
            one.read_at = now;
            waiting.swap(one.waiters);
            if (got) {
                one.value = *got;
                one.good_until = now + what.lives;
            } else {
                core::log(core::log_level::warning, "the secret {} cannot be read{}: {}", what.id,
                          one.value ? " again, its former value is used" : "", got.error().message);
                if (one.value) {
                    got = *one.value;
                    one.good_until = now + pause_after_failure;
                } else {
                    got = not_found(what);
                }
            }
        }
        for (auto& each : waiting) {
            asio::post(each->home, [each, got] {
                each->outcome = got;
                each->timer.cancel();
            });
        }
    }

    outside_reader read;
    const std::size_t remembered;
    mutable std::mutex guard;
    std::map<outside_secret, entry> all;
    std::optional<asio::thread_pool> threads;  ///< From the first read on; made under `guard`.
};

outside_secrets::outside_secrets(outside_reader read, std::size_t remembered)
    : parts_(std::make_shared<parts>(std::move(read), remembered)) {}

outside_secrets::~outside_secrets() { finish(); }

void outside_secrets::finish() {
    if (parts_->threads) parts_->threads->join();
}

std::optional<core::secret_text> outside_secrets::at_hand(const outside_secret& what) const {
    const std::lock_guard lock(parts_->guard);
    const auto found = parts_->all.find(what);
    if (found == parts_->all.end() || found->second.good_until < core::clock::now()) return std::nullopt;
    return found->second.value;
}

core::awaitable<core::result<core::secret_text>> outside_secrets::fetch(outside_secret what, bool anew,
                                                                        core::deadline until) {
    const auto home = co_await asio::this_coro::executor;
    auto mine = std::make_shared<parts::waiter>(home);
    {
        const std::lock_guard lock(parts_->guard);
        parts_->make_room();
        auto& one = parts_->all[what];
        const auto now = core::clock::now();
        const bool tried = one.read_at != core::clock::time_point::min() && now - one.read_at < read_at_most_every;
        if (!one.reading && one.value && (anew ? tried : one.good_until >= now)) co_return *one.value;
        if (!one.reading && !one.value && tried) co_return parts_->not_found(what);
        one.waiters.push_back(mine);
        if (!std::exchange(one.reading, true)) {
            if (!parts_->threads) parts_->threads.emplace(reads_at_once);
            asio::post(*parts_->threads, [in = parts_.get(), what] { in->read_now(what); });
        }
    }
    mine->timer.expires_at(until.at());
    [[maybe_unused]] const auto [ignored] = co_await mine->timer.async_wait(core::as_tuple);
    if (!mine->outcome) {
        const std::lock_guard lock(parts_->guard);
        if (const auto found = parts_->all.find(what); found != parts_->all.end())
            std::erase(found->second.waiters, mine);
        co_return core::fail(core::error_kind::unavailable,
                             fmt::format("The secret {} could not be read in time; try again later.", what.id));
    }
    co_return *std::move(mine->outcome);
}

}  // namespace borealis::server
