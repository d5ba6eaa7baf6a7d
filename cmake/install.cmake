# cmake --install build/release --prefix … [--component client]
#
# The client library for other people's programs: headers, one archive, and a CMake package:
#   find_package(borealis REQUIRED)
#   target_link_libraries(program PRIVATE borealis::client)
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/borealis)
install(TARGETS borealis_client EXPORT borealis
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT client
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT client)
install(EXPORT borealis NAMESPACE borealis:: FILE borealisTargets.cmake DESTINATION ${package_dir} COMPONENT client)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/borealisConfig.cmake.in ${PROJECT_BINARY_DIR}/borealisConfig.cmake
  INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/borealisConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/borealisConfig.cmake ${PROJECT_BINARY_DIR}/borealisConfigVersion.cmake
  DESTINATION ${package_dir} COMPONENT client)
