#pragma once
/// A client of the RDS Data API: SQL over HTTPS.
///
///     borealis::data_api_client client({.region = "eu-central-1"}, {.resource_arn = cluster, .secret_arn = secret,
///     .database = "hr"}); auto found = client.execute("SELECT name FROM employee WHERE id = :id",
///     {borealis::param("id", 7)}); for (auto row : found.rows()) std::puts(row.get<std::string>(0).c_str());
///
/// @see docs/client.md for a walk through, and for which failures are repeated and which are not.

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "borealis/errors.hpp"
#include "borealis/field.hpp"
#include "borealis/options.hpp"

namespace borealis {

/// Whom a call addresses. Members left empty in a request are filled from the client's defaults.
struct database_target {
    std::string resource_arn = {};
    std::string secret_arn = {};
    std::string database = {};
    std::string schema = {};  ///< Refused by provisioned and Serverless v2 clusters.
};

enum class decimal_return : std::uint8_t { string, double_or_long };
enum class long_return : std::uint8_t { string, number };
enum class record_format : std::uint8_t { none, json };

struct result_set_options {
    std::optional<decimal_return> decimal_return_type = {};
    std::optional<long_return> long_return_type = {};
};

struct execute_statement_request {
    std::string sql = {};
    std::vector<parameter> parameters = {};
    database_target target = {};
    std::string transaction_id = {};
    bool include_result_metadata = false;  ///< Needed for access by label.
    bool continue_after_timeout = false;
    result_set_options result_options = {};
    record_format format_records_as = record_format::none;
    /// Not sent: the statement may run twice without harm, so the client may repeat it when its answer was lost. Plain
    /// reads are recognised without it.
    bool idempotent = false;
    /// Not sent: overrides `client_options::call_timeout`.
    std::optional<std::chrono::milliseconds> timeout = {};
};

struct batch_execute_statement_request {
    std::string sql = {};
    std::vector<std::vector<parameter>> parameter_sets = {};
    database_target target = {};
    std::string transaction_id = {};
    bool idempotent = false;                                ///< As above.
    std::optional<std::chrono::milliseconds> timeout = {};  ///< As above.
};

struct begin_transaction_request {
    database_target target = {};
    std::optional<std::chrono::milliseconds> timeout = {};
};

struct end_transaction_request {
    std::string transaction_id = {};
    database_target target = {};  ///< `database` and `schema` are not sent.
    std::optional<std::chrono::milliseconds> timeout = {};
};

struct column_metadata {
    std::string name = {}, label = {}, type_name = {}, schema_name = {}, table_name = {};
    std::int64_t type = 0;  ///< java.sql.Types
    std::int64_t precision = 0, scale = 0;
    std::int64_t nullable = 2;  ///< 0 no, 1 yes, 2 unknown
    std::int64_t array_base_column_type = 0;
    bool is_auto_increment = false, is_signed = false, is_currency = false, is_case_sensitive = false;
};

struct execute_statement_result;

/// One record of a result; lives as long as the result does.
class row {
 public:
    row(const execute_statement_result& of, std::size_t number) : result_(&of), number_(number) {}

    [[nodiscard]] std::size_t size() const;
    /// Throws `bad_field_access` for a column that is not there; access by label wants `include_result_metadata`.
    [[nodiscard]] const field& operator[](std::size_t column) const;
    [[nodiscard]] const field& operator[](std::string_view label) const;
    /// `field::get`, naming the column where it throws.
    template <class T>
    [[nodiscard]] T get(std::size_t column) const {
        const auto& value = (*this)[column];
        try {
            return value.template get<T>();
        } catch (const bad_field_access& refused) {
            rethrow(column, refused);
        }
    }
    template <class T>
    [[nodiscard]] T get(std::string_view label) const {
        return get<T>(index_of(label));
    }

 private:
    [[nodiscard]] std::size_t index_of(std::string_view label) const;
    [[noreturn]] void rethrow(std::size_t column, const bad_field_access& refused) const;

    const execute_statement_result* result_;
    std::size_t number_;
};

/// The records of a result, to be walked or indexed.
class row_range {
 public:
    class iterator {
     public:
        using value_type = row;
        using difference_type = std::ptrdiff_t;
        iterator() = default;
        iterator(const execute_statement_result* of, std::size_t number) : result_(of), number_(number) {}
        row operator*() const { return {*result_, number_}; }
        iterator& operator++() {
            ++number_;
            return *this;
        }
        iterator operator++(int) { return {result_, number_++}; }
        friend bool operator==(const iterator&, const iterator&) = default;

