# SPDX-License-Identifier: MIT
# Installs the library, its headers under include/stein/ (so that "tensor/tensor.h" and "stein/stein.h" are found and nothing else
# in include/ can collide) and the package files for find_package(stein).

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/stein")

install(TARGETS stein EXPORT steinTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT library)
install(EXPORT steinTargets NAMESPACE stein:: DESTINATION "${package_dir}" COMPONENT library)
foreach(folder stein ${STEIN_LAYERS})
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/${folder}" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/stein" COMPONENT library
          FILES_MATCHING PATTERN "*.h" PATTERN "*.op.h" EXCLUDE)
endforeach()
if(STEIN_PROGRAM)
  install(TARGETS stein_program RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT program)
endif()

configure_package_config_file(cmake/steinConfig.cmake.in "${PROJECT_BINARY_DIR}/cmake/steinConfig.cmake"
                              INSTALL_DESTINATION "${package_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/cmake/steinConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/cmake/steinConfig.cmake" "${PROJECT_BINARY_DIR}/cmake/steinConfigVersion.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/find_openblas.cmake"
        DESTINATION "${package_dir}" COMPONENT library)
