# SPDX-License-Identifier: MIT
# STEIN_CUDA=ON: the compiler and the libraries of the CUDA device.

set(CMAKE_CUDA_ARCHITECTURES "80-real;90-real;100" CACHE STRING "Compute capabilities, the last also as PTX")
find_program(STEIN_NVCC nvcc HINTS ENV CUDA_PATH /usr/local/cuda PATH_SUFFIXES bin)
if(CMAKE_CUDA_COMPILER)
  set(STEIN_NVCC "${CMAKE_CUDA_COMPILER}")
endif()
if(NOT EXISTS "${STEIN_NVCC}")
  message(FATAL_ERROR "STEIN_CUDA=ON: no nvcc (looked in PATH and /usr/local/cuda); give -DCMAKE_CUDA_COMPILER=<path of nvcc>, or leave "
                      "STEIN_CUDA off")
endif()
set(CMAKE_CUDA_COMPILER "${STEIN_NVCC}")
if(NOT CMAKE_CUDA_HOST_COMPILER)
  set(CMAKE_CUDA_HOST_COMPILER "${CMAKE_CXX_COMPILER}")
endif()
enable_language(CUDA)
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know that nvcc takes C++20 since 12.0
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
endif()
find_package(CUDAToolkit REQUIRED)
if(CUDAToolkit_VERSION VERSION_LESS 12.1)
  message(FATAL_ERROR "STEIN_CUDA=ON: CUDA 12.1 or later (12.8 or later for compute capability 10.0); got ${CUDAToolkit_VERSION}")
endif()

find_path(STEIN_CUDNN_INCLUDE cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
find_library(STEIN_CUDNN_LIBRARY cudnn HINTS ${CUDAToolkit_LIBRARY_DIR} ${CUDAToolkit_LIBRARY_ROOT}/lib)
if(NOT STEIN_CUDNN_INCLUDE OR NOT STEIN_CUDNN_LIBRARY)
  message(FATAL_ERROR "STEIN_CUDA=ON: no cuDNN 9 (cudnn.h, libcudnn.so); give -DSTEIN_CUDNN_INCLUDE=<folder> "
                      "-DSTEIN_CUDNN_LIBRARY=<file>, or leave STEIN_CUDA off")
endif()
