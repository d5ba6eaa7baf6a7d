/// Any bytes as the configuration: read, or refused with one line that names the file; nothing outside it is looked at
/// but the variable and the file that a secret names.

#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include "server/config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    namespace server = borealis::server;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (text.find("file:") != text.npos) return 0;  // a device could be read for ever
    try {
        const auto made = server::parse_config(text, "/nowhere/b.toml", [](const char*) { return "value"; });
        if (made.threads > 128 || made.limits.request.body_bytes < 1024) std::abort();
        try {
            server::check(made);
        } catch (const std::runtime_error&) {
            return 0;  // an address that is not to be listened on
        }
    } catch (const std::runtime_error& e) {
        const std::string_view words = e.what();
        // A line of the file may be quoted; it is one line of text all the same.
        if (!words.starts_with("/nowhere/b.toml:")) std::abort();
    }
    return 0;
}
