#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "borealis/data_api.hpp"
#include "cli/commands.hpp"
#include "cli/server_options.hpp"
#include "cli/table.hpp"
#include "core/base64.hpp"
#include "server/config.hpp"

namespace borealis::cli {
namespace {

struct sql_options {
    server_options at;
    std::string cluster = std::string(server::default_postgresql_id);
    std::string secret;
    std::string database;
    std::vector<std::string> parameters;
    std::vector<std::string> statements;
    bool json = false;
};

template <class T>
T number_of(std::string_view text, std::string_view whole) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
        throw std::runtime_error(fmt::format("--parameter {}: `{}` is no number", whole, text));
    return value;
}

/// `name=text`, `name:long=7`, `name:double=1.5`, `name:bool=true`, `name:null`, `name:blob=<base64>`, and the type
/// hints `name:date=…`, time, timestamp, decimal, json, uuid.
parameter parse_parameter(std::string_view whole) {
    const auto equals = whole.find('=');
    const auto left = whole.substr(0, equals);
    const auto text = equals == std::string_view::npos ? std::string_view() : whole.substr(equals + 1);
    const auto colon = left.find(':');
    parameter made{.name = std::string(left.substr(0, colon)), .value = {}, .hint = {}};
    const auto type = colon == std::string_view::npos ? std::string_view("text") : left.substr(colon + 1);
    if (type == "null") return made;
    if (equals == std::string_view::npos)
        throw std::runtime_error(fmt::format("--parameter {}: write name=value, or name:null", whole));
    if (type == "text") {
        made.value = field(text);
    } else if (type == "long") {
        made.value = field(number_of<std::int64_t>(text, whole));
    } else if (type == "double") {
        made.value = field(number_of<double>(text, whole));
    } else if (type == "bool") {
        if (text != "true" && text != "false")
            throw std::runtime_error(fmt::format("--parameter {}: write true or false", whole));
        made.value = field(text == "true");
    } else if (type == "blob") {
        const auto bytes = core::decode_base64(text);
        if (!bytes) throw std::runtime_error(fmt::format("--parameter {}: the value must be base64", whole));
        made.value = field(std::as_bytes(std::span(*bytes)));
    } else {
        static constexpr std::pair<std::string_view, type_hint> hints[] = {
            {"date", type_hint::date},       {"time", type_hint::time}, {"timestamp", type_hint::timestamp},
            {"decimal", type_hint::decimal}, {"json", type_hint::json}, {"uuid", type_hint::uuid}};
        for (const auto& [name, hint] : hints) {
            if (name == type) made.hint = hint;
        }
        if (!made.hint) {
            throw std::runtime_error(
                fmt::format("--parameter {}: there is no type `{}`; known: text, long, double, bool, blob, null, date, "
                            "time, timestamp, decimal, json, uuid",
                            whole, type));
        }
        made.value = field(text);
    }
    return made;
}

struct as_text {
    std::string operator()(std::monostate) const { return "NULL"; }
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(std::int64_t value) const { return fmt::format("{}", value); }
    std::string operator()(double value) const { return fmt::format("{}", value); }
    std::string operator()(const std::string& value) const { return value; }
    std::string operator()(const blob& value) const {
        std::string out = "base64:";
        core::append_base64(out, {reinterpret_cast<const char*>(value.data()), value.size()});
        return out;
    }
    template <class T>
    std::string operator()(const std::vector<std::optional<T>>& values) const {
        std::string out = "{";
        for (const auto& one : values) {
            if (out.size() > 1) out += ',';
            if constexpr (std::is_same_v<T, bool>) {
                out += one ? (*one ? "true" : "false") : "NULL";
            } else {
                out += one ? (*this)(*one) : "NULL";
            }
        }
        return out + '}';
    }
    std::string operator()(const std::vector<array_value>& values) const {
        std::string out = "{";
        for (const auto& one : values) {
            if (out.size() > 1) out += ',';
            out += std::visit(*this, one.elements);
        }
        return out + '}';
    }
    std::string operator()(const array_value& value) const { return std::visit(*this, value.elements); }
};

void print(const execute_statement_result& got, bool json) {
    if (json) {
        if (got.formatted_records) {
            std::printf("%s\n", got.formatted_records->c_str());
        } else {
            std::printf("{\"numberOfRecordsUpdated\":%lld}\n", static_cast<long long>(got.records_updated));
        }
        return;
    }
    if (!got.records) {
        std::printf("%lld records updated\n", static_cast<long long>(got.records_updated));
        return;
    }
    std::vector<std::string> heading;
    if (got.columns) {
        for (const auto& column : *got.columns) heading.push_back(column.label);
    }
    table shown(heading);
    for (const auto& record : *got.records) {
        std::vector<std::string> cells;
        for (const auto& one : record) cells.push_back(std::visit(as_text{}, one.value()));
        shown.add(std::move(cells));
    }
    shown.print();
    std::printf("(%zu rows)\n", shown.rows());
}

int run(const sql_options& options) {
    const auto with = options.at.for_client("AWS_ENDPOINT_URL_RDS_DATA");
    database_target target;
    target.resource_arn = options.cluster.starts_with("arn:")
                              ? options.cluster
                              : "arn:aws:rds:us-east-1:123456789012:cluster:" + options.cluster;
    target.secret_arn =
        options.secret.empty() ? options.cluster.substr(options.cluster.rfind(':') + 1) : options.secret;
    target.database = options.database;
    data_api_client client(with, target);

    auto statements = options.statements;
    if (statements.empty())
        statements.emplace_back(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
    std::vector<parameter> parameters;
    for (const auto& one : options.parameters) parameters.push_back(parse_parameter(one));
    for (const auto& statement : statements) {
        execute_statement_request request{.sql = statement};
        request.parameters = parameters;
        request.include_result_metadata = !options.json;
        request.format_records_as = options.json ? record_format::json : record_format::none;
        print(client.execute_statement(request), options.json);
    }
    return 0;
}

}  // namespace

void add_sql(CLI::App& to, action& chosen) {
    auto* command = to.add_subcommand("sql", "Run SQL through the Data API, here or at AWS");
    auto options = std::make_shared<sql_options>();
    command->add_option("statements", options->statements,
                        "Statements, run in order; without any, one is read from standard input");
    command->add_option("-c,--cluster", options->cluster, "Cluster: its id, or its ARN")->capture_default_str();
    command->add_option("-s,--secret", options->secret, "Secret: name or ARN; default: the one named like the cluster");
    command->add_option("-d,--database", options->database, "Database; default: the cluster's");
    command
        ->add_option("-p,--parameter", options->parameters, "name=text, name:long=7, name:null, name:date=2026-01-31 …")
        ->allow_extra_args(false)
        ->take_all();
    command->add_flag("--json", options->json, "Rows as a JSON array of objects");
    options->at.add_to(*command, "AWS_ENDPOINT_URL_RDS_DATA");
    command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace borealis::cli
