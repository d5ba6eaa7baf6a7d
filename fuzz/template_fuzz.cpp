/// Any bytes as a SAM template: read, or refused with words; and every route that it declares is found by its own
/// table.

#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include "lambda/route_table.hpp"
#include "lambda/template.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    namespace lambda = borealis::lambda;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    try {
        const auto read = lambda::read_template(text, {.context = {}, .folder = "/nowhere"});
        for (const auto& api : read.apis) {
            const lambda::route_table table(api);
            for (const auto& route : api.routes) {
                if (route.path.find('{') == route.path.npos && route.path.starts_with('/') &&
                    !table.knows_path(route.path) && route.path.find('%') == route.path.npos) {
                    std::abort();
                }
            }
        }
    } catch (const lambda::template_error& e) {
        if (std::string_view(e.what()).empty()) std::abort();
    } catch (const std::runtime_error&) {
        return 0;  // a route that API Gateway would not take
    }
    return 0;
}
