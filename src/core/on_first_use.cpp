#include "core/on_first_use.hpp"

#include <stdexcept>

#include <dlfcn.h>
#include <fmt/format.h>

namespace borealis::core {

void* address_of(const char* library, const char* function) {
    void* const handle = ::dlopen(library, RTLD_LAZY | RTLD_LOCAL);
    void* const found = handle == nullptr ? nullptr : ::dlsym(handle, function);
    if (found == nullptr)
        throw std::runtime_error(fmt::format("{} is needed, and cannot be loaded: {}", library, ::dlerror()));
    return found;
}

}  // namespace borealis::core
