// SPDX-License-Identifier: MIT
// Kernels of devices on images, which lie channels-last: (n, h, w, c). dtypes f32 and f64. A thread makes one element,
// a block a few weights of a filter.
#pragma once

#include <cstdint>

#include "ops/detail/conv_kernels.h"
#include "ops/detail/pool_kernels.h"
#include "ops/detail/resample_kernels.h"
#include "tensor/device_kernel.h"

namespace stein::kernels {

enum class ConvPart : int { forward, input, filter };

/// The three of a convolution, directly, where no library does it (device_dnn.h). A filter (o, c / groups, kh, kw) is read by its
/// strides, its gradient lies channels-last.
///   forward: a = x, b = w, bias or null -> out = y;  input: a = g, b = w -> out = gx;  filter: a = x, b = g -> out = gw.
struct DeviceConvArgs {
  ConvPart part;
  bool f64;
  ConvShape shape;
  std::int64_t weight_stride[4];  ///< of w, in elements
  const void *a, *b, *bias;
  void* out;
};

struct DevicePoolArgs {
  enum What : int { average, average_adjoint, largest } what;
  bool f64, count_include_pad;
  PoolShape shape;
  const void* in;
  void* out;
  std::int64_t* index;  ///< of the largest: h * w_count + w
};

/// Upsampling, or its adjoint (ops/detail/resample_kernels.h); the tables lie on the device.
struct DeviceResampleArgs {
  struct Range {
    std::int64_t begin, end;
  };
  bool f64, adjoint;
  std::int64_t n, c, h, w, ho, wo;
  const ResampleTap *rows, *cols;  ///< ho and wo of them
  const Range *of_rows, *of_cols;  ///< of the adjoint, h and w of them: the results that read a position
  const void* in;
  void* out;
};

}  // namespace stein::kernels

STEIN_DEVICE_KERNEL(device_conv, void(const DeviceConvArgs& args))
STEIN_DEVICE_KERNEL(device_pool, void(const DevicePoolArgs& args))
STEIN_DEVICE_KERNEL(device_resample, void(const DeviceResampleArgs& args))
