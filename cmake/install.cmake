# cmake --install build/release --prefix … [--component client|server]
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

# The server: program, unit, user, sample configuration and documentation.
install(TARGETS borealis RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT server)
install(FILES deploy/systemd/borealis.toml DESTINATION ${CMAKE_INSTALL_DATADIR}/borealis COMPONENT server)
install(FILES deploy/systemd/borealis.socket DESTINATION lib/systemd/system COMPONENT server)
install(FILES deploy/systemd/borealis.sysusers DESTINATION lib/sysusers.d RENAME borealis.conf COMPONENT server)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT server FILES_MATCHING PATTERN "*.md")
install(FILES README.md CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT server)
# Its paths are those of /usr; another prefix is put in as it is installed.
string(CONFIGURE [[
  file(READ "@PROJECT_SOURCE_DIR@/deploy/systemd/borealis.service" text)
  string(REPLACE "/usr/" "${CMAKE_INSTALL_PREFIX}/" text "${text}")
  file(WRITE "@PROJECT_BINARY_DIR@/borealis.service" "${text}")
  file(INSTALL "@PROJECT_BINARY_DIR@/borealis.service" DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/systemd/system")
]] install_unit @ONLY)
install(CODE "${install_unit}" COMPONENT server)

# cpack --config build/release/CPackConfig.cmake
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME borealis)
set(CPACK_PACKAGE_VENDOR "Borealis")
set(CPACK_PACKAGE_CONTACT "The Borealis maintainers <borealis@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL server)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Two are loaded on first use, so that the program does not name them.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "passwd, libpq5 (>= 14), libcurl4 (>= 7.85) | libcurl4t64 (>= 7.85)")
# For managed databases.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "postgresql | mariadb-server-core")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/deploy/debian/postinst ${PROJECT_SOURCE_DIR}/deploy/debian/prerm)
include(CPack)
