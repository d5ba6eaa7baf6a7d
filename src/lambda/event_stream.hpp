#pragma once
/// `application/vnd.amazon.eventstream`: a result as InvokeWithResponseStream sends it (L-1.82).

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lambda/host.hpp"

namespace borealis::lambda {

/// Appends one message: total length, length of the headers and their CRC-32, the headers (all strings), the payload,
/// the CRC-32 of it all; numbers big-endian.
void append_event(std::string& out, const std::vector<std::pair<std::string_view, std::string_view>>& headers,
                  std::string_view payload);

/// The payload as PayloadChunk events, then InvokeComplete with the error, if any, and the log.
/// @param log_result  base64; empty: none was asked for.
[[nodiscard]] std::string event_stream_of(const invoke_result& what, std::string_view log_result);

/// CRC-32 as in zip and PNG (polynomial 0xEDB88320).
[[nodiscard]] std::uint32_t crc32(std::string_view bytes);

}  // namespace borealis::lambda
