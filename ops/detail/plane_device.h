// SPDX-License-Identifier: MIT
// Kernels of devices over planes: images (n, pixels, c), that is channels-last, and one value for each plane (n, c), contiguous. A plane
// is one channel of one image. dtypes f32 and f64. With `gate`, the result of an ELU, g stands for the cotangent before that ELU.
#pragma once

#include <cstdint>

#include "tensor/device_kernel.h"

namespace stein::kernels {

/// The mean and 1 / sqrt(the biased variance + eps) of each plane, in one pass (Welford, combined by Chan's formula). NaN without pixels.
struct DevicePlaneMomentsArgs {
  bool f64;
  std::int64_t n, pixels, c;
  double eps;
  const void* x;
  void *mean, *rstd;
};

/// sums (n, c) of g and of g (y - center) over the pixels.
struct DevicePlaneSumsArgs {
  bool f64;
  std::int64_t n, pixels, c;
  const void *g, *gate;  ///< gate: or null
  const void *y, *center;
  void *sum_g, *sum_gy;
};

/// a g + b (y - center) + offset, summed in this order, or ELU of it. Without g and a: b (y - center) + offset.
struct DevicePlaneAffineArgs {
  bool f64;
  std::int64_t n, pixels, c;
  const void *g, *gate, *a;  ///< g and a, gate: or null
  const void *y, *b, *center, *offset;
  bool elu;
  void* out;
};

/// Of conditional instance norm ++ (ops/network/instance_norm_plus.op.h), what plane_affine needs: y = b (x - mean) + offset. rows (n, 3 c).
struct DeviceNormPlusArgs {
  bool f64;
  std::int64_t n, c;
  double eps;
  const void *mean, *rstd, *rows;
  void *b, *offset;
};

/// The same of its derivative: g_x = a g + b (x - mean) + offset, from sums of g and g (x - mean); and g_rows (n, 3 c).
struct DeviceNormPlusBackwardArgs {
  bool f64;
  std::int64_t n, pixels, c;
  double eps;
  const void *sum_g, *sum_gx, *mean, *rstd, *rows, *g_mean, *g_rstd;
  void *a, *b, *offset, *g_rows;
};

}  // namespace stein::kernels

STEIN_DEVICE_KERNEL(device_plane_moments, void(const DevicePlaneMomentsArgs& args))
STEIN_DEVICE_KERNEL(device_plane_sums, void(const DevicePlaneSumsArgs& args))
STEIN_DEVICE_KERNEL(device_plane_affine, void(const DevicePlaneAffineArgs& args))
STEIN_DEVICE_KERNEL(device_norm_plus, void(const DeviceNormPlusArgs& args))
STEIN_DEVICE_KERNEL(device_norm_plus_backward, void(const DeviceNormPlusBackwardArgs& args))
