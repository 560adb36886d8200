// SPDX-License-Identifier: MIT
// Upsampling, nearest and bilinear, to any size, on raw channels-last memory. Along each axis a result is a mixture of two
// source positions, or equal to one; a table says which:
//     line[p] = (1 - weight[p]) * source[first[p]] + weight[p] * source[second[p]]      (weight 0: the first alone)
#pragma once

#include <cstdint>

#include "tensor/simd.h"

namespace stein::kernels {

struct ResampleTap {
  int64_t first, second;
  double weight;
};

enum class ResampleMode : int { kNearest, kBilinear, kBilinearAlignCorners };

/// Fills taps[0, out) as PyTorch does: nearest floor(p * in / out) in single precision; bilinear (p + 1/2) * in / out - 1/2,
/// not below 0, or with aligned corners p * (in - 1) / (out - 1). in and out are at least 1.
void resample_taps(int64_t in, int64_t out, ResampleMode mode, ResampleTap* taps);

template <class T>
struct ResampleArgs {
  int64_t n, c, h, w, ho, wo;      ///< x is (n, h, w, c), y is (n, ho, wo, c)
  const ResampleTap *rows, *cols;  ///< ho and wo of them
  const T* src;                    ///< x, or g for the adjoint
  T* dst;                          ///< y, or gx for the adjoint
  int64_t begin, end;              ///< items: rows of y, n * ho; for the adjoint images, n
  void* scratch;                   ///< resample_scratch_bytes, 64-byte aligned
};

}  // namespace stein::kernels

STEIN_SIMD_KERNEL(resample_scratch_bytes, int64_t(int64_t c, int64_t w, int64_t element_size))
STEIN_SIMD_KERNEL(resample_f32, void(const ResampleArgs<float>& args))
STEIN_SIMD_KERNEL(resample_f64, void(const ResampleArgs<double>& args))
STEIN_SIMD_KERNEL(resample_adjoint_f32, void(const ResampleArgs<float>& args))
STEIN_SIMD_KERNEL(resample_adjoint_f64, void(const ResampleArgs<double>& args))
