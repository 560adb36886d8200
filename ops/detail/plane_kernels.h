// SPDX-License-Identifier: MIT
// Kernels over planes: data are (n, pixels, c) contiguous, that is channels-last images, and one plane is the pixels of one
// image and channel. Coefficients and results with one value for each plane are (n, c) contiguous. Work items are images.
//
// What norms are made of: plane_moments, then plane_affine with y = x, center = mean, b = gamma * rstd and offset = the rest;
// backward, plane_sums of (g, x, center = mean) and plane_affine with x = g. A conv's bias gradient is plane_sums of g.
#pragma once

#include <cstdint>

#include "tensor/simd.h"

namespace stein::kernels {

template <class T>
struct PlaneMomentsArgs {
  int64_t n, pixels, c;
  const T* x;
  T* mean;      ///< NaN when pixels == 0
  T* variance;  ///< biased; two passes
  int64_t begin, end;
  void* scratch;  ///< plane_scratch_bytes, 64-byte aligned
};

template <class T>
struct PlaneSumsArgs {
  int64_t n, pixels, c;
  const T* x;
  const T* y;       ///< null: no sum_xy
  const T* center;  ///< of y; null: 0
  T* sum_x;         ///< sum of x; null: not wanted
  T* sum_xy;        ///< sum of x * (y - center)
  int64_t begin, end;
  void* scratch;
};

enum class PlaneActivation : int { kNone, kElu };

/// out = activation(a * x + b * (y - center) + offset), summed in this order. x, y, center and offset may be null (absent);
/// a or b null stand for 1. out may be x or y.
template <class T>
struct PlaneAffineArgs {
  int64_t n, pixels, c;
  const T *x, *a;
  const T *y, *b, *center;
  const T* offset;
  PlaneActivation activation;
  T* out;
  int64_t begin, end;
  void* scratch;
};

}  // namespace stein::kernels

STEIN_SIMD_KERNEL(plane_scratch_bytes, int64_t(int64_t c, int64_t element_size))
STEIN_SIMD_KERNEL(plane_moments_f32, void(const PlaneMomentsArgs<float>& args))
STEIN_SIMD_KERNEL(plane_moments_f64, void(const PlaneMomentsArgs<double>& args))
STEIN_SIMD_KERNEL(plane_sums_f32, void(const PlaneSumsArgs<float>& args))
STEIN_SIMD_KERNEL(plane_sums_f64, void(const PlaneSumsArgs<double>& args))
STEIN_SIMD_KERNEL(plane_affine_f32, void(const PlaneAffineArgs<float>& args))
STEIN_SIMD_KERNEL(plane_affine_f64, void(const PlaneAffineArgs<double>& args))
