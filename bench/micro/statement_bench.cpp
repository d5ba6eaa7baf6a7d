/// What a statement costs on its way through `data_api` and `sql`, without a database: body to request, named
/// parameters to placeholders, rows to the answer's body.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>

#include "data_api/decode.hpp"
#include "data_api/profile.hpp"
#include "data_api/result_writer.hpp"
#include "json/document.hpp"
#include "sql/rewrite.hpp"
#include "sql/statement_cache.hpp"

namespace {

namespace data_api = borealis::data_api;
namespace json = borealis::json;
namespace sql = borealis::sql;

constexpr std::string_view body =
    R"({"resourceArn":"arn:aws:rds:us-east-1:123456789012:cluster:bench",)"
    R"("secretArn":"arn:aws:secretsmanager:us-east-1:123456789012:secret:bench-a1b2c3",)"
    R"("sql":"SELECT id, name, amount FROM point WHERE id = :id","parameters":[{"name":"id","value":{"longValue":4711}}]})";
constexpr std::string_view statement = "SELECT id, name, amount FROM point WHERE id = :id";

void decode(benchmark::State& state) {
    std::string padded(body);
    padded.append(json::padding, '\0');
    json::document reader;
    data_api::request into;
    for (auto _ : state) {
        const auto root = reader.parse(std::string_view(padded).substr(0, body.size()));
        into.clear();
        if (!root || !data_api::decode(data_api::operation::execute_statement, **root, data_api::aws_v2, into)) {
            state.SkipWithError("refused");
        }
        benchmark::DoNotOptimize(into);
    }
}
BENCHMARK(decode);

void rewrite(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(sql::rewrite(statement, sql::dialect::postgresql));
}
BENCHMARK(rewrite);

void rewrite_cached(benchmark::State& state) {
    sql::statement_cache cache;
    for (auto _ : state) benchmark::DoNotOptimize(cache.find_or_rewrite(statement, sql::dialect::postgresql));
}
BENCHMARK(rewrite_cached);

sql::column column(std::string_view name, sql::type_class type, std::string_view type_name) {
    sql::column made;
    made.label = made.name = name;
    made.type = type;
    made.type_name = type_name;
    return made;
}

sql::cell cell(std::string_view text) {
    sql::cell made;
    made.is = sql::cell::form::text;
    made.text = text;
    return made;
}

/// Rows as PostgreSQL hands them over: a number, a text, a number.
void encode(benchmark::State& state) {
    const std::array described = {column("id", sql::type_class::integer, "int4"),
                                  column("name", sql::type_class::text, "text"),
                                  column("amount", sql::type_class::integer, "int4")};
    const std::array cells = {cell("4711"), cell("name 4711"), cell("32977")};
    const data_api::request wanted;
    for (auto _ : state) {
        data_api::result_writer writer(data_api::aws_v2, wanted, data_api::result_writer::statement::reads);
        writer.columns(described);
        for (std::int64_t i = 0; i < state.range(0); ++i) writer.row(cells, 32);
        benchmark::DoNotOptimize(writer.finish({.has_rows = true}));
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(encode)->Arg(1)->Arg(1000);

}  // namespace
