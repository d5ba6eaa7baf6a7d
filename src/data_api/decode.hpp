#pragma once
/// A request body into a request of views, checked as far as that needs no database.

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "data_api/operation.hpp"
#include "data_api/profile.hpp"
#include "data_api/type_hint.hpp"
#include "json/document.hpp"
#include "sql/parameter.hpp"

namespace borealis::data_api {

/// A parameter as it came.
struct named_parameter {
    std::string_view name;
    sql::parameter value;
    type_hint hint = type_hint::none;  ///< Only with a stringValue.
    /// Of an arrayValue, where the profile binds them; `value` is made when the engine is known.
    const json::node* array = nullptr;
};

/// resultSetOptions.
struct result_options {
    bool decimals_as_numbers = false;
    bool longs_as_text = false;
};

/// Any of the six requests. Views look into the document it was read from, or into `made`.
struct request {
    std::string_view resource_arn = {};
    std::string_view secret_arn = {};
    std::string_view sql = {};
    std::string_view database = {};                ///< Empty: not given.
    std::string_view transaction_id = {};          ///< Empty: none (R-9.10).
    std::vector<named_parameter> parameters = {};  ///< Of all sets, one set after the other.
    std::vector<std::size_t> set_ends = {};        ///< Batch: where each set ends in `parameters`.
    result_options options = {};
    bool include_result_metadata = false;
    bool continue_after_timeout = false;
    bool records_as_json = false;
    std::deque<std::string> made = {};  ///< Decoded blobs, compacted JSON and the like; a deque: views look into it.

    /// Empties it for the next request; keeps the memory while it is of ordinary size.
    void clear();

    /// Parameters of set `index` of a batch.
    [[nodiscard]] std::span<const named_parameter> set(std::size_t index) const;
};

/// Members of a body, in the order in which clients tend to send them.
enum class member : std::uint8_t {
    resource_arn,
    secret_arn,
    database,
    sql,
    parameters,
    transaction_id,
    include_result_metadata,
    continue_after_timeout,
    format_records_as,
    result_set_options,
    parameter_sets,
    schema,
    // Of ExecuteSql:
    cluster_arn,
    secret_store_arn,
    sql_statements,
};

/// The members that requests have, found in one pass over the body.
class named_members {
 public:
    /// @param root  Outlives this.
    named_members(const json::node& root);  // NOLINT(google-explicit-constructor): a view of it

    /// As json::node::find; null also where the member is null.
    [[nodiscard]] const json::node* operator[](member which) const { return found_[static_cast<std::size_t>(which)]; }
    [[nodiscard]] bool of_object() const { return of_object_; }

 private:
    static constexpr std::size_t count = static_cast<std::size_t>(member::sql_statements) + 1;
    std::array<const json::node*, count> found_ = {};
    bool of_object_;
};

/// Reads the body of `what`. Checked in this order: JSON types (`serialization`, R-2.30), constraints of the model, all
/// together (`validation`, R-2.31), then what the API refuses (`validation`: ).
/// @param body  Of a document that outlives `into`.
/// @param as    Of the cluster that the body names.
[[nodiscard]] core::result<void> decode(operation what, const named_members& body, const profile& as, request& into);

/// The cluster that a body names, as far as it does; for finding its profile before anything is checked.
[[nodiscard]] std::string_view resource_named_in(operation what, const named_members& body);

}  // namespace borealis::data_api
