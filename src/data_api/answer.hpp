#pragma once
/// What an operation answers, and how an error becomes an answer.

#include <string>
#include <string_view>

#include "core/error.hpp"
#include "data_api/profile.hpp"

namespace borealis::data_api {

/// The answer, without what HTTP adds.
struct response {
    int status = 200;
    std::string_view error_type = {};  ///< Value of x-amzn-ErrorType; empty on success and for 413 (R-1.8).
    std::string body;                  ///< JSON
};

/// The one place that turns an error into a status, a shape name and a body.
[[nodiscard]] response answer(const core::error& what, error_naming naming = error_naming::specific);

}  // namespace borealis::data_api
