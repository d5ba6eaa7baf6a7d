#include "core/secret_text.hpp"

#include <string.h>

namespace borealis::core {

void secret_text::wipe() noexcept {
    // explicit_bzero: the one memset that the optimiser may not drop.
    if (!text_.empty()) ::explicit_bzero(text_.data(), text_.size());
}

}  // namespace borealis::core