     private:
        const execute_statement_result* result_ = nullptr;
        std::size_t number_ = 0;
    };

    explicit row_range(const execute_statement_result& of) : result_(&of) {}
    [[nodiscard]] iterator begin() const { return {result_, 0}; }
    [[nodiscard]] iterator end() const { return {result_, size()}; }
    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] bool empty() const { return size() == 0; }
    /// Throws `bad_field_access` behind the last row.
    [[nodiscard]] row operator[](std::size_t number) const;

 private:
    const execute_statement_result* result_;
};

struct execute_statement_result {
    /// Present for statements that return rows, unless they were formatted.
    std::optional<std::vector<std::vector<field>>> records = {};
    std::optional<std::vector<column_metadata>> columns = {};
    std::int64_t records_updated = 0;
    std::vector<field> generated_fields = {};
    std::optional<std::string> formatted_records = {};
    std::string request_id = {};

    [[nodiscard]] row_range rows() const& { return row_range(*this); }
    row_range rows() && = delete;  ///< The rows are views: give the result a name first.
};

struct batch_execute_statement_result {
    std::vector<std::vector<field>> generated_fields = {};  ///< One list per parameter set, in their order.
    std::string request_id = {};
};

class data_api_client;

/// An open transaction, rolled back by its destructor unless it was committed or rolled back before. One thread at a
/// time (the service runs one statement of a transaction at a time). May outlive its client object.
class transaction {
 public:
    transaction(transaction&&) noexcept;
    transaction& operator=(transaction&&) noexcept;
    /// Rolls back where still needed; a failure goes to `client_options::on_warning`.
    ~transaction();

    [[nodiscard]] const std::string& id() const;
    [[nodiscard]] bool open() const;  ///< Neither committed nor rolled back by this object.

    execute_statement_result execute(std::string sql, std::vector<parameter> parameters = {});
    /// `transaction_id` and an empty target are filled in.
    execute_statement_result execute_statement(execute_statement_request request);
    batch_execute_statement_result batch_execute(std::string sql, std::vector<std::vector<parameter>> parameter_sets);
    batch_execute_statement_result batch_execute_statement(batch_execute_statement_request request);

    /// Returns only when the service says that the transaction is committed.
    /// Throws `transaction_rolled_back` where the database rolled back instead, `aws_error` with `outcome_unknown()`
    /// where the answer was lost: it may or may not be committed then.
    void commit();
    void rollback();

 private:
    friend class data_api_client;
    struct parts;
    explicit transaction(std::unique_ptr<parts> of);
    std::unique_ptr<parts> parts_;
};

/// Calls block. One client may be used by many threads at once; it keeps its connections open between calls.
/// Every call throws a class of errors.hpp where it fails.
class data_api_client {
 public:
    /// @param defaults  Whom a call addresses whose own target is empty.
    explicit data_api_client(client_options options = {}, database_target defaults = {});
    data_api_client(data_api_client&&) noexcept;
    data_api_client& operator=(data_api_client&&) noexcept;
    ~data_api_client();

    execute_statement_result execute(std::string sql, std::vector<parameter> parameters = {});
    batch_execute_statement_result batch_execute(std::string sql, std::vector<std::vector<parameter>> parameter_sets);
    [[nodiscard]] transaction begin(begin_transaction_request request = {});

    // The operations as they are.
    execute_statement_result execute_statement(const execute_statement_request& request);
    batch_execute_statement_result batch_execute_statement(const batch_execute_statement_request& request);
    /// @return The transaction's id.
    [[nodiscard]] std::string begin_transaction(const begin_transaction_request& request = {});
    /// @return The service's status text: `Transaction Committed`, or `Rollback Complete` for a failed transaction.
    std::string commit_transaction(const end_transaction_request& request);
    std::string rollback_transaction(const end_transaction_request& request);

 private:
    friend class transaction;
    friend struct client_access;  // the tests' way to clocks and environments of their own
    struct parts;
    explicit data_api_client(std::shared_ptr<parts> of);
    std::shared_ptr<parts> parts_;  // shared with the transactions it began
};

}  // namespace borealis
