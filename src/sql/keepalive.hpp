#pragma once
/// How a session's socket is told to notice that its server is gone.

#include "sql/session_settings.hpp"

namespace borealis::sql {

/// Sets what tcp(7) has for it. A Unix socket, whose other end cannot go without a word, takes none of it, and a kernel
/// leaves out what it does not know: neither is an error.
void set_keepalive(int socket, const session_settings& as);

}  // namespace borealis::sql
