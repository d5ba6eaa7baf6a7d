/// The employee function on the RDS Data API.

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <borealis/data_api.hpp>

#include "core/log.hpp"
#include "data_api_database.hpp"
#include "program.hpp"

int main(int argc, char** argv) {
    borealis::database_target target{.database = "EmployeeDB"};
    std::string endpoint_url, region;
    const employees::variant variant{
        .name = "lambda_dataapi",
        .description = "Stores employees through the RDS Data API: a script, and an AWS Lambda function.",
        .add_options =
            [&](CLI::App& app) {
                auto* group = app.add_option_group("Database");
                group->add_option("--cluster-arn", target.resource_arn, "ARN of the cluster")
                    ->envname("DB_CLUSTER_ARN");
                group->add_option("--secret-arn", target.secret_arn, "ARN of the secret that holds the login")
                    ->envname("DB_SECRET_ARN");
                group->add_option("--database", target.database, "Name of the database")
                    ->envname("DB_NAME")
                    ->capture_default_str();
                group->add_option("--endpoint-url", endpoint_url,
                                  "Data API to call; else AWS_ENDPOINT_URL_RDS_DATA and its like, else AWS");
                group->add_option("--region", region, "Region; that of the cluster's ARN unless said otherwise");
            },
        .open =
            [&] {
                if (target.resource_arn.empty())
                    throw std::invalid_argument("--cluster-arn, or DB_CLUSTER_ARN, must name the cluster");
                if (target.secret_arn.empty())
                    throw std::invalid_argument("--secret-arn, or DB_SECRET_ARN, must name the secret of the login");
                borealis::client_options options;
                options.region = region.empty() ? employees::region_of_arn(target.resource_arn) : region;
                options.endpoint_url = endpoint_url;
                options.user_agent = "borealis-employees";
                options.resume_timeout = std::chrono::seconds(90);
                options.on_warning = [](std::string_view text) {
                    borealis::core::log(borealis::core::log_level::warning, "{}", text);
                };
                return employees::open_data_api_database(options, target);
            },
    };
    return employees::run_program(argc, argv, variant);
}
