/// What a signed request costs the client, one signature, and the server, one verification, with the day's key at hand;
/// beside the hash of its body alone.

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "auth/verifier.hpp"

namespace {

namespace auth = borealis::auth;

constexpr std::string_view body =
    R"({"resourceArn":"arn:aws:rds:us-east-1:123456789012:cluster:demo","secretArn":"arn:aws:secretsmanager:us-east-1:123456789012:secret:demo-AbCdEf","database":"EmployeeDB","sql":"SELECT 1"})";
constexpr std::chrono::sys_seconds now = std::chrono::sys_days(std::chrono::year(2019) / 12 / 3);

void body_hash(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(auth::sha256(body));
}
BENCHMARK(body_hash);

void sign(benchmark::State& state) {
    const auth::scope in{now, "us-east-1", "rds-data"};
    const auto date = auth::timestamp(now);
    const std::vector<auth::header> headers = {
        {"Host", "127.0.0.1:8080"}, {"Content-Type", "application/json"}, {"X-Amz-Date", date}};
    const auto key = auth::signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", in);
    for (auto _ : state) {
        benchmark::DoNotOptimize(auth::authorization({"POST", "/Execute", "", headers, body}, in, "AKIDEXAMPLE", key));
    }
}
BENCHMARK(sign);

void verify(benchmark::State& state) {
    const borealis::core::secret_text secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    const auth::known_key key{secret};
    const auth::scope in{now, "us-east-1", "rds-data"};
    const auto date = auth::timestamp(now);
    std::vector<auth::header> headers = {{"Host", "127.0.0.1:8080"},
                                         {"Content-Type", "application/json"},
                                         {"User-Agent", "Boto3/1.43.11 md/Botocore#1.43.11 ua/2.1 os/linux"},
                                         {"X-Amz-Date", date},
                                         {"Content-Length", "185"}};
    const auto signature = auth::authorization({"POST", "/Execute", "", headers, body}, in, "AKIDEXAMPLE",
                                               auth::signing_key(secret.reveal(), in));
    headers.push_back({"Authorization", signature});
    const auth::key_lookup find = [&key](std::string_view, std::string_view) { return &key; };
    auth::signing_keys cache;
    for (auto _ : state) {
        const auto who = auth::verify({"POST", "/Execute", "", headers, body}, {}, find, cache, now);
        if (!who) state.SkipWithError("refused");
        benchmark::DoNotOptimize(who);
    }
}
BENCHMARK(verify);

}  // namespace
