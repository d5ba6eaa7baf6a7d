#include "clusters/confinement.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

namespace borealis::clusters {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t our_architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t our_architecture = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t our_architecture = 0;  // no filter: socket() may be one of several calls there
#endif

/// The first argument's lower half, which holds the whole of an int on both architectures.
constexpr std::uint32_t first_argument = offsetof(seccomp_data, args);
/// Calls of the 32-bit ABI of x86-64 ("x32") have this bit in their number.
constexpr std::uint32_t foreign_abi = 0x4000'0000;

constexpr std::uint32_t refuse_with(std::uint32_t error) { return SECCOMP_RET_ERRNO | error; }

constexpr std::array<sock_filter, 11> filter = {{
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, our_architecture, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, refuse_with(ENOSYS)),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, foreign_abi, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, refuse_with(ENOSYS)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, first_argument),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, refuse_with(EAFNOSUPPORT)),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
}};

}  // namespace

void confine(bool network) noexcept {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || network || our_architecture == 0) return;
    sock_fprog program = {.len = filter.size(), .filter = const_cast<sock_filter*>(filter.data())};
    ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);  // a kernel without it runs the database all the same
}

}  // namespace borealis::clusters
