#pragma once
/// Short ways to throw the client's own errors.

#include <string>
#include <string_view>

#include "borealis/errors.hpp"

namespace borealis::client {

[[noreturn]] void throw_configuration(std::string message);
[[noreturn]] void throw_credentials(std::string message);
/// The request breaks a rule before it is sent.
[[noreturn]] void throw_invalid_request(std::string_view operation, std::string message);
/// The class of errors.hpp that belongs to `details.code`, else plain `aws_error`.
[[noreturn]] void throw_service_error(error_details details);

}  // namespace borealis::client
