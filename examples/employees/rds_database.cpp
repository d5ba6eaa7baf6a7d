#include "rds_database.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <mysql.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "core/log.hpp"
#include "json/document.hpp"

namespace employees {
namespace {

using namespace std::chrono_literals;
using borealis::core::log_level;
using borealis::json::kind;

struct closer {
    void operator()(MYSQL* handle) const { mysql_close(handle); }
    void operator()(MYSQL_STMT* handle) const { mysql_stmt_close(handle); }
    void operator()(MYSQL_RES* handle) const { mysql_free_result(handle); }
};

constexpr unsigned access_denied = 1045;

/// Whether the connection is of no use any more: killed, shut down, or lost.
bool is_lost(unsigned number) {
    return number == 1053 || number == 1927 || number == 2006 || number == 2013 || number == 2055;
}

/// PyMySQL, whose texts these errors have, knows one number and one text for a server that cannot be reached (L-6.21).
/// The reason stands behind it where libmariadb knows it: over TCP it only ever says "operation now in progress".
failure connect_failure(unsigned number, std::string_view text, std::string_view where) {
    if (number != 2002 && number != 2003) return mysql_failure(number, text);
    int reason = 0;
    if (const auto bracket = text.rfind('('); bracket != std::string_view::npos) {
        std::from_chars(text.data() + bracket + 1, text.data() + text.size(), reason);
    }
    const bool known = reason != 0 && reason != EINPROGRESS;
    return mysql_failure(2003,
                         fmt::format("Can't connect to MySQL server on '{}'{}", where,
                                     known ? fmt::format(" ([Errno {}] {})", reason, std::strerror(reason)) : ""));
}

cell to_cell(const MYSQL_FIELD& column, const char* bytes, unsigned long length) {
    if (bytes == nullptr) return std::monostate();
    const std::string_view text(bytes, length);
    const auto number = [&]<class T>(T value) -> cell {
        const char* const last = bytes + length;
        const auto [end, error] = std::from_chars(bytes, last, value);
        if (error == std::errc() && end == last) return value;
        return std::string(text);
    };
    switch (column.type) {
        case MYSQL_TYPE_TINY:
        case MYSQL_TYPE_SHORT:
        case MYSQL_TYPE_INT24:
        case MYSQL_TYPE_LONG:
        case MYSQL_TYPE_LONGLONG:
        case MYSQL_TYPE_YEAR:
            return number(std::int64_t{});
        case MYSQL_TYPE_FLOAT:
        case MYSQL_TYPE_DOUBLE:
            return number(double{});
        default:
            return std::string(text);
    }
}

class rds_database final : public database {
 public:
    rds_database(rds_login known, secret_source secret) : known_(std::move(known)), secret_(std::move(secret)) {}

    outcome<void> begin(deadline until) override {
        auto begun = connect_and_query("START TRANSACTION", until);
        in_transaction_ = begun.has_value();
        return begun;
    }

    outcome<void> insert(std::span<const employee> employees, deadline) override {
        if (!insert_) {
            insert_.reset(mysql_stmt_init(connection_.get()));
            constexpr std::string_view text = "INSERT INTO Employee (EmpId, EmpName) VALUES (?, ?)";
            if (mysql_stmt_prepare(insert_.get(), text.data(), text.size()) != 0) {
                auto failed = statement_failure();
                insert_.reset();
                return failed;
            }
        }
        // Row by row, so that the first employee refused is the same as with BatchExecuteStatement (L-8.20).
        for (const auto& one : employees) {
            std::array<MYSQL_BIND, 2> binds{};
            bind(binds[0], one.id);
            bind(binds[1], one.name);
            if (mysql_stmt_bind_param(insert_.get(), binds.data()) != 0 || mysql_stmt_execute(insert_.get()) != 0)
                return statement_failure();
        }
        return {};
    }

    outcome<void> commit(deadline) override {
        in_transaction_ = false;
        auto committed = query("COMMIT");
        if (!committed) committed.error().outcome_unknown = !connection_;
        return committed;
    }

    outcome<void> rollback(deadline) override {
        // A transaction ends with its connection.
        if (!std::exchange(in_transaction_, false) || !connection_) return {};
        if (const auto rolled_back = query("ROLLBACK"); !rolled_back) {
            borealis::core::log(log_level::warning, "the rollback failed, the connection is closed: {}",
                                rolled_back.error().message);
            drop();
        }
        return {};
    }

    outcome<void> list(const row_receiver& receive, deadline until) override {
        return select("SELECT EmpId, EmpName FROM Employee", receive, until);
    }

