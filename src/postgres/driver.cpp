#include "postgres/driver.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/log.hpp"
#include "postgres/canceller.hpp"
#include "postgres/established.hpp"
#include "postgres/libpq_log_in.hpp"
#include "postgres/libpq_session.hpp"
#include "postgres/log_in.hpp"
#include "postgres/native_session.hpp"

namespace borealis::postgres {
namespace {

namespace asio = core::asio;
using boost::system::error_code;
using sql::failure;
using sql::failure_kind;

failure unreachable(std::string message) { return {.kind = failure_kind::unreachable, .message = std::move(message)}; }

failure too_late() { return unreachable("The database did not answer in time."); }

/// See make_driver(). Each of libpq's variables is PG and capital letters (PQconndefaults() would load libpq for it).
void clear_environment() {
    std::vector<std::string> found;
    for (char* const* one = environ; one != nullptr && *one != nullptr; ++one) {
        const std::string_view line(*one);
        const auto name = line.substr(0, line.find('='));
        if (name.starts_with("PG") && std::ranges::all_of(name, [](char c) { return c >= 'A' && c <= 'Z'; }))
            found.emplace_back(name);
    }
    for (const auto& name : found) ::unsetenv(name.c_str());
}

constexpr std::size_t most_remembered = 1024;

using addresses = std::vector<std::string>;
using resolver = asio::ip::basic_resolver<asio::ip::tcp, core::executor>;

/// A name look-up that somebody may stop waiting for: getaddrinfo cannot be interrupted.
struct look_up {
    explicit look_up(const core::executor& home) : names(home), alarm(home) {}
    resolver names;
    core::timer alarm;
    bool done = false;
    error_code failed;
    addresses found;
};

core::awaitable<sql::result<addresses>> resolve(const std::string& host, core::deadline until) {
    error_code not_numeric;
    asio::ip::make_address(host, not_numeric);
    if (!not_numeric) co_return addresses{host};
    const auto shared = std::make_shared<look_up>(co_await asio::this_coro::executor);  // with the handler below
    shared->alarm.expires_at(until.at());
    shared->names.async_resolve(host, "", [shared](error_code ec, const resolver::results_type& all) {
        shared->done = true;
        shared->failed = ec;
        for (const auto& one : all) {
            auto text = one.endpoint().address().to_string();
            if (std::ranges::find(shared->found, text) == shared->found.end()) shared->found.push_back(std::move(text));
        }
        shared->alarm.cancel();
    });
    while (!shared->done && !until.passed()) co_await shared->alarm.async_wait(core::as_tuple);
    if (!shared->done) co_return std::unexpected(too_late());
    if (shared->failed || shared->found.empty()) {
        core::log(core::log_level::warning, "postgres: cannot resolve {}: {}", host, shared->failed.message());
        co_return std::unexpected(unreachable("The database's host name cannot be resolved."));
    }
    co_return std::move(shared->found);
}

class postgres_driver final : public sql::driver {
 public:
    postgres_driver(protocol spoken, const sql::session_settings& with)
        : spoken_(spoken), canceller_(std::make_shared<canceller>()), with_(with) {}

    [[nodiscard]] sql::dialect speaks() const noexcept override { return sql::dialect::postgresql; }

    core::awaitable<sql::result<std::unique_ptr<sql::connection>>> connect(const sql::endpoint& to,
                                                                           const sql::login& as,
                                                                           const std::string& database,
                                                                           core::deadline until) override {
        // libpq takes an empty user for the one the program runs as, and texts end at their first zero byte.
        if (as.user.empty()) {
            co_return std::unexpected(failure{.kind = failure_kind::login,
                                              .message = "no PostgreSQL user name specified in startup packet",
                                              .sqlstate = "28000",
                                              .severity = "FATAL"});
        }
        for (const std::string* text : {&as.user, &as.password.reveal(), &database}) {
            if (text->find('\0') == std::string::npos) continue;
            co_return std::unexpected(failure{.kind = failure_kind::login,
                                              .message = "invalid byte sequence for encoding \"UTF8\": 0x00",
                                              .sqlstate = "22021",
                                              .severity = "FATAL"});
        }
        addresses all = {""};
        if (to.socket.empty()) {
            auto found = co_await resolve(to.host, until);
            if (!found) co_return std::unexpected(std::move(found.error()));
            all = std::move(*found);
        }
        failure last = too_late();
        for (std::size_t i = 0; i < all.size(); ++i) {
            // An address that swallows packets must leave time for the next.
            const auto share = until.at() == core::clock::time_point::max()
                                   ? until
                                   : core::deadline::after(until.left() / static_cast<int>(all.size() - i));
            auto made = co_await connect_to(to, all[i], as, database, share);
            if (made || made.error().kind == failure_kind::login) co_return made;
            last = std::move(made.error());
        }
        co_return std::unexpected(std::move(last));
    }

 private:
    core::awaitable<sql::result<std::unique_ptr<sql::connection>>> connect_to(const sql::endpoint& to,
                                                                              const std::string& address,
                                                                              const sql::login& as,
                                                                              const std::string& database,
                                                                              core::deadline until) {
        const core::executor home = co_await asio::this_coro::executor;
        if (spoken_ == protocol::native && may_be_plain(to) && !for_libpq(to, address, as)) {
            auto made = co_await log_in(to, address, as, database, with_, until);
            if (!made) co_return std::unexpected(std::move(made.error()));
            if (*made) co_return std::make_unique<native_session>(home, *std::move(*made), canceller_, with_);
            remember(to, address, as);
        }
        auto made = co_await log_in_by_libpq(to, address, as, database, with_, until);
        if (!made) co_return std::unexpected(std::move(made.error()));
        if (spoken_ == protocol::native) {
            if (auto taken = hand_over(*made)) {
                co_return std::make_unique<native_session>(home, *std::move(taken), canceller_, with_);
            }
        }
        co_return std::make_unique<libpq_session>(home, std::move(*made), canceller_, with_.statements);
    }

    /// Has that server asked for what only libpq speaks? To ask again for each session would cost a connection, and
    /// leave a line in the server's log.
    bool for_libpq(const sql::endpoint& to, const std::string& address, const sql::login& as) {
        const std::scoped_lock lock(guard_);
        return for_libpq_.contains(name_of(to, address, as));
    }
    void remember(const sql::endpoint& to, const std::string& address, const sql::login& as) {
        const std::scoped_lock lock(guard_);
        if (for_libpq_.size() >= most_remembered) for_libpq_.clear();
        for_libpq_.insert(name_of(to, address, as));
    }
    static std::string name_of(const sql::endpoint& to, const std::string& address, const sql::login& as) {
        return fmt::format("{}{}:{} {}", to.socket, address, to.port, as.user);
    }

    protocol spoken_;
    std::shared_ptr<canceller> canceller_;  // shared with the sessions, which may outlive the driver
    const sql::session_settings with_;
    std::mutex guard_;
    std::unordered_set<std::string> for_libpq_;
};

}  // namespace

std::unique_ptr<sql::driver> make_driver(protocol spoken, const sql::session_settings& with) {
    static std::once_flag cleared;
    std::call_once(cleared, clear_environment);
    return std::make_unique<postgres_driver>(spoken, with);
}

std::unique_ptr<sql::driver> make_driver(const sql::session_settings& with) {
    return make_driver(protocol::native, with);
}

}  // namespace borealis::postgres
