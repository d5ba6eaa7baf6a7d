/// The floor of PostgreSQL's batches: COPY of the same rows by libpq alone, one thread a connection.
///
///     direct_copy --connection "host=127.0.0.1 …" --statement "COPY t (a, b) FROM STDIN" --rows FILE --connections 1
///                 --seconds 1 [--warm-up 0.2]
///
/// The file is what is copied, in COPY's text format, once a run. Prints one line of JSON.

#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>

#include <libpq-fe.h>

#include "direct/threads.hpp"
#include "load/arguments.hpp"

namespace {

using namespace borealis::bench;

struct closer {
    void operator()(PGconn* of) const noexcept { ::PQfinish(of); }
    void operator()(PGresult* of) const noexcept { ::PQclear(of); }
};

class session {
 public:
    session(const std::string& to, const std::string& statement, const std::string& rows)
        : statement_(statement), rows_(rows), handle_(::PQconnectdb(to.c_str())) {
        check(::PQstatus(handle_.get()) == CONNECTION_OK);
    }

    void operator()() {
        expect(PGRES_COPY_IN, ::PQexec(handle_.get(), statement_.c_str()));
        check(::PQputCopyData(handle_.get(), rows_.data(), static_cast<int>(rows_.size())) == 1);
        check(::PQputCopyEnd(handle_.get(), nullptr) == 1);
        expect(PGRES_COMMAND_OK, ::PQgetResult(handle_.get()));
        while (PGresult* const rest = ::PQgetResult(handle_.get())) ::PQclear(rest);
    }

 private:
    void check(bool well) const {
        if (!well) throw std::runtime_error(::PQerrorMessage(handle_.get()));
    }
    void expect(ExecStatusType wanted, PGresult* result) const {
        const std::unique_ptr<PGresult, closer> holder(result);
        check(::PQresultStatus(result) == wanted);
    }

    const std::string& statement_;
    const std::string& rows_;
    std::unique_ptr<PGconn, closer> handle_;
};

}  // namespace

int main(int count, char** words) {
    const arguments given(count, words, {"connection", "statement", "rows", "connections", "seconds", "warm-up"});
    try {
        std::ifstream file(given.text("rows"));
        const std::string rows{std::istreambuf_iterator<char>(file), {}};
        const auto to = given.text("connection");
        const auto statement = given.text("statement");
        return run_threads(given.count("connections", 1), given.number("warm-up", 0.2), given.number("seconds", 1),
                           [&](std::size_t) { return session(to, statement, rows); });
    } catch (const std::exception& e) {
        std::cerr << "direct_copy: " << e.what() << '\n';
        return 1;
    }
}