    outcome<void> find(const std::string& id, const row_receiver& receive, deadline until) override {
        const auto text = quoted(id, until);
        if (!text) return std::unexpected(text.error());
        return select(fmt::format("SELECT EmpId, EmpName FROM Employee WHERE EmpId = {}", *text), receive, until);
    }

    outcome<void> page(const std::optional<std::string>& after, std::size_t limit, const row_receiver& receive,
                       deadline until) override {
        if (!after) return select(page_text("", limit), receive, until);
        const auto text = quoted(*after, until);
        if (!text) return std::unexpected(text.error());
        return select(page_text(*text, limit), receive, until);
    }

    outcome<void> create_table(deadline until) override {
        drop();
        without_database_ = true;
        auto connected = connect(until);
        without_database_ = false;
        if (!connected) return connected;
        std::string name = "`";
        for (const char c : login_.database) name += c == '`' ? std::string("``") : std::string(1, c);
        name += '`';
        auto made = query(fmt::format("CREATE DATABASE IF NOT EXISTS {} CHARACTER SET utf8mb4", name));
        if (made) made = query(fmt::format("USE {}", name));
        if (made) {
            made = query(
                "CREATE TABLE IF NOT EXISTS Employee (EmpId VARCHAR(64) NOT NULL PRIMARY KEY, EmpName VARCHAR(255)) "
                "CHARACTER SET utf8mb4");
        }
        return made;
    }

 private:
    /// Outside of a transaction (autocommit), so that neither a snapshot nor a metadata lock stays (L-6.76).
    outcome<void> select(std::string_view text, const row_receiver& receive, deadline until) {
        if (auto asked = connect_and_query(text, until); !asked) return asked;
        std::unique_ptr<MYSQL_RES, closer> result(mysql_use_result(connection_.get()));
        if (!result) return connection_failure();
        const MYSQL_FIELD* columns = mysql_fetch_fields(result.get());
        while (MYSQL_ROW values = mysql_fetch_row(result.get())) {
            const unsigned long* lengths = mysql_fetch_lengths(result.get());
            if (!receive({to_cell(columns[0], values[0], lengths[0]), to_cell(columns[1], values[1], lengths[1])}))
                return {};
        }
        if (mysql_errno(connection_.get()) == 0) return {};
        result.reset();  // it refers to the connection, which may be closed now
        return connection_failure();
    }

    /// As a literal of the connection's own character set and quoting rules.
    outcome<std::string> quoted(std::string_view text, deadline until) {
        if (!connection_) {
            if (auto connected = connect(until); !connected) return std::unexpected(std::move(connected.error()));
        }
        std::string out(text.size() * 2 + 1, '\0');
        out.resize(mysql_real_escape_string(connection_.get(), out.data(), text.data(), text.size()));
        return "'" + out + "'";
    }

    /// Also with a connection that is open already and may have died meanwhile: nothing has been sent on it before, so
    /// a second try cannot repeat anything (L-6.77).
    outcome<void> connect_and_query(std::string_view text, deadline until) {
        const bool was_open = connection_ != nullptr;
        if (!was_open) {
            if (auto connected = connect(until); !connected) return connected;
        }
        auto done = query(text);
        if (done || connection_ || !was_open) return done;
        if (auto connected = connect(until); !connected) return connected;
        return query(text);
    }

    outcome<void> connect(deadline until) {
        const bool fresh = !login_known_;
        if (fresh) {
            if (auto read = read_login(); !read) return read;
        }
        auto connected = log_in(until);
        if (connected || fresh || !secret_ || !refused_) return connected;
        if (auto read = read_login(); !read) return read;
        return log_in(until);
    }

    outcome<void> read_login() {
        login_ = known_;
        if (secret_) {
            try {
                login_ = complete_login(known_, secret_());
            } catch (const std::exception& caught) {
                borealis::core::log(log_level::error,
                                    "Could not retrieve the database credentials from AWS Secrets Manager: {}",
                                    caught.what());
                return std::unexpected(credentials_failure());
            }
        }
        if (login_.database.empty()) login_.database = "EmployeeDB";
        login_known_ = true;
        return {};
    }

