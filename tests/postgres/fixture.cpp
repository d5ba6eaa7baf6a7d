#include "fixture.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "postgres/driver.hpp"

namespace borealis::postgres {
namespace {

int databases = 0;

}  // namespace

postgres_fixture::postgres_fixture()
    : driver(make_driver(GetParam())), database(fmt::format("postgres_test_{}_{}", ::getpid(), ++databases)) {
    const auto& server = tests::postgresql();
    auto maker = try_open(server.endpoint, server.login(), server.name);
    if (!maker) throw std::runtime_error(maker.error().message);
    must(fmt::format("CREATE DATABASE {}", database), {}, maker->get());
    session = open();
}

postgres_fixture::~postgres_fixture() {
    session.reset();
    const auto& server = tests::postgresql();
    auto remover = try_open(server.endpoint, server.login(), server.name);
    if (remover) must(fmt::format("DROP DATABASE {} WITH (FORCE)", database), {}, remover->get());
}

sql::result<std::unique_ptr<sql::connection>> postgres_fixture::try_open(const sql::endpoint& to, const sql::login& as,
                                                                         const std::string& name,
                                                                         core::deadline until) {
    return run(io, driver->connect(to, as, name, until));
}

std::unique_ptr<sql::connection> postgres_fixture::open() {
    const auto& server = tests::postgresql();
    auto made = try_open(server.endpoint, server.login(), database);
    if (!made) throw std::runtime_error(made.error().message);
    return std::move(*made);
}

sql::result<sql::outcome> postgres_fixture::execute(std::string_view text, std::vector<sql::parameter> parameters,
                                                    keeper& into, sql::description wanted, core::deadline until,
                                                    sql::connection* at) {
    return run(io, (at == nullptr ? session.get() : at)->execute(text, parameters, into, wanted, until));
}

std::string postgres_fixture::cell(std::string_view text, std::vector<sql::parameter> parameters, sql::connection* at) {
    keeper into;
    const auto out = execute(text, std::move(parameters), into, sql::description::types, soon(), at);
    EXPECT_TRUE(out.has_value()) << text << ": " << out.error().message;
    return into.cell();
}

sql::outcome postgres_fixture::must(std::string_view text, std::vector<sql::parameter> parameters,
                                    sql::connection* at) {
    keeper into;
    const auto out = execute(text, std::move(parameters), into, sql::description::types, soon(), at);
    EXPECT_TRUE(out.has_value()) << text << ": " << out.error().message;
    return out.value_or(sql::outcome{});
}

sql::failure postgres_fixture::refused(std::string_view text, std::vector<sql::parameter> parameters,
                                       sql::connection* at) {
    keeper into;
    const auto out = execute(text, std::move(parameters), into, sql::description::types, soon(), at);
    EXPECT_FALSE(out.has_value()) << text << " succeeded";
    return out ? sql::failure{} : out.error();
}

}  // namespace borealis::postgres
