# SPDX-License-Identifier: MIT
# Makes the imported target stein::openblas, or leaves STEIN_OPENBLAS_LIBRARY empty. Used by the build and, installed beside
# steinConfig.cmake, by projects that use the installed package. The pthread flavour is preferred where Debian has several:
# its openblas_set_num_threads(1) holds for every calling thread, the OpenMP one's does not.
find_path(STEIN_OPENBLAS_INCLUDE cblas.h PATH_SUFFIXES openblas-pthread openblas
          HINTS /usr/include/${CMAKE_LIBRARY_ARCHITECTURE} /usr/local/opt/openblas/include)
find_library(STEIN_OPENBLAS_LIBRARY openblas PATH_SUFFIXES openblas-pthread HINTS /usr/local/opt/openblas/lib)
mark_as_advanced(STEIN_OPENBLAS_INCLUDE STEIN_OPENBLAS_LIBRARY)
if(STEIN_OPENBLAS_INCLUDE AND STEIN_OPENBLAS_LIBRARY AND NOT TARGET stein::openblas)
  add_library(stein::openblas UNKNOWN IMPORTED)
  set_target_properties(stein::openblas PROPERTIES
    IMPORTED_LOCATION "${STEIN_OPENBLAS_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${STEIN_OPENBLAS_INCLUDE}")
endif()
