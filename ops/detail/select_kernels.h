// SPDX-License-Identifier: MIT
// The largest and the smallest of many; NaN wins.
#pragma once

#include <cstdint>

#include "tensor/simd.h"

// in (outer, n, inner) -> out (outer, inner), n > 0.
STEIN_SIMD_KERNEL(max_f32, void(const float* in, float* out, std::int64_t outer, std::int64_t n, std::int64_t inner))
STEIN_SIMD_KERNEL(max_f64, void(const double* in, double* out, std::int64_t outer, std::int64_t n, std::int64_t inner))
STEIN_SIMD_KERNEL(min_f32, void(const float* in, float* out, std::int64_t outer, std::int64_t n, std::int64_t inner))
STEIN_SIMD_KERNEL(min_f64, void(const double* in, double* out, std::int64_t outer, std::int64_t n, std::int64_t inner))
