// SPDX-License-Identifier: MIT
#pragma once

/// Of functions that kernels of devices call. Templates are constexpr instead, which nvcc takes for the same.
#if defined(__CUDACC__)
#define STEIN_HOST_DEVICE __host__ __device__
#else
#define STEIN_HOST_DEVICE
#endif
