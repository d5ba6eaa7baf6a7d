// Uses every public header; asks a port where nobody listens, and expects to be told so.
#include <cstdio>

#include <borealis/data_api.hpp>
#include <borealis/secrets_manager.hpp>

int main() {
    const borealis::client_options options{
        .region = "eu-central-1",
        .endpoint_url = "http://127.0.0.1:1",
        .credentials = borealis::aws_credentials{.access_key_id = "key", .secret_access_key = "secret"},
        .max_attempts = 1};
    borealis::data_api_client client(options, {.resource_arn = "arn:cluster", .secret_arn = "arn:secret"});
    borealis::secrets_manager_client secrets(options);
    try {
        client.execute("INSERT INTO t VALUES (:id)", {borealis::param("id", 7)});
    } catch (const borealis::connection_error& failed) {
        std::puts(failed.what());
        return failed.retryable() && !failed.outcome_unknown() ? 0 : 1;
    }
    return 1;
}
