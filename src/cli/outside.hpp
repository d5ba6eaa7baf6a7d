#pragma once
/// Secrets in AWS Secrets Manager, read with the client library.

#include "server/logins.hpp"

namespace borealis::cli {

/// One client a region, endpoint and profile; credentials as the AWS SDKs find them. A read takes 10 s at most.
[[nodiscard]] server::outside_reader make_outside_reader();

}  // namespace borealis::cli
