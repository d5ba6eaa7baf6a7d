# Every dependency has a line in docs/dependencies.md that names the room which may see it.
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(fmt REQUIRED)
find_package(simdjson REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(CURL REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(libpq REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(libmariadb REQUIRED IMPORTED_TARGET libmariadb)
pkg_check_modules(libzip REQUIRED IMPORTED_TARGET libzip)
find_path(TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h REQUIRED)
find_path(CLI11_INCLUDE_DIR CLI/CLI.hpp REQUIRED)

add_library(borealis_tomlplusplus INTERFACE)
target_include_directories(borealis_tomlplusplus SYSTEM INTERFACE ${TOMLPLUSPLUS_INCLUDE_DIR})
add_library(borealis_cli11 INTERFACE)
target_include_directories(borealis_cli11 SYSTEM INTERFACE ${CLI11_INCLUDE_DIR})

# Asio: compiled once, in src/core/asio.cpp, not in every file.
add_library(borealis_asio INTERFACE)
target_include_directories(borealis_asio SYSTEM INTERFACE ${Boost_INCLUDE_DIRS})
target_compile_definitions(borealis_asio INTERFACE BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE
    # Coroutine frames by operator new, which keeps blocks of each size (src/cli/kept_blocks.cpp); Asio keeps two of any size.
    BOOST_ASIO_DISABLE_AWAITABLE_FRAME_RECYCLING
    # Its other memory likewise: that of aligned_alloc never comes from the thread cache of glibc before 2.38.
    BOOST_ASIO_DISABLE_STD_ALIGNED_ALLOC BOOST_ASIO_DISABLE_BOOST_ALIGN)
target_link_libraries(borealis_asio INTERFACE Threads::Threads)

# llhttp: a library where the distribution has one (libllhttp-dev), else Debian 12's node-llhttp C sources.
find_library(LLHTTP_LIBRARY llhttp)
find_path(LLHTTP_INCLUDE_DIR llhttp.h PATH_SUFFIXES llhttp HINTS /usr/share/include REQUIRED)
if(LLHTTP_LIBRARY)
  add_library(borealis_llhttp INTERFACE)
  target_link_libraries(borealis_llhttp INTERFACE ${LLHTTP_LIBRARY})
  target_include_directories(borealis_llhttp SYSTEM INTERFACE ${LLHTTP_INCLUDE_DIR})
else()
  find_path(LLHTTP_SOURCE_DIR llhttp.c HINTS /usr/share/llhttp REQUIRED)
  add_library(borealis_llhttp STATIC ${LLHTTP_SOURCE_DIR}/llhttp.c ${LLHTTP_SOURCE_DIR}/api.c ${LLHTTP_SOURCE_DIR}/http.c)
  target_include_directories(borealis_llhttp SYSTEM PUBLIC ${LLHTTP_INCLUDE_DIR})
  target_compile_definitions(borealis_llhttp PUBLIC LLHTTP_STRICT_MODE=1)  # the sources hold two parsers; loose is their default
  target_compile_options(borealis_llhttp PRIVATE -w)
endif()
