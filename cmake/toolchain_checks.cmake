# g++ 12 silently miscompiles common coroutine shapes (temporaries of a co_await expression destroyed twice), so it is refused.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR "g++ ${CMAKE_CXX_COMPILER_VERSION} miscompiles coroutines; use clang-19 (cmake --preset dev) or g++ 13 or newer")
endif()
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
else()
  message(FATAL_ERROR "Borealis builds on Linux only")
endif()
