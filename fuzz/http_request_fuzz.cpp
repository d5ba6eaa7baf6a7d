/// A stream of requests, read whole and read in pieces: both must yield the same requests and the same end, and each
/// request must keep what the reader's docstring promises.
/// Input: one byte that chooses the limits, one that seeds the cuts, then the stream.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "http/request.hpp"

namespace {

namespace http = borealis::http;
using progress = http::request_reader::progress;

void demand(bool holds) {
    if (!holds) std::abort();
}

std::string check(const http::request& got, const http::request_limits& limits) {
    demand(got.body.size() <= limits.body_bytes && got.headers.size() <= limits.header_count &&
           got.target.size() <= limits.target_bytes);
    demand(!got.method.empty() && !got.path.empty() && (got.path.front() == '/' || got.target == "*"));
    std::string out(got.method);
    out.append(" ").append(got.target).append(" ").append(got.path).append("?").append(got.query).append("\n");
    std::size_t hosts = 0, lengths = 0, codings = 0;
    for (const auto& [name, value] : got.headers) {
        demand(!name.empty() && name.find_first_of(" \t:\r\n") == name.npos);
        demand(value.find_first_of(std::string_view("\r\n\0", 3)) == value.npos);
        hosts += http::iequals(name, "host");
        lengths += http::iequals(name, "content-length");
        codings += http::iequals(name, "transfer-encoding");
        out.append(name).append(": ").append(value).append("\n");
    }
    demand(hosts <= 1 && lengths + codings <= 1);
    if (lengths == 1)
        demand(std::strtoull(std::string(got.find("content-length")).c_str(), nullptr, 10) == got.body.size());
    if (lengths + codings == 0) demand(got.body.empty());
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < got.body.size() + 64; ++i) sum += static_cast<unsigned char>(got.body.data()[i]);
    demand(sum <= 255 * (got.body.size() + 64));
    return out.append(got.keep_alive ? "keep " : "close ").append(got.body).append("\n");
}

/// @param piece  Next length to feed, for the bytes left.
template <class Piece>
std::string read(std::string_view bytes, const http::request_limits& limits, Piece piece) {
    http::request_reader reader(limits);
    std::string out;
    while (true) {
        switch (reader.next()) {
            case progress::failed:
                return out + std::to_string(reader.reason().status);
            case progress::expects_continue:
                continue;
            case progress::request:
                out += check(reader.message(), limits);
                reader.consume();
                continue;
            case progress::need_more:
                break;
        }
        if (bytes.empty()) return out + (reader.idle() ? "idle" : reader.in_body() ? "body" : "head");
        const auto room = reader.prepare();
        demand(room.size() >= 4096);
        const auto length = std::min({room.size(), bytes.size(), piece()});
        std::memcpy(room.data(), bytes.data(), length);
        reader.commit(length);
        bytes.remove_prefix(length);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    http::request_limits limits;
    if (data[0] % 2 != 0) limits = {.target_bytes = 16, .header_bytes = 200, .header_count = 4, .body_bytes = 64};
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
    std::uint32_t seed = data[1];
    const auto whole = read(bytes, limits, [] { return std::size_t{SIZE_MAX}; });
    demand(read(bytes, limits, [] { return std::size_t{1}; }) == whole);
    demand(read(bytes, limits, [&] {
               seed = seed * 1664525U + 1013904223U;
               return std::size_t{1} + (seed >> 24U) % 48;
           }) == whole);
    return 0;
}
