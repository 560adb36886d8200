// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "tensor/simd.h"

// out[r] = sum over j of in[r * n + j], r < rows. Eight packs of running sums, added pairwise at the end.
STEIN_SIMD_KERNEL(sum_rows_f32, void(const float* in, float* out, std::int64_t rows, std::int64_t n))
STEIN_SIMD_KERNEL(sum_rows_f64, void(const double* in, double* out, std::int64_t rows, std::int64_t n))
// out[i] = sum over j of in[j * inner + i], i < inner.
STEIN_SIMD_KERNEL(sum_columns_f32, void(const float* in, float* out, std::int64_t n, std::int64_t inner))
STEIN_SIMD_KERNEL(sum_columns_f64, void(const double* in, double* out, std::int64_t n, std::int64_t inner))
// out[i] = sum over j of a[j * inner + i] * b[j * inner + i], i < inner; bit by bit what the sums of stored products are.
STEIN_SIMD_KERNEL(dot_columns_f32, void(const float* a, const float* b, float* out, std::int64_t n, std::int64_t inner))
STEIN_SIMD_KERNEL(dot_columns_f64,
                  void(const double* a, const double* b, double* out, std::int64_t n, std::int64_t inner))
