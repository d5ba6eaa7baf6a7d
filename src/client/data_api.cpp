#include "borealis/data_api.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "client/access.hpp"
#include "client/failure.hpp"
#include "client/judgement.hpp"
#include "client/service.hpp"
#include "client/shapes.hpp"

namespace borealis {

std::size_t row::size() const { return (*result_->records)[number_].size(); }

const field& row::operator[](std::size_t column) const {
    const auto& fields = (*result_->records)[number_];
    if (column >= fields.size()) {
        throw bad_field_access("there is no column " + std::to_string(column) + ": the record has " +
                               std::to_string(fields.size()));
    }
    return fields[column];
}

const field& row::operator[](std::string_view label) const { return (*this)[index_of(label)]; }

std::size_t row::index_of(std::string_view label) const {
    if (!result_->columns) {
        throw bad_field_access(
            "columns have no labels here: set include_result_metadata in the request, or use the column's number");
    }
    const auto& columns = *result_->columns;
    const auto found = std::ranges::find(columns, label, &column_metadata::label);
    if (found == columns.end()) throw bad_field_access("there is no column '" + std::string(label) + "'");
    if (std::find_if(found + 1, columns.end(), [label](const auto& one) { return one.label == label; }) !=
        columns.end()) {
        throw bad_field_access("there are several columns '" + std::string(label) + "': use the column's number");
    }
    return static_cast<std::size_t>(found - columns.begin());
}

void row::rethrow(std::size_t column, const bad_field_access& refused) const {
    auto name = "column " + std::to_string(column);
    if (result_->columns && column < result_->columns->size()) name += " '" + (*result_->columns)[column].label + "'";
    throw bad_field_access(name + ": " + refused.what());
}

std::size_t row_range::size() const { return result_->records ? result_->records->size() : 0; }

row row_range::operator[](std::size_t number) const {
    if (number >= size())
        throw bad_field_access("there is no row " + std::to_string(number) + ": the result has " +
                               std::to_string(size()));
    return {*result_, number};
}

struct data_api_client::parts {
    client::service service;
    database_target defaults;

    parts(client_options options, database_target otherwise, client::environment in)
        : service(std::move(options), client::data_api_names, std::move(in)), defaults(std::move(otherwise)) {}

    [[nodiscard]] database_target complete(database_target given, std::string_view operation) const {
        const auto fill = [](std::string& member, const std::string& otherwise) {
            if (member.empty()) member = otherwise;
        };
        fill(given.resource_arn, defaults.resource_arn);
        fill(given.secret_arn, defaults.secret_arn);
        fill(given.database, defaults.database);
        fill(given.schema, defaults.schema);
        for (const auto& [name, value] :
             {std::pair("resource_arn", &given.resource_arn), std::pair("secret_arn", &given.secret_arn)}) {
            if (value->empty()) {
                client::throw_invalid_request(
                    operation,
                    std::string(name) + " is missing: give it in the request's target or in the client's defaults");
            }
        }
        return given;
    }

    /// Sends, and reads the answer with `decode`. A 200 that cannot be read has had its effect all the same.
    template <class Decode>
    auto call(const client::service_call& what, Decode decode) {
        const auto answer = service.perform(what);
        try {
            return std::pair(decode(answer.body), answer.request_id);
        } catch (const std::invalid_argument& wrong) {
            throw invalid_response({.code = "InvalidResponse",
                                    .message = std::string("The answer is not the service's: ") + wrong.what(),
                                    .operation = std::string(what.operation),
                                    .status = 200,
                                    .request_id = answer.request_id,
                                    .outcome_unknown = !what.repeatable});
        }
    }

