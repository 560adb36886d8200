# SPDX-License-Identifier: MIT
# Options, and the interface target stein_flags that carries the flags of every unit of this project.

option(STEIN_TESTS "Build the tests (needs Catch2 2.13)" ${PROJECT_IS_TOP_LEVEL})
option(STEIN_WERROR "Warnings are errors" OFF)
option(STEIN_CUDA "Build the CUDA device (needs nvcc, cuBLAS, cuSOLVER and cuDNN 9)" OFF)
set(STEIN_SANITIZE "" CACHE STRING "Sanitizers, a list: address;undefined or thread")
set(STEIN_SIMD "" CACHE STRING "generic: one SIMD level, for builds whose speed does not matter; empty: all of this processor's family")
if(NOT STEIN_SIMD MATCHES "^(generic)?$")
  message(FATAL_ERROR "expected STEIN_SIMD=generic or nothing; got ${STEIN_SIMD}. A program that is built chooses its level at start: "
                      "STEIN_SIMD=v2 in its environment")
endif()
foreach(extra PNG JPEG XSIMD PROGRAM)
  option(STEIN_WITH_${extra} "Use ${extra} where it is found" ON)
endforeach()

if(STEIN_CUDA)
  include(cmake/cuda.cmake)
endif()

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
# Host code gains nothing measurable from -O3 and compiles slower; the SIMD units ask for -O3 themselves.
if(CMAKE_CXX_FLAGS_RELEASE STREQUAL "-O3 -DNDEBUG")
  set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
endif()
set(CMAKE_CXX_EXTENSIONS OFF)

add_library(stein_flags INTERFACE)
target_compile_features(stein_flags INTERFACE cxx_std_20)
# No contraction outside GEMM and convolution kernels: results must not depend on the compiler's mood.
target_compile_options(stein_flags INTERFACE -ffp-contract=off)
if(PROJECT_IS_TOP_LEVEL)
  target_compile_options(stein_flags INTERFACE -Wall -Wextra -Wpedantic $<$<BOOL:${STEIN_WERROR}>:-Werror>)
endif()

# Level names are used in file names, in -DSTEIN_UNIT=<level> and as namespaces. Never -march=native: machines change.
# ThreadSanitizer looks at the pool and not at kernels: one level.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$" AND NOT STEIN_SIMD STREQUAL "generic" AND NOT STEIN_SANITIZE MATCHES "thread")
  set(STEIN_LEVELS v2 v3 v4)
  target_compile_definitions(stein_flags INTERFACE STEIN_LEVELS_X86=1)
  set(STEIN_BASELINE_FLAGS -march=x86-64-v2)
  set(STEIN_LEVEL_FLAGS_v2 -march=x86-64-v2)
  set(STEIN_LEVEL_FLAGS_v3 -march=x86-64-v3)
  set(STEIN_LEVEL_FLAGS_v4 -march=x86-64-v4 -mprefer-vector-width=512)
else()
  set(STEIN_LEVELS generic)
  target_compile_definitions(stein_flags INTERFACE STEIN_LEVELS_GENERIC=1)
  set(STEIN_BASELINE_FLAGS "")
  set(STEIN_LEVEL_FLAGS_generic "")
endif()
# Code that is never hot: tests, the program's options and reports.
set(STEIN_COLD_FLAGS -O1)

# Optimise the SIMD units unless the build type asks for none.
# Loops with square roots and selections vectorise only where nobody looks at errno or at exception flags; values stay the same.
set(STEIN_SIMD_FLAGS $<$<CONFIG:Release,RelWithDebInfo>:-O3> -fno-math-errno -fno-trapping-math)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 sees uninitialised values in its own AVX-512 headers.
  list(APPEND STEIN_SIMD_FLAGS -Wno-uninitialized -Wno-maybe-uninitialized)
endif()

if(STEIN_SANITIZE)
  string(REPLACE ";" "," stein_sanitizers "${STEIN_SANITIZE}")
  string(REPLACE "+" "," stein_sanitizers "${stein_sanitizers}")
  set(stein_sanitize_flags -fsanitize=${stein_sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  target_compile_options(stein_flags INTERFACE ${stein_sanitize_flags})
  target_link_options(stein_flags INTERFACE -fsanitize=${stein_sanitizers})
  # The checks are the point, and instrumented code takes half the time to compile at -O0; loops over data would take too long to run.
  set(CMAKE_CXX_FLAGS_RELEASE "-O0 -DNDEBUG")
  set(STEIN_COLD_FLAGS -O0)
  list(TRANSFORM STEIN_SIMD_FLAGS REPLACE "-O3" "-O1")
endif()
