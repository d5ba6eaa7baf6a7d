/// The floor for MariaDB and MySQL: the same statements by libmariadb alone, prepared, one thread a connection.
///
///     direct_mariadb --port 3306 --user U --database D --script FILE --connections 16 --seconds 1
///                    [--warm-up 0.2] [--array 1000]                     # the password: BENCH_PASSWORD
///
/// The script has one statement a line, with its parameters behind tabs: `random LOW HIGH`, `text WORDS`,
/// `real NUMBER`. Lines without parameters that begin with BEGIN or COMMIT are sent as text. With --array, a statement
/// with parameters is sent once with so many sets of them (MariaDB's array binding). Prints one line of JSON.

#include <charconv>
#include <cstdint>
#include <cstring>
#include <exception>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mysql.h>

#include "direct/threads.hpp"
#include "load/arguments.hpp"

namespace {

using namespace borealis::bench;

struct parameter {
    enum class kind : std::uint8_t { random, text, real } of = kind::text;
    long long low = 0;
    long long high = 0;
    double real = 0;
    std::string text;
};

struct line {
    std::string sql;
    std::vector<parameter> parameters;
    bool as_text = false;
};

std::vector<line> read_script(const std::string& file) {
    std::vector<line> all;
    std::ifstream in(file);
    for (std::string text; std::getline(in, text);) {
        std::istringstream parts(text);
        line one;
        std::getline(parts, one.sql, '\t');
        for (std::string part; std::getline(parts, part, '\t');) {
            std::istringstream words(part);
            std::string kind;
            words >> kind;
            parameter made;
            if (kind == "random") {
                made.of = parameter::kind::random;
                words >> made.low >> made.high;
            } else if (kind == "real") {
                made.of = parameter::kind::real;
                words >> made.real;
            } else {
                std::getline(words >> std::ws, made.text);
            }
            one.parameters.push_back(made);
        }
        one.as_text = one.sql.starts_with("BEGIN") || one.sql.starts_with("COMMIT");
        all.push_back(std::move(one));
    }
    if (all.empty()) throw std::runtime_error(file + " has no statement");
    return all;
}

struct closer {
    void operator()(MYSQL* of) const noexcept { ::mysql_close(of); }
    void operator()(MYSQL_STMT* of) const noexcept { ::mysql_stmt_close(of); }
    void operator()(MYSQL_RES* of) const noexcept { ::mysql_free_result(of); }
};

/// One prepared statement with room for its parameters and a row.
class statement {
 public:
    statement(MYSQL* on, const line& of, std::size_t sets)
        : line_(of), sets_(of.parameters.empty() ? 1 : sets), handle_(::mysql_stmt_init(on)) {
        check(::mysql_stmt_prepare(handle_.get(), of.sql.data(), of.sql.size()) == 0);
        bind_parameters();
        bind_columns();
    }

    void run(std::mt19937_64& random) {
        for (std::size_t i = 0; i < line_.parameters.size(); ++i) {
            const auto& from = line_.parameters[i];
            if (from.of != parameter::kind::random) continue;
            std::uniform_int_distribution<long long> some(from.low, from.high);
            for (std::size_t set = 0; set < sets_; ++set) integers_[i * sets_ + set] = some(random);
        }
        check(::mysql_stmt_execute(handle_.get()) == 0);
        if (columns_.empty()) return;
        check(::mysql_stmt_store_result(handle_.get()) == 0);
        while (::mysql_stmt_fetch(handle_.get()) == 0) {
        }
        ::mysql_stmt_free_result(handle_.get());
    }

 private:
    void check(bool well) const {
        if (!well) throw std::runtime_error(::mysql_stmt_error(handle_.get()));
    }

