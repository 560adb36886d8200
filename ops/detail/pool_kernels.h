// SPDX-License-Identifier: MIT
// Pooling kernels on raw channels-last memory, (n, h, w, c) contiguous. Work items are rows of the result: n * ho of a forward
// kernel, n * h of avg_pool_adjoint. Every element of the result is written by one item.
#pragma once

#include <cstdint>

#include "tensor/simd.h"

namespace stein::kernels {

/// Windows of kh x kw over x (n, h, w, c), one for each pixel of y (n, ho, wo, c). Dilations are read by max_pool only.
struct PoolShape {
  int64_t n, c, h, w, ho, wo, kh, kw;
  int64_t stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
};

template <class T>
struct AvgPoolArgs {
  PoolShape shape;
  /// PyTorch's divisor: the window's pixels inside the padded image, or else inside the image.
  bool count_include_pad;
  const T* src;  ///< x, or g for the adjoint
  T* dst;        ///< y, or gx for the adjoint
  int64_t begin, end;
  void* scratch;  ///< avg_pool_scratch_bytes, 64-byte aligned
};

template <class T>
struct MaxPoolArgs {
  PoolShape shape;
  const T* x;
  T* y;
  /// h * w_count + w of the maximum: the first of equals, the last NaN if there is one (as PyTorch). Null: not wanted.
  int64_t* index;
  int64_t begin, end;
};

}  // namespace stein::kernels

STEIN_SIMD_KERNEL(avg_pool_scratch_bytes, int64_t(const PoolShape& shape, int64_t element_size))
STEIN_SIMD_KERNEL(avg_pool_f32, void(const AvgPoolArgs<float>& args))
STEIN_SIMD_KERNEL(avg_pool_f64, void(const AvgPoolArgs<double>& args))
STEIN_SIMD_KERNEL(avg_pool_adjoint_f32, void(const AvgPoolArgs<float>& args))
STEIN_SIMD_KERNEL(avg_pool_adjoint_f64, void(const AvgPoolArgs<double>& args))
STEIN_SIMD_KERNEL(max_pool_f32, void(const MaxPoolArgs<float>& args))
STEIN_SIMD_KERNEL(max_pool_f64, void(const MaxPoolArgs<double>& args))
