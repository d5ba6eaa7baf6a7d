#include "postgres/established.hpp"

#include <unistd.h>

namespace borealis::postgres {

socket_handle::~socket_handle() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace borealis::postgres