    std::string end(std::string_view operation, std::string_view path, const end_transaction_request& request,
                    bool repeatable) {
        const auto target = complete(request.target, operation);
        return call({.operation = operation,
                     .path = path,
                     .body = client::encode_end(operation, request.transaction_id, target),
                     .repeatable = repeatable,
                     .timeout = request.timeout},
                    [](std::string_view body) { return client::decode_text(body, "transactionStatus"); })
            .first;
    }
};

data_api_client::data_api_client(client_options options, database_target defaults)
    : data_api_client(std::make_shared<parts>(std::move(options), std::move(defaults), client::system_environment())) {}
data_api_client::data_api_client(std::shared_ptr<parts> of) : parts_(std::move(of)) {}
data_api_client::data_api_client(data_api_client&&) noexcept = default;
data_api_client& data_api_client::operator=(data_api_client&&) noexcept = default;
data_api_client::~data_api_client() = default;

execute_statement_result data_api_client::execute(std::string sql, std::vector<parameter> parameters) {
    return execute_statement({.sql = std::move(sql), .parameters = std::move(parameters)});
}

batch_execute_statement_result data_api_client::batch_execute(std::string sql,
                                                              std::vector<std::vector<parameter>> parameter_sets) {
    return batch_execute_statement({.sql = std::move(sql), .parameter_sets = std::move(parameter_sets)});
}

execute_statement_result data_api_client::execute_statement(const execute_statement_request& request) {
    const auto target = parts_->complete(request.target, "ExecuteStatement");
    auto [result, id] = parts_->call({.operation = "ExecuteStatement",
                                      .path = "/Execute",
                                      .body = client::encode(request, target),
                                      .repeatable = request.idempotent || client::is_plain_read(request.sql),
                                      .may_run_on = request.continue_after_timeout,
                                      .awaits_resume = request.transaction_id.empty(),
                                      .timeout = request.timeout},
                                     client::decode_execute);
    result.request_id = std::move(id);
    return std::move(result);
}

batch_execute_statement_result data_api_client::batch_execute_statement(
    const batch_execute_statement_request& request) {
    const auto target = parts_->complete(request.target, "BatchExecuteStatement");
    auto [result, id] = parts_->call({.operation = "BatchExecuteStatement",
                                      .path = "/BatchExecute",
                                      .body = client::encode(request, target),
                                      .repeatable = request.idempotent,
                                      .awaits_resume = request.transaction_id.empty(),
                                      .timeout = request.timeout},
                                     client::decode_batch);
    result.request_id = std::move(id);
    return std::move(result);
}

std::string data_api_client::begin_transaction(const begin_transaction_request& request) {
    // Begun twice, the one nobody knows of ends by itself (the service's idle limit).
    return parts_
        ->call({.operation = "BeginTransaction",
                .path = "/BeginTransaction",
                .body = client::encode_begin(parts_->complete(request.target, "BeginTransaction")),
                .repeatable = true,
                .awaits_resume = true,
                .timeout = request.timeout},
               [](std::string_view body) { return client::decode_text(body, "transactionId"); })
        .first;
}

std::string data_api_client::commit_transaction(const end_transaction_request& request) {
    return parts_->end("CommitTransaction", "/CommitTransaction", request, false);
}

std::string data_api_client::rollback_transaction(const end_transaction_request& request) {
    return parts_->end("RollbackTransaction", "/RollbackTransaction", request, true);
}

struct transaction::parts {
    data_api_client client;
    database_target target;
    std::string id;
    bool open = true;

    parts(std::shared_ptr<data_api_client::parts> of, database_target at)
        : client(std::move(of)), target(std::move(at)) {}
    parts(const parts&) = delete;
    parts& operator=(const parts&) = delete;
    ~parts() {
        if (!open) return;
        try {
            client.rollback_transaction({.transaction_id = id, .target = target, .timeout = std::chrono::seconds(10)});
        } catch (const transaction_not_found&) {
            // It is over already: nothing to roll back.
        } catch (const not_found&) {
        } catch (const std::exception& failed) {
            client.parts_->service.warn(
                std::string("A transaction could not be rolled back; the service will end it: ") + failed.what());
        }
    }

    /// Runs what ends the transaction; an id that is not found has ended.
    template <class End>
    std::string finish(End end) {
        try {
            auto status = end(end_transaction_request{.transaction_id = id, .target = target});
            open = false;
            return status;
        } catch (const transaction_not_found&) {
            open = false;
            throw;
        } catch (const not_found&) {
            open = false;
            throw;
        }
    }
};

transaction data_api_client::begin(begin_transaction_request request) {
    auto begun =
        std::make_unique<transaction::parts>(parts_, parts_->complete(std::move(request.target), "BeginTransaction"));
    begun->open = false;
    begun->id = begin_transaction({.target = begun->target, .timeout = request.timeout});
    begun->open = true;
    return transaction(std::move(begun));
}

transaction::transaction(std::unique_ptr<parts> of) : parts_(std::move(of)) {}
transaction::transaction(transaction&&) noexcept = default;
transaction& transaction::operator=(transaction&&) noexcept = default;
transaction::~transaction() = default;

const std::string& transaction::id() const { return parts_->id; }
bool transaction::open() const { return parts_ != nullptr && parts_->open; }

execute_statement_result transaction::execute(std::string sql, std::vector<parameter> parameters) {
    return execute_statement({.sql = std::move(sql), .parameters = std::move(parameters)});
}

execute_statement_result transaction::execute_statement(execute_statement_request request) {
    if (request.target.resource_arn.empty()) request.target = parts_->target;
    request.transaction_id = parts_->id;
    return parts_->client.execute_statement(request);
}

batch_execute_statement_result transaction::batch_execute(std::string sql,
                                                          std::vector<std::vector<parameter>> parameter_sets) {
    return batch_execute_statement({.sql = std::move(sql), .parameter_sets = std::move(parameter_sets)});
}

batch_execute_statement_result transaction::batch_execute_statement(batch_execute_statement_request request) {
    if (request.target.resource_arn.empty()) request.target = parts_->target;
    request.transaction_id = parts_->id;
    return parts_->client.batch_execute_statement(request);
}

void transaction::commit() {
    const auto status =
        parts_->finish([this](const auto& request) { return parts_->client.commit_transaction(request); });
    // PostgreSQL rolls a transaction back, and calls that a success, when one of its statements had failed.
    if (status != "Transaction Committed") {
        throw transaction_rolled_back({.code = "TransactionRolledBack",
                                       .message = "The transaction was not committed; the service says: " + status,
                                       .operation = "CommitTransaction",
                                       .status = 200});
    }
}

void transaction::rollback() {
    parts_->finish([this](const auto& request) { return parts_->client.rollback_transaction(request); });
}

data_api_client client_access::make_data_api(client_options options, database_target defaults, client::environment in) {
    return data_api_client(
        std::make_shared<data_api_client::parts>(std::move(options), std::move(defaults), std::move(in)));
}

}  // namespace borealis
