/// The employee function on a MySQL connection of its own.

#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>

#include <CLI/CLI.hpp>
#include <borealis/secrets_manager.hpp>

#include "program.hpp"
#include "rds_database.hpp"

int main(int argc, char** argv) {
    employees::rds_login login;
    std::string secret, endpoint_url, region;
    bool eager = false;
    const employees::variant variant{
        .name = "lambda_rds",
        .description =
            "Stores employees through a MySQL connection that stays open: a script, and an AWS Lambda function.",
        .add_options =
            [&](CLI::App& app) {
                auto* group = app.add_option_group(
                    "Database",
                    "what the secret holds need not be given; the password comes from it or from DB_PASSWORD");
                group->add_option("--secret", secret, "Secrets Manager's name or ARN of the login")
                    ->envname("DB_SECRET_ARN");
                group->add_option("--host", login.host, "Host of the server")->envname("DB_HOST");
                group->add_option("--port", login.port, "Port of the server, 3306 unless said otherwise")
                    ->envname("DB_PORT");
                group->add_option("--socket", login.socket, "Unix socket of the server, instead of host and port")
                    ->envname("DB_SOCKET");
                group->add_option("--user", login.user, "User of the database")->envname("DB_USER");
                group
                    ->add_option("--database", login.database, "Name of the database, EmployeeDB unless said otherwise")
                    ->envname("DB_NAME");
                group
                    ->add_option("--tls-ca", login.tls_ca,
                                 "PEM file of authorities; demands TLS and a server they vouch for")
                    ->envname("DB_TLS_CA");
                group->add_option(
                    "--endpoint-url", endpoint_url,
                    "Secrets Manager to call; else AWS_ENDPOINT_URL_SECRETS_MANAGER and its like, else AWS");
                group->add_option("--region", region, "Region; that of the secret's ARN, else AWS_REGION and its like");
                group
                    ->add_flag("--connect-at-start", eager,
                               "In Lambda: connect before the first event, and fail to start where that fails")
                    ->envname("DB_CONNECT_AT_START");
            },
        .open = [&]() -> std::unique_ptr<employees::database> {
            if (const char* password = std::getenv("DB_PASSWORD"))
                login.password = borealis::core::secret_text(password);
            if (!secret.empty()) {
                borealis::client_options options;
                options.region = region.empty() ? employees::region_of_arn(secret) : region;
                options.endpoint_url = endpoint_url;
                auto client =
                    std::make_shared<borealis::secrets_manager_client>(options);  // std::function copies what it holds
                return employees::open_rds_database(login, [client, secret] {
                    auto value = client->get_secret_value({.secret_id = secret, .timeout = std::chrono::seconds(5)});
                    if (!value.secret_string) throw std::invalid_argument("the secret holds no text");
                    return std::move(*value.secret_string);
                });
            }
            if (login.user.empty())
                throw std::invalid_argument(
                    "--secret (DB_SECRET_ARN), or --user (DB_USER) with DB_PASSWORD, must say who logs in");
            if (login.host.empty() && login.socket.empty())
                throw std::invalid_argument("--host (DB_HOST) or --socket (DB_SOCKET) must say where the server is");
            return employees::open_rds_database(login, nullptr);
        },
        .connect_at_start = [&] { return eager; },
    };
    return employees::run_program(argc, argv, variant);
}
