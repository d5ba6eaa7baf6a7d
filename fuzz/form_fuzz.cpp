/// Any bytes as a form: names and values are what was sent, decoded once; written again they read the same.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/form.hpp"

namespace {

namespace http = borealis::http;

void demand(bool holds) {
    if (!holds) std::abort();
}

std::string encoded(std::string_view text) {
    static constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += digits[byte >> 4U];
        out += digits[byte & 15U];
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view body(reinterpret_cast<const char*>(data), size);
    const auto fields = http::parse_form(body);
    if (!fields) return 0;
    demand(fields->size() <= http::most_form_fields);
    std::string again;
    std::size_t bytes = 0;
    for (const auto& [name, value] : *fields) {
        bytes += name.size() + value.size();
        if (!again.empty()) again += '&';
        again += encoded(name) + '=' + encoded(value);
        demand(http::find(*fields, name).data() != nullptr);
    }
    demand(bytes <= body.size());
    const auto reread = http::parse_form(again);
    demand(reread.has_value());
    // A field without name and value cannot be written.
    if (again.find("&=&") == again.npos && !again.starts_with("=&") && !again.ends_with("&=") && again != "=")
        demand(*reread == *fields);
    return 0;
}
