#pragma once
/// The service over real databases, without HTTP.

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "data_api/service.hpp"
#include "support/databases.hpp"

namespace borealis::data_api {

inline constexpr std::string_view test_arn = "arn:aws:rds:us-east-1:123456789012:cluster:test";
inline constexpr std::string_view test_secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:test";

enum class engine : bool { postgresql, mysql };
const tests::database& server_of(engine which);
bool by_library();  ///< The whole program runs over the reference drivers.
sql::driver& driver_of(engine which);

/// One cluster, and secrets by name. Thread-safe.
class test_directory final : public directory {
 public:
    explicit test_directory(engine which, std::string database);

    const profile& profile_of(std::string_view resource_arn) override;
    std::shared_ptr<const target> at_hand(std::string_view resource_arn) override;
    core::awaitable<core::result<std::shared_ptr<const target>>> find_target(std::string_view resource_arn,
                                                                             core::deadline until) override;
    std::shared_ptr<const target> former_target(std::string_view) override { return nullptr; }
    found_login find_login(std::string_view secret, const target& at) override;
    core::awaitable<found_login> fetch_login(std::string secret, const target& at, const sql::login* refused,
                                             core::deadline until) override;
    std::shared_ptr<const auth::tags> tags_of(std::string_view) override {
        return std::make_shared<const auth::tags>(tagged);
    }
    std::shared_ptr<const secret_subject> subject_of(std::string_view secret) override {
        return std::make_shared<const secret_subject>(std::string(secret), secret_tagged);
    }

    target cluster;
    auth::tags tagged;
    auth::tags secret_tagged;
    profile behaves = aws_v2;
    /// Logins of each secret; each look-up takes the first one away while there are more.
    std::map<std::string, std::vector<secret_login>, std::less<>> logins;
    /// Whether it remembers the cluster and each login, which must not change then, and hands out the same objects.
    bool remembers = false;
    void forget();
    std::atomic<int> targets_asked = 0;

 private:
    std::mutex mutex_;
    std::shared_ptr<const target> met_;
    std::map<std::string, std::shared_ptr<const secret_login>, std::less<>> known_;
};

/// One thread's service and its event loop, which runs on the test's own thread.
class served {
 public:
    served(test_directory& names, pool::shared_budgets& budgets, std::uint8_t index = 0, settings with = {});
    ~served();

    /// Runs one request to its end.
    response call(operation what, std::string body, std::string_view who = "tester");
    response call_as(operation what, std::string body, const auth::caller& who);
    /// Lets what is under way go on for so long.
    void run_for(std::chrono::milliseconds time);
    /// Starts a request and returns at once; `run_for` moves it on.
    /// @param by  Lives until it is over.
    std::shared_ptr<std::optional<response>> start(operation what, std::string body,
                                                   const core::listener* by = nullptr);

    core::asio::io_context loop{1};
    service api;
};

/// A database of its own on each engine, and a service over it.
class service_test : public testing::TestWithParam<engine> {
 protected:
    service_test();
    ~service_test() override;

    [[nodiscard]] bool is_postgresql() const { return GetParam() == engine::postgresql; }
    /// `postgresql` or `mysql`, whichever the test runs on.
    [[nodiscard]] std::string pick(std::string_view postgresql, std::string_view mysql) const {
        return std::string(is_postgresql() ? postgresql : mysql);
    }

    /// A body with the ARNs, and `members` behind them.
    static std::string body(std::string_view members);
    /// ExecuteStatement. @param more  Further members, with a comma in front.
    response execute(std::string_view sql, std::string_view more = {});
    response batch(std::string_view sql, std::string_view sets, std::string_view more = {});
    /// Id of a new transaction.
    std::string begin();
    response commit(std::string_view id);
    response rollback(std::string_view id);
    static std::string in(std::string_view transaction) {
        return R"(,"transactionId":")" + std::string(transaction) + "\"";
    }

    /// Runs a statement on a session of its own, beside the service.
    void beside(const std::string& sql) const;
    /// First column of the first row, as the API shows it.
    std::string value_of(std::string_view sql);

    std::string database;
    test_directory names;
    pool::shared_budgets budgets;
    std::unique_ptr<served> api;
};

}  // namespace borealis::data_api
