# SPDX-License-Identifier: MIT
# One static library from all layers. Files named *.simd.cpp, and the kernels of the elementwise ops, are compiled once per SIMD
# level in object libraries stein_<level>; only *.gemm.simd.cpp may contract a*b+c into an fma. Files named *.device.cpp, and the
# elementwise ops once more, are kernels of devices: compiled for the simulated one in stein_sim, by nvcc in stein_cuda.

set(STEIN_LAYERS tensor autograd ops nn smld)
set(host_sources "")
set(simd_sources "")
set(device_sources "")
foreach(layer IN LISTS STEIN_LAYERS)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${layer}/*.cpp")
  foreach(source IN LISTS sources)
    if(source MATCHES "\\.simd\\.cpp$")
      list(APPEND simd_sources "${source}")
    elseif(source MATCHES "\\.device\\.cpp$")
      list(APPEND device_sources "${source}")
    else()
      list(APPEND host_sources "${source}")
    endif()
    file(STRINGS "${source}" json REGEX "#include <nlohmann/" LIMIT_COUNT 1)
    if(json)  # takes half the time to compile, and reading a configuration is never hot
      set_source_files_properties("${source}" PROPERTIES COMPILE_OPTIONS "$<$<CONFIG:Release>:${STEIN_COLD_FLAGS}>")
    endif()
    if(source MATCHES "\\.gemm\\.simd\\.cpp$")
      set_source_files_properties("${source}" PROPERTIES COMPILE_OPTIONS -ffp-contract=fast)
    endif()
  endforeach()
endforeach()

# What was built, for `stein info`.
string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
list(JOIN STEIN_LEVELS " " levels)
set(STEIN_HAVE_CUDA ${STEIN_CUDA})
foreach(feature PNG JPEG XSIMD CUDA)
  string(TOLOWER "${STEIN_HAVE_${feature}}" have_${feature})
  string(REPLACE "on" "true" have_${feature} "${have_${feature}}")
  string(REPLACE "off" "false" have_${feature} "${have_${feature}}")
endforeach()
stein_write_if_changed("${STEIN_GENERATED}/build_info.cpp" "#include \"tensor/detail/build_info.h\"

const stein::detail::BuildInfo& stein::detail::build_info() {
  static const BuildInfo info{\"${PROJECT_VERSION}\", \"${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}\", \"${CMAKE_BUILD_TYPE}\", \"${levels}\",
                              \"${STEIN_SANITIZE}\", ${have_PNG}, ${have_JPEG}, ${have_XSIMD}, ${have_CUDA}};
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

# The kernels of devices, for the simulated one (tensor/kernel.h).
function(stein_sim_options target)
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${target} PRIVATE stein_flags)
  target_compile_options(${target} PRIVATE ${STEIN_BASELINE_FLAGS} $<$<CONFIG:Release>:${STEIN_COLD_FLAGS}>)
  target_compile_definitions(${target} PRIVATE STEIN_UNIT=sim STEIN_DEVICE_UNIT=1)
endfunction()
add_library(stein_sim OBJECT ${device_sources} ${STEIN_OP_DEVICE_SOURCES})
stein_sim_options(stein_sim)
list(APPEND level_objects $<TARGET_OBJECTS:stein_sim>)

# The same sources by nvcc, which goes by a file's name; without contraction, so that sums and products have the cpu's bits.
if(STEIN_CUDA)
  file(GLOB_RECURSE cuda_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tensor/*.cu" "${PROJECT_SOURCE_DIR}/ops/*.cu")
  foreach(source IN LISTS device_sources STEIN_OP_DEVICE_SOURCES)
    get_filename_component(name "${source}" NAME_WE)
    stein_write_if_changed("${STEIN_GENERATED}/${name}.cu" "#include \"${source}\"\n")
    list(APPEND cuda_sources "${STEIN_GENERATED}/${name}.cu")
  endforeach()
  add_library(stein_cuda OBJECT ${cuda_sources})
  target_include_directories(stein_cuda PRIVATE "${PROJECT_SOURCE_DIR}" "${STEIN_CUDNN_INCLUDE}")
  target_compile_options(stein_cuda PRIVATE --fmad=false --expt-relaxed-constexpr -Xcompiler=-Wall,-Wextra)
  target_compile_definitions(stein_cuda PRIVATE STEIN_UNIT=cuda STEIN_DEVICE_UNIT=1)
  set_target_properties(stein_cuda PROPERTIES CUDA_STANDARD 20 CUDA_EXTENSIONS OFF
                        CUDA_COMPILER_LAUNCHER "${PROJECT_SOURCE_DIR}/cmake/keep_ptxas_report")
  list(APPEND level_objects $<TARGET_OBJECTS:stein_cuda>)
  list(APPEND libraries CUDA::cudart CUDA::cublas CUDA::cusolver "${STEIN_CUDNN_LIBRARY}")
endif()

add_library(stein STATIC ${host_sources} ${STEIN_OP_HOST_SOURCES} "${STEIN_GENERATED}/build_info.cpp"
            "${STEIN_GENERATED}/graph_page.cpp" ${level_objects})
add_library(stein::stein ALIAS stein)
target_compile_features(stein PUBLIC cxx_std_20)
target_include_directories(stein PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:include/stein>)
target_compile_options(stein PRIVATE ${STEIN_BASELINE_FLAGS})
target_compile_definitions(stein PRIVATE ${definitions} PUBLIC $<$<BOOL:${STEIN_CUDA}>:STEIN_HAVE_CUDA=1>)
if(STEIN_HAVE_XSIMD)
  target_compile_definitions(stein PRIVATE STEIN_HAVE_XSIMD=1)
endif()
target_link_libraries(stein PRIVATE $<BUILD_INTERFACE:stein_flags> $<BUILD_INTERFACE:nlohmann_json::nlohmann_json> ${libraries})
if(STEIN_SANITIZE)
  target_link_options(stein PUBLIC -fsanitize=${stein_sanitizers})
endif()