    outcome<void> log_in(deadline until) {
        connection_.reset(mysql_init(nullptr));
        MYSQL* handle = connection_.get();
        const auto left =
            std::chrono::ceil<std::chrono::seconds>(std::min<borealis::core::clock::duration>(until.left(), 5s));
        const unsigned connect_seconds = static_cast<unsigned>(std::max(left, std::chrono::seconds(1)).count());
        mysql_optionsv(handle, MYSQL_OPT_CONNECT_TIMEOUT, &connect_seconds);
        mysql_optionsv(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
        if (!login_.tls_ca.empty()) {
            const my_bool yes = 1;
            mysql_optionsv(handle, MYSQL_OPT_SSL_CA, login_.tls_ca.c_str());
            mysql_optionsv(handle, MYSQL_OPT_SSL_ENFORCE, &yes);
            mysql_optionsv(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
        }
        const bool socket = !login_.socket.empty();
        if (mysql_real_connect(handle, socket ? nullptr : login_.host.c_str(), login_.user.c_str(),
                               login_.password.reveal().c_str(), without_database_ ? nullptr : login_.database.c_str(),
                               socket             ? 0U
                               : login_.port == 0 ? 3306U
                                                  : login_.port,
                               socket ? login_.socket.c_str() : nullptr, 0) == nullptr) {
            const auto number = mysql_errno(handle);
            auto failed = connect_failure(number, mysql_error(handle), socket ? login_.socket : login_.host);
            refused_ = number == access_denied;
            drop();
            return std::unexpected(std::move(failed));
        }
        if (!socket) {
            // After a thaw (L-1.62) the peer may be gone without a word: do not send into the void for minutes.
            const unsigned milliseconds = 5000;
            setsockopt(mysql_get_socket(handle), IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
        }
        if (mysql_autocommit(handle, 1) != 0) return connection_failure();
        return {};
    }

    outcome<void> query(std::string_view text) {
        if (!connection_) return std::unexpected(mysql_failure(2013, "Lost connection to MySQL server during query"));
        if (mysql_real_query(connection_.get(), text.data(), text.size()) != 0) return connection_failure();
        return {};
    }

    std::unexpected<failure> connection_failure() {
        return failed(mysql_errno(connection_.get()), mysql_error(connection_.get()));
    }
    std::unexpected<failure> statement_failure() {
        return failed(mysql_stmt_errno(insert_.get()), mysql_stmt_error(insert_.get()));
    }

    std::unexpected<failure> failed(unsigned number, std::string_view text) {
        auto made = mysql_failure(number, text);
        if (is_lost(number)) drop();
        return std::unexpected(std::move(made));
    }

    void drop() {
        insert_.reset();
        connection_.reset();
    }

    static void bind(MYSQL_BIND& to, const std::optional<std::string>& value) {
        to.buffer_type = value ? MYSQL_TYPE_STRING : MYSQL_TYPE_NULL;
        if (!value) return;
        to.buffer = const_cast<char*>(value->data());  // the library only reads it
        to.buffer_length = value->size();
    }

    rds_login known_;
    secret_source secret_;
    rds_login login_;
    bool login_known_ = false;
    bool refused_ = false;  // the last login failed for its user or password
    bool without_database_ = false;
    bool in_transaction_ = false;
    std::unique_ptr<MYSQL, closer> connection_;
    std::unique_ptr<MYSQL_STMT, closer> insert_;
};

}  // namespace

rds_login complete_login(rds_login known, std::string_view secret) {
    borealis::json::document reader;
    const auto parsed = reader.parse_copy(secret);
    if (!parsed || (*parsed)->is() != kind::object) throw std::invalid_argument("the secret is no JSON object");
    const auto& root = **parsed;
    const auto fill = [&root](std::string& member, std::string_view name) {
        const auto* found = root.find(name);
        if (member.empty() && found != nullptr && found->is() == kind::string) member = found->text();
    };
    std::string password = known.password.reveal();
    fill(known.host, "host");
    fill(known.socket, "unix_socket");
    fill(known.user, "username");
    fill(password, "password");
    fill(known.database, "dbname");
    known.password = borealis::core::secret_text(std::move(password));
    if (const auto* port = root.find("port"); known.port == 0 && port != nullptr) {
        const auto digits = port->is() == kind::string ? port->text() : port->raw();
        std::from_chars(digits.data(), digits.data() + digits.size(), known.port);
    }
    if (known.user.empty() || known.password.empty())
        throw std::invalid_argument("the secret must contain username and password");
    if (known.host.empty() && known.socket.empty())
        throw std::invalid_argument("neither the secret nor DB_HOST or DB_SOCKET says where the server is");
    return known;
}

std::unique_ptr<database> open_rds_database(rds_login known, secret_source secret) {
    return std::make_unique<rds_database>(std::move(known), std::move(secret));
}

}  // namespace employees
