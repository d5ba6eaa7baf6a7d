#pragma once
/// Which service a request addresses, and how each says no.

#include <cstdint>
#include <string>
#include <string_view>

#include "http/request.hpp"
#include "server/reply.hpp"

namespace borealis::server {

enum class service : std::uint8_t { rds_data, secretsmanager, rds, sts, lambda };

/// The name that its requests are signed for (L-5.5): `rds-data`, `secretsmanager`, `rds`, `sts`, `lambda`.
[[nodiscard]] std::string_view signing_name(service of);

/// By what the request says, before anybody is asked who sent it:
///
///   /2015-03-31/… and other dates of it         lambda
///   POST / with X-Amz-Target: secretsmanager.…  secretsmanager
///   POST / with a form that has an `Action`     sts or rds: as signed for, else by the form's `Version`
///   anything else                               rds-data, whose paths decide
[[nodiscard]] service addressed_by(const http::request& asked);

/// An error in the service's own protocol: restJson1, AWS JSON 1.1 or query XML, where the
/// common errors have names of their own (`UnrecognizedClientException` is `InvalidClientTokenId` there …).
/// @param code  As restJson1 names it.
[[nodiscard]] reply refuse(service by, int status, std::string_view code, std::string_view message);

}  // namespace borealis::server
