#pragma once
/// The process keeps its memory, and so its secrets, to itself.

namespace borealis::cli {

/// No core dump is written of this process or its children, and no other process of the same user may look into it
/// (ptrace, /proc/PID/mem, /proc/PID/environ). Children may be looked into again (prctl(2), PR_SET_DUMPABLE).
/// Does nothing in a build with a sanitizer, whose leak check looks into its own process that way.
void keep_memory_private();

}  // namespace borealis::cli
