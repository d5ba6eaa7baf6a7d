# Profile-guided optimisation of the rooms that a request passes through (docs/performance.md, "The release build"):
# scripts/profile builds them with `generate`, serves calls, and writes cmake/release.profdata, which `use` reads. With it
# comes cmake/release.order, the functions that run as the server starts and serves: the linker puts them together, so
# that the others are not in memory for being their neighbours.
set(BOREALIS_PROFILE "" CACHE STRING "generate, use, or nothing")
set_property(CACHE BOREALIS_PROFILE PROPERTY STRINGS "" generate use)
set(borealis_profiled core json http auth sql postgres mysql pool data_api)
list(TRANSFORM borealis_profiled PREPEND borealis_)
set(borealis_profile_file ${PROJECT_SOURCE_DIR}/cmake/release.profdata)
set(borealis_order_file ${PROJECT_SOURCE_DIR}/cmake/release.order)
set(borealis_profile_flags)
set(borealis_order_flags)
# Functions of one file alone are named by the file without its folders, which are others in each checkout, and where
# ccache has rewritten them.
set(borealis_profile_names -mllvm -static-func-full-module-prefix=false)
if(BOREALIS_PROFILE STREQUAL "generate")
  set(borealis_profile_flags -fprofile-generate -fprofile-update=atomic -fno-lto ${borealis_profile_names})
  set(CMAKE_EXE_LINKER_FLAGS "${CMAKE_EXE_LINKER_FLAGS} -fprofile-generate")
elseif(BOREALIS_PROFILE STREQUAL "use" AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND EXISTS ${borealis_profile_file})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${borealis_profile_file})
  # Named by its content, and relative to the folder the compiler runs in: another profile is compiled anew, another
  # checkout is not. Functions that have changed since are compiled without it.
  file(SHA256 ${borealis_profile_file} digest)
  string(SUBSTRING ${digest} 0 16 digest)
  file(COPY_FILE ${borealis_profile_file} ${PROJECT_BINARY_DIR}/${digest}.profdata ONLY_IF_DIFFERENT)
  set(borealis_profile_flags -fprofile-use=${digest}.profdata
    -Wno-profile-instr-out-of-date -Wno-profile-instr-unprofiled -Wno-backend-plugin ${borealis_profile_names})
  if(CMAKE_EXE_LINKER_FLAGS MATCHES "lld" AND EXISTS ${borealis_order_file})
    set(borealis_order_flags -Wl,--symbol-ordering-file=${borealis_order_file} -Wl,--no-warn-symbol-ordering)
  endif()
endif()
