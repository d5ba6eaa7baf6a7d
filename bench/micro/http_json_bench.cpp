/// The bytes of one ExecuteStatement call: its request cut, its body read, its answer escaped.

#include <cstring>
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>

#include "http/request.hpp"
#include "http/response.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"

namespace {

namespace http = borealis::http;
namespace json = borealis::json;

constexpr std::string_view body =
    R"({"resourceArn": "arn:aws:rds:us-east-1:123456789012:cluster:borealis", )"
    R"("secretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:borealis-login-a1b2c3", "database": "employees", )"
    R"("sql": "SELECT id, name, salary FROM employee WHERE department = :department AND salary > :salary ORDER BY id", )"
    R"("parameters": [{"name": "department", "value": {"stringValue": "engineering"}}, )"
    R"({"name": "salary", "value": {"doubleValue": 1234.5}}], "includeResultMetadata": true})";

std::string botocore_request() {
    return "POST /Execute HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept-Encoding: identity\r\nContent-Type: "
           "application/json\r\n"
           "User-Agent: Boto3/1.26.27 Python/3.11.2 Linux/6.1.0 Botocore/1.29.27\r\nX-Amz-Date: 20261123T190200Z\r\n"
           "Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261123/us-east-1/rds-data/aws4_request, "
           "SignedHeaders=content-type;host;x-amz-date, "
           "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

void parse_execute_statement(benchmark::State& state) {
    std::string padded(body);
    padded.append(json::padding, '\0');
    json::document reader;
    for (auto _ : state) benchmark::DoNotOptimize(reader.parse(std::string_view(padded).substr(0, body.size())));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(parse_execute_statement);

void parse_batch_of_1000_sets(benchmark::State& state) {
    std::string text = R"({"parameterSets":[)";
    for (int i = 0; i < 1000; ++i) {
        if (i > 0) text += ',';
        text += R"([{"name":"id","value":{"longValue":)" + std::to_string(i) +
                R"(}},{"name":"s","value":{"stringValue":"employee"}}])";
    }
    text += "]}";
    const auto size = text.size();
    text.append(json::padding, '\0');
    json::document reader;
    for (auto _ : state) benchmark::DoNotOptimize(reader.parse(std::string_view(text).substr(0, size)));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(size));
}
BENCHMARK(parse_batch_of_1000_sets);

void append_string(benchmark::State& state, std::string_view text) {
    std::string out;
    out.reserve(1024);
    for (auto _ : state) {
        out.clear();
        json::append_string(out, text);
        benchmark::DoNotOptimize(out.data());
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
constexpr std::string_view ascii_100 =
    "The quick brown fox jumps over the lazy dog; the quick brown fox jumps over the lazy dog, once or twice.";
BENCHMARK_CAPTURE(append_string, ascii_10, ascii_100.substr(0, 10));
BENCHMARK_CAPTURE(append_string, ascii_100, ascii_100.substr(0, 100));
BENCHMARK_CAPTURE(append_string, umlauts_100,
                  std::string_view("Überall hört man schöne Lieder; "
                                   "Überall hört man schöne Lieder; Überall hört man schöne Lieder"));
BENCHMARK_CAPTURE(
    append_string, escapes_100,
    std::string_view("a line\nanother \"line\"\n\tand \\ one\na line\nanother \"line\"\n\tand \\ one\na line\nanother "
                     "\"line\"\n\tand \\ one"));

void append_double(benchmark::State& state) {
    std::string out;
    out.reserve(64);
    for (auto _ : state) {
        out.clear();
        json::append_double(out, 1234.5678);
        benchmark::DoNotOptimize(out.data());
    }
}
BENCHMARK(append_double);

void read_request(benchmark::State& state) {
    const auto bytes = botocore_request();
    http::request_reader reader;
    for (auto _ : state) {
        const auto room = reader.prepare();
        std::memcpy(room.data(), bytes.data(), bytes.size());
        reader.commit(bytes.size());
        if (reader.next() != http::request_reader::progress::request) state.SkipWithError("no request");
        benchmark::DoNotOptimize(reader.message().body.data());
        reader.consume();
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}
BENCHMARK(read_request);

void write_response_head(benchmark::State& state) {
    std::string out;
    out.reserve(1024);
    for (auto _ : state) {
        out.clear();
        http::response_head(out, 200, 1763925720)
            .add("Content-Type", "application/json")
            .add("x-amzn-RequestId", "2fd4e1c6-7a2d-48fc-ad3d-1d2f3c4b5a69")
            .finish(123, true);
        benchmark::DoNotOptimize(out.data());
    }
}
BENCHMARK(write_response_head);

}  // namespace
