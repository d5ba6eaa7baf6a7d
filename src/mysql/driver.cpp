#include "mysql/driver.hpp"

#include <utility>

#include <boost/asio/this_coro.hpp>

#include "mysql/session.hpp"

namespace borealis::mysql {
namespace {

class mysql_driver final : public sql::driver {
 public:
    mysql_driver() { prepare_library(); }
    ~mysql_driver() override { shared_->opening->wait_until_none(); }

    [[nodiscard]] sql::dialect speaks() const noexcept override { return sql::dialect::mysql; }

    core::awaitable<sql::result<std::unique_ptr<sql::connection>>> connect(const sql::endpoint& to,
                                                                           const sql::login& as,
                                                                           const std::string& database,
                                                                           core::deadline until) override {
        auto opened = co_await open(shared_->opening, to, as, database, until);
        if (!opened) co_return std::unexpected(std::move(opened.error()));
        const auto executor = co_await core::asio::this_coro::executor;
        auto made = std::make_unique<session>(shared_, executor, std::move(*opened), to, as, database);
        auto ready = co_await made->set_up(until);
        if (!ready) co_return std::unexpected(std::move(ready.error()));
        co_return std::unique_ptr<sql::connection>(std::move(made));
    }

 private:
    std::shared_ptr<shared_state> shared_ = std::make_shared<shared_state>();
};

}  // namespace

std::unique_ptr<sql::driver> make_driver() { return std::make_unique<mysql_driver>(); }

}  // namespace borealis::mysql
