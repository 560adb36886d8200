# SPDX-License-Identifier: MIT
# One static library from all layers. Files named *.simd.cpp, and the kernels of the elementwise ops, are compiled once per
# SIMD level in object libraries stein_<level>; only *.gemm.simd.cpp may contract a*b+c into an fma.

set(STEIN_LAYERS tensor autograd ops nn smld)
set(host_sources "")
set(simd_sources "")
foreach(layer IN LISTS STEIN_LAYERS)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${layer}/*.cpp")
  foreach(source IN LISTS sources)
    if(source MATCHES "\\.simd\\.cpp$")
      list(APPEND simd_sources "${source}")
    else()
      list(APPEND host_sources "${source}")
    endif()
    file(STRINGS "${source}" json REGEX "#include <nlohmann/" LIMIT_COUNT 1)
    if(json)  # takes half the time to compile, and reading a configuration is never hot
      set_source_files_properties("${source}" PROPERTIES COMPILE_OPTIONS "$<$<CONFIG:Release>:-O1>")
    endif()
    if(source MATCHES "\\.gemm\\.simd\\.cpp$")
      set_source_files_properties("${source}" PROPERTIES COMPILE_OPTIONS -ffp-contract=fast)
    endif()
  endforeach()
endforeach()

# What was built, for `stein info`.
string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
list(JOIN STEIN_LEVELS " " levels)
foreach(feature PNG JPEG XSIMD)
  string(TOLOWER "${STEIN_HAVE_${feature}}" have_${feature})
  string(REPLACE "on" "true" have_${feature} "${have_${feature}}")
  string(REPLACE "off" "false" have_${feature} "${have_${feature}}")
endforeach()
stein_write_if_changed("${STEIN_GENERATED}/build_info.cpp" "#include \"tensor/detail/build_info.h\"

const stein::detail::BuildInfo& stein::detail::build_info() {
  static const BuildInfo info{\"${PROJECT_VERSION}\", \"${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}\", \"${CMAKE_BUILD_TYPE}\", \"${levels}\",
                              \"${STEIN_SANITIZE}\", ${have_PNG}, ${have_JPEG}, ${have_XSIMD}};
  return info;
}
")

# The page of a graph: its style and its script are files of their own, here made into strings.
set(page "${PROJECT_SOURCE_DIR}/autograd/calculus/page")
set(page_files graph.css layout.js view.js walk.js page.js)
set(page_css "")
set(page_js "")
foreach(file IN LISTS page_files)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${page}/${file}")
  file(READ "${page}/${file}" text)
  get_filename_component(kind "${file}" LAST_EXT)
  string(SUBSTRING "${kind}" 1 -1 kind)
  string(APPEND page_${kind} "${text}")
endforeach()
stein_write_if_changed("${STEIN_GENERATED}/graph_page.cpp" "#include \"autograd/calculus/detail/graph_page.h\"

namespace stein::detail {
const char* const kGraphPageCss = R\"page(${page_css})page\";
const char* const kGraphPageJs = R\"page(${page_js})page\";
}  // namespace stein::detail
")

set(libraries stein::openblas fmt::fmt ZLIB::ZLIB Threads::Threads ${CMAKE_DL_LIBS})
set(definitions "")
if(STEIN_HAVE_PNG)
  list(APPEND libraries PNG::PNG)
  list(APPEND definitions STEIN_HAVE_PNG=1)
endif()
if(STEIN_HAVE_JPEG)
  list(APPEND libraries JPEG::JPEG)
  list(APPEND definitions STEIN_HAVE_JPEG=1)
endif()

# How sources of kernels are compiled for one SIMD level.
function(stein_level_options target level)
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${target} PRIVATE stein_flags)
  target_compile_options(${target} PRIVATE ${STEIN_LEVEL_FLAGS_${level}} ${STEIN_SIMD_FLAGS})
  target_compile_definitions(${target} PRIVATE STEIN_UNIT=${level})
  if(STEIN_HAVE_XSIMD)
    target_link_libraries(${target} PRIVATE xsimd)
    target_compile_definitions(${target} PRIVATE STEIN_HAVE_XSIMD=1)
  endif()
endfunction()

set(level_objects "")
foreach(level IN LISTS STEIN_LEVELS)
  set(sources ${simd_sources} ${STEIN_OP_LEVEL_SOURCES_${level}})
  if(NOT sources)
    continue()
  endif()
  add_library(stein_${level} OBJECT ${sources})
  stein_level_options(stein_${level} ${level})
  list(APPEND level_objects $<TARGET_OBJECTS:stein_${level}>)
endforeach()

add_library(stein STATIC ${host_sources} ${STEIN_OP_HOST_SOURCES} "${STEIN_GENERATED}/build_info.cpp"
            "${STEIN_GENERATED}/graph_page.cpp" ${level_objects})
add_library(stein::stein ALIAS stein)
target_compile_features(stein PUBLIC cxx_std_20)
target_include_directories(stein PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:include/stein>)
target_compile_options(stein PRIVATE ${STEIN_BASELINE_FLAGS})
target_compile_definitions(stein PRIVATE ${definitions})
if(STEIN_HAVE_XSIMD)
  target_compile_definitions(stein PRIVATE STEIN_HAVE_XSIMD=1)
endif()
target_link_libraries(stein PRIVATE $<BUILD_INTERFACE:stein_flags> $<BUILD_INTERFACE:nlohmann_json::nlohmann_json> ${libraries})
if(STEIN_SANITIZE)
  target_link_options(stein PUBLIC -fsanitize=${stein_sanitizers})
endif()
