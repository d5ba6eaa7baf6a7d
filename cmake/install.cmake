# Filled by the client library: headers, libraries, CMake package, unit file.
