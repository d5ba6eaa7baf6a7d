#include "harness.hpp"

#include <fmt/format.h>

#include "core/random.hpp"

namespace borealis::mysql {

std::string shown(const value& of) {
    using form = sql::cell::form;
    switch (of.is) {
        case form::null:
            return "NULL";
        case form::text:
            return of.text;
        case form::bytes: {
            std::string out = "x'";
            for (const char c : of.text) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
            return out + "'";
        }
        case form::integer:
            return fmt::format("{}", of.integer);
        case form::unsigned_integer:
            return fmt::format("{}u", of.unsigned_integer);
        case form::real4:
            return fmt::format("{}f", static_cast<float>(of.real));
        case form::real8:
            return fmt::format("{}", of.real);
    }
    return "?";
}

sql::reception collecting_sink::columns(std::span<const sql::column> described_as) {
    ++described;
    all.assign(described_as.begin(), described_as.end());
    return receive;
}

sql::flow collecting_sink::row(std::span<const sql::cell> cells, std::size_t wire_bytes) {
    ++count;
    bytes += wire_bytes;
    if (keeps) {
        auto& kept = rows.emplace_back();
        for (const auto& cell : cells) {
            value copy{.is = cell.is, .text = {}};
            using form = sql::cell::form;
            if (cell.is == form::text || cell.is == form::bytes) copy.text = cell.text;
            if (cell.is == form::integer) copy.integer = cell.integer;
            if (cell.is == form::unsigned_integer) copy.unsigned_integer = cell.unsigned_integer;
            if (cell.is == form::real4 || cell.is == form::real8) copy.real = cell.real;
            kept.push_back(std::move(copy));
        }
    }
    return bytes > limit ? sql::flow::stop : sql::flow::more;
}

std::vector<std::string> collecting_sink::shown_rows() const {
    std::vector<std::string> out;
    for (const auto& row : rows) {
        std::string line;
        for (const auto& of : row) line += (line.empty() && &of == row.data() ? "" : "|") + shown(of);
        out.push_back(std::move(line));
    }
    return out;
}

protocol spoken() {
    const char* const driver = std::getenv("BOREALIS_TEST_DRIVER");
    return driver != nullptr && std::string_view(driver) == "library" ? protocol::libmariadb : protocol::native;
}

mysql_test::mysql_test() : server(tests::mariadb()), schema("t_" + core::random_alphanumeric(12)) {
    const auto first = connect(server.endpoint, server.name);
    done(*first, fmt::format("CREATE DATABASE `{}` CHARACTER SET utf8mb4", schema));
    session = connect(server.endpoint, schema);
}

mysql_test::~mysql_test() {
    session.reset();
    const auto last = connect(server.endpoint, server.name);
    done(*last, fmt::format("DROP DATABASE `{}`", schema));
}

std::unique_ptr<sql::connection> mysql_test::connect(const sql::endpoint& to, const std::string& database) {
    auto made = turning.run(driver->connect(to, server.login(), database, soon()));
    if (!made) throw std::runtime_error("connect: " + made.error().message);
    return std::move(*made);
}

sql::result<sql::outcome> mysql_test::execute(sql::connection& on, std::string_view text,
                                              std::vector<sql::parameter> parameters, sql::row_sink* sink,
                                              core::deadline until) {
    collecting_sink nowhere;
    return turning.run(on.execute(text, parameters, sink == nullptr ? nowhere : *sink, sql::description::full, until));
}

sql::outcome mysql_test::done(sql::connection& on, std::string_view text, std::vector<sql::parameter> parameters) {
    auto out = execute(on, text, std::move(parameters));
    if (!out) throw std::runtime_error(fmt::format("{}: {} ({})", text, out.error().message, out.error().code));
    return *out;
}

std::vector<std::string> mysql_test::rows(sql::connection& on, std::string_view text,
                                          std::vector<sql::parameter> parameters) {
    collecting_sink sink;
    const auto out = execute(on, text, std::move(parameters), &sink);
    if (!out) throw std::runtime_error(fmt::format("{}: {} ({})", text, out.error().message, out.error().code));
    return sink.shown_rows();
}

std::vector<sql::column> mysql_test::columns(std::string_view text, std::vector<sql::parameter> parameters) {
    collecting_sink sink;
    const auto out = execute(*session, text, std::move(parameters), &sink);
    if (!out) throw std::runtime_error(fmt::format("{}: {} ({})", text, out.error().message, out.error().code));
    return sink.all;
}

}  // namespace borealis::mysql
