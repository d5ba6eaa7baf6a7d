/// A function's result, whatever it is: an answer that can stand on the wire. Input: the result; each kind of API reads
/// it.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lambda/api_response.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    namespace lambda = borealis::lambda;
    const std::string_view result(reinterpret_cast<const char*>(data), size);
    const auto demand = [](bool holds) {
        if (!holds) std::abort();
    };
    lambda::api_description api;
    api.binary_media_types = {"image/*"};
    for (const auto kind : {lambda::api_kind::http, lambda::api_kind::rest}) {
        api.kind = kind;
        for (const auto format : {lambda::payload_format::v1, lambda::payload_format::v2}) {
            const auto made = lambda::read_result(api, format, result, "image/png");
            demand(made.status >= 200 && made.status <= 599);
            bool typed = false;
            for (const auto& [name, value] : made.headers) {
                demand(!name.empty() && name.find_first_of(" \t\r\n:") == std::string::npos);
                demand(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
                typed |= name.size() == 12;
            }
            demand(typed);
        }
    }
    return 0;
}
