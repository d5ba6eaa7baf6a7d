#include "cli/privacy.hpp"

#include <stdexcept>

#include <sys/prctl.h>
#include <sys/resource.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BOREALIS_SANITIZED 1
#elif defined(__has_feature)
#define BOREALIS_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define BOREALIS_SANITIZED 0
#endif

namespace borealis::cli {

void keep_memory_private() {
#if !BOREALIS_SANITIZED
    const rlimit none{.rlim_cur = 0, .rlim_max = 0};
    if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::prctl(PR_SET_DUMPABLE, 0) != 0)
        throw std::runtime_error("core dumps cannot be switched off; allow them with core_dumps = true");
#endif
}

}  // namespace borealis::cli
