# borealis_room(<name> SOURCES … HEADERS … [DEPENDS rooms…] [PRIVATE_LIBS …] [PUBLIC_LIBS …])
#
# One room: a static library borealis_<name> whose headers are included as "<name>/<file>.hpp". HEADERS are verified to
# compile alone (target all_verify_interface_header_sets). PRIVATE_LIBS hold the third-party libraries that must not be
# seen outside the room; PUBLIC_LIBS those that its headers name.
function(borealis_flags target)
  target_compile_features(${target} PUBLIC cxx_std_23)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual -Wnull-dereference)
  if(target IN_LIST borealis_profiled)
    target_compile_options(${target} PRIVATE ${borealis_profile_flags})
  endif()
  if(BOREALIS_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()

function(borealis_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;HEADERS;DEPENDS;PRIVATE_LIBS;PUBLIC_LIBS" ${ARGN})
  set(target borealis_${name})
  if(ROOM_SOURCES)
    add_library(${target} STATIC ${ROOM_SOURCES})
    set(scope PUBLIC)
    borealis_flags(${target})
    target_link_libraries(${target} PRIVATE ${ROOM_PRIVATE_LIBS})
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
    target_compile_features(${target} INTERFACE cxx_std_23)
  endif()
  add_library(borealis::${name} ALIAS ${target})
  target_include_directories(${target} ${scope} $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>)
  list(TRANSFORM ROOM_DEPENDS PREPEND borealis_)
  target_link_libraries(${target} ${scope} ${ROOM_DEPENDS} ${ROOM_PUBLIC_LIBS})
  if(ROOM_HEADERS)
    target_sources(${target} ${scope} FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/src FILES ${ROOM_HEADERS})
    set_target_properties(${target} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  endif()
endfunction()

# borealis_test(<name> SOURCES … ROOMS … [LIBS …]): one GoogleTest program, registered with ctest as one test.
function(borealis_test name)
  cmake_parse_arguments(T "" "" "SOURCES;ROOMS;LIBS" ${ARGN})
  add_executable(${name} ${T_SOURCES})
  borealis_flags(${name})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  list(TRANSFORM T_ROOMS PREPEND borealis_)
  target_link_libraries(${name} PRIVATE ${T_ROOMS} ${T_LIBS} GTest::gmock GTest::gtest_main)
  # GoogleTest's macros use old-style casts and shadow names of their own.
  target_compile_options(${name} PRIVATE -Wno-old-style-cast -Wno-shadow -Wno-null-dereference)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
endfunction()

# borealis_python_test(<name> <file> [argument...]): a unittest program run by the tests' own Python (build/venv, made by ./test).
function(borealis_python_test name file)
  add_test(NAME ${name} COMMAND ${PROJECT_SOURCE_DIR}/build/venv/bin/python ${CMAKE_CURRENT_SOURCE_DIR}/${file} ${ARGN})
endfunction()
