// SPDX-License-Identifier: MIT
// Kernels over planes: data are (n, pixels, c) contiguous, that is channels-last images, and one plane is the pixels of one
// image and channel. Coefficients and results with one value for each plane are (n, c) contiguous. Work items are images.
#pragma once

#include <cstdint>

#include "tensor/simd.h"

namespace stein::kernels {

/// sum_x = the sum of x, sum_xy = the sum of x * (y - center).
template <class T>
struct PlaneSumsArgs {
  int64_t n, pixels, c;
  const T *x, *y, *center;
  T *sum_x, *sum_xy;
  int64_t begin, end;
  void* scratch;  ///< plane_scratch_bytes, 64-byte aligned
};

/// out = a * x + b * (y - center) + offset, summed in this order. out may be x or y.
template <class T>
struct PlaneAffineArgs {
  int64_t n, pixels, c;
  const T *x, *a;
  const T *y, *b, *center;
  const T* offset;
  T* out;
  int64_t begin, end;
  void* scratch;
};

/// Conditional instance norm ++ (see ops/network/planes.op.h), an image after the other, so that memory is read and written once.
/// A row of `rows` (n, 3 c) holds gamma, alpha and beta of an image.
template <class T>
struct NormPlusArgs {
  int64_t n, pixels, c;
  const T *x, *rows;
  double eps;
  bool elu;            ///< y goes through ELU
  T *y, *mean, *rstd;  ///< the mean is NaN when pixels == 0
  int64_t begin, end;
  void* scratch;
};

/// Its cotangents, from those of y, mean and rstd.
template <class T>
struct NormPlusBackwardArgs {
  int64_t n, pixels, c;
  const T* g;
  const T* y;  ///< after ELU; null without ELU
  const T *x, *rows, *mean, *rstd, *g_mean, *g_rstd;
  double eps;
  T *g_x, *g_rows;
  int64_t begin, end;
  void* scratch;
};

/// The cotangents of what NormPlusBackward takes, from those of its results: h of g_x and h_rows of g_rows.
template <class T>
struct NormPlusSecondArgs {
  int64_t n, pixels, c;
  const T *h, *h_rows, *g;
  const T* y;  ///< after ELU; null without ELU
  const T *x, *rows, *mean, *rstd, *g_rstd;
  double eps;
  T *to_g, *to_g_mean, *to_g_rstd, *to_x, *to_rows, *to_mean, *to_rstd;
  T* to_y;  ///< null without ELU
  int64_t begin, end;
  void* scratch;
};

}  // namespace stein::kernels

STEIN_SIMD_KERNEL(plane_scratch_bytes, int64_t(int64_t c, int64_t element_size))
STEIN_SIMD_KERNEL(plane_sums_f32, void(const PlaneSumsArgs<float>& args))
STEIN_SIMD_KERNEL(plane_sums_f64, void(const PlaneSumsArgs<double>& args))
STEIN_SIMD_KERNEL(plane_affine_f32, void(const PlaneAffineArgs<float>& args))
STEIN_SIMD_KERNEL(plane_affine_f64, void(const PlaneAffineArgs<double>& args))
STEIN_SIMD_KERNEL(norm_plus_f32, void(const NormPlusArgs<float>& args))
STEIN_SIMD_KERNEL(norm_plus_f64, void(const NormPlusArgs<double>& args))
STEIN_SIMD_KERNEL(norm_plus_backward_f32, void(const NormPlusBackwardArgs<float>& args))
STEIN_SIMD_KERNEL(norm_plus_backward_f64, void(const NormPlusBackwardArgs<double>& args))
STEIN_SIMD_KERNEL(norm_plus_second_f32, void(const NormPlusSecondArgs<float>& args))
STEIN_SIMD_KERNEL(norm_plus_second_f64, void(const NormPlusSecondArgs<double>& args))
