#pragma once
/// What a private database's process is not let do.

namespace borealis::clusters {

/// Takes from the calling process, and from every program it becomes or starts, the sockets of all families but Unix's,
/// and the privileges of set-user-id programs: so that whoever makes the database run a program (COPY … PROGRAM, a
/// function of an untrusted language) does not get beyond this machine with it. Async-signal-safe: for the time between
/// fork and exec. Does what the kernel can: without seccomp, less.
/// @param network  Leave the sockets.
/// @see seccomp(2), prctl(2) PR_SET_NO_NEW_PRIVS
void confine(bool network) noexcept;

}  // namespace borealis::clusters