    void bind_parameters() {
        const std::size_t count = line_.parameters.size();
        if (count == 0) return;
        parameters_.resize(count);
        integers_.resize(count * sets_);
        reals_.resize(count * sets_);
        texts_.resize(count * sets_);
        lengths_.resize(count * sets_);
        for (std::size_t i = 0; i < count; ++i) {
            const auto& from = line_.parameters[i];
            MYSQL_BIND& to = parameters_[i];
            for (std::size_t at = i * sets_; at < (i + 1) * sets_; ++at) {
                reals_[at] = from.real;
                texts_[at] = const_cast<char*>(from.text.data());
                lengths_[at] = from.text.size();
            }
            switch (from.of) {
                case parameter::kind::random:
                    to.buffer_type = MYSQL_TYPE_LONGLONG;
                    to.buffer = &integers_[i * sets_];
                    break;
                case parameter::kind::real:
                    to.buffer_type = MYSQL_TYPE_DOUBLE;
                    to.buffer = &reals_[i * sets_];
                    break;
                case parameter::kind::text:
                    to.buffer_type = MYSQL_TYPE_STRING;
                    // Of one set the text itself, of several the array of their addresses.
                    to.buffer = sets_ == 1 ? static_cast<void*>(texts_[i]) : static_cast<void*>(&texts_[i * sets_]);
                    to.length = &lengths_[i * sets_];
                    break;
            }
        }
        if (sets_ > 1) {
            const auto size = static_cast<unsigned int>(sets_);
            check(::mysql_stmt_attr_set(handle_.get(), STMT_ATTR_ARRAY_SIZE, &size) == 0);
        }
        check(::mysql_stmt_bind_param(handle_.get(), parameters_.data()) == 0);
    }

    void bind_columns() {
        const std::unique_ptr<MYSQL_RES, closer> about(::mysql_stmt_result_metadata(handle_.get()));
        if (!about) return;
        columns_.resize(::mysql_num_fields(about.get()));
        values_.resize(columns_.size());
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            const auto type = ::mysql_fetch_field_direct(about.get(), static_cast<unsigned int>(i))->type;
            const bool is_integer = type == MYSQL_TYPE_LONG || type == MYSQL_TYPE_LONGLONG || type == MYSQL_TYPE_TINY;
            const bool is_real = type == MYSQL_TYPE_DOUBLE;
            columns_[i].buffer_type =
                is_integer ? MYSQL_TYPE_LONGLONG : (is_real ? MYSQL_TYPE_DOUBLE : MYSQL_TYPE_STRING);
            columns_[i].buffer = values_[i].bytes;
            columns_[i].buffer_length = sizeof values_[i].bytes;
            columns_[i].length = &values_[i].length;
        }
        check(::mysql_stmt_bind_result(handle_.get(), columns_.data()) == 0);
    }

    struct value {
        alignas(8) char bytes[256];
        unsigned long length;
    };

    const line& line_;
    std::size_t sets_;
    std::unique_ptr<MYSQL_STMT, closer> handle_;
    std::vector<MYSQL_BIND> parameters_;
    std::vector<long long> integers_;
    std::vector<double> reals_;
    std::vector<char*> texts_;
    std::vector<unsigned long> lengths_;
    std::vector<MYSQL_BIND> columns_;
    std::vector<value> values_;
};

class session {
 public:
    session(const arguments& from, const std::vector<line>& script, std::size_t index)
        : script_(script), random_(index + 1), handle_(::mysql_init(nullptr)) {
        const auto user = from.text("user");
        const auto password = environment("BENCH_PASSWORD");
        const auto database = from.text("database");
        if (::mysql_real_connect(handle_.get(), "127.0.0.1", user.c_str(), password.c_str(), database.c_str(),
                                 static_cast<unsigned int>(from.count("port", 3306)), nullptr, 0) == nullptr) {
            throw std::runtime_error(::mysql_error(handle_.get()));
        }
        const std::size_t sets = from.count("array", 1);
        for (const auto& one : script) {
            statements_.push_back(one.as_text ? nullptr : std::make_unique<statement>(handle_.get(), one, sets));
        }
    }

    void operator()() {
        for (std::size_t i = 0; i < script_.size(); ++i) {
            if (statements_[i]) {
                statements_[i]->run(random_);
            } else if (::mysql_real_query(handle_.get(), script_[i].sql.data(), script_[i].sql.size()) != 0) {
                throw std::runtime_error(::mysql_error(handle_.get()));
            }
        }
    }

 private:
    const std::vector<line>& script_;
    std::mt19937_64 random_;
    std::unique_ptr<MYSQL, closer> handle_;
    std::vector<std::unique_ptr<statement>> statements_;  // after the handle that they belong to
};

}  // namespace

int main(int count, char** words) {
    const arguments given(count, words,
                          {"port", "user", "database", "script", "connections", "seconds", "warm-up", "array"});
    try {
        if (::mysql_server_init(0, nullptr, nullptr) != 0) throw std::runtime_error("libmariadb cannot be initialised");
        const auto script = read_script(given.text("script"));
        return run_threads(given.count("connections", 1), given.number("warm-up", 0.2), given.number("seconds", 1),
                           [&](std::size_t index) { return session(given, script, index); });
    } catch (const std::exception& e) {
        std::cerr << "direct_mariadb: " << e.what() << '\n';
        return 1;
    }
}
