#include "mysql/driver.hpp"

#include <utility>

#include <boost/asio/this_coro.hpp>

#include "mysql/session.hpp"

namespace borealis::mysql {
namespace {

class mysql_driver final : public sql::driver {
 public:
    mysql_driver(protocol spoken, const sql::session_settings& with)
        : shared_(std::make_shared<shared_state>(spoken, with)) {}
    ~mysql_driver() override { shared_->opening->wait_until_none(); }

    [[nodiscard]] sql::dialect speaks() const noexcept override { return sql::dialect::mysql; }

    core::awaitable<sql::result<std::unique_ptr<sql::connection>>> connect(const sql::endpoint& to,
                                                                           const sql::login& as,
                                                                           const std::string& database,
                                                                           core::deadline until) override {
        prepare_library();  // not at start, which often has no use for it
        auto opened = co_await open(shared_->opening, to, as, database, until, shared_->settings);
        if (!opened) co_return std::unexpected(std::move(opened.error()));
        const auto executor = co_await core::asio::this_coro::executor;
        auto made = std::make_unique<session>(shared_, executor, std::move(*opened), to, as, database);
        auto ready = co_await made->set_up(until);
        if (!ready) co_return std::unexpected(std::move(ready.error()));
        co_return std::unique_ptr<sql::connection>(std::move(made));
    }

 private:
    std::shared_ptr<shared_state> shared_;  // with its sessions
};

}  // namespace

std::unique_ptr<sql::driver> make_driver(protocol spoken, const sql::session_settings& with) {
    return std::make_unique<mysql_driver>(spoken, with);
}

std::unique_ptr<sql::driver> make_driver(const sql::session_settings& with) {
    return make_driver(protocol::native, with);
}

}  // namespace borealis::mysql
