#pragma once
/// The Data API's members as JSON, there and back. Pure functions.

#include <string>
#include <string_view>

#include "borealis/data_api.hpp"

namespace borealis::client {

// Requests; each throws `invalid_request` for text that is not UTF-8, which JSON could not carry unharmed.
[[nodiscard]] std::string encode(const execute_statement_request& request, const database_target& target);
[[nodiscard]] std::string encode(const batch_execute_statement_request& request, const database_target& target);
[[nodiscard]] std::string encode_begin(const database_target& target);
/// @param operation  Named in errors.
[[nodiscard]] std::string encode_end(std::string_view operation, std::string_view transaction_id,
                                     const database_target& target);

// Answers; each throws std::invalid_argument with what is wrong where one is not what the service promises.
[[nodiscard]] execute_statement_result decode_execute(std::string_view body);
[[nodiscard]] batch_execute_statement_result decode_batch(std::string_view body);
/// The text member `name`.
[[nodiscard]] std::string decode_text(std::string_view body, std::string_view name);

[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace borealis::client
