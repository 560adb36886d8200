// SPDX-License-Identifier: MIT
// Tensors of f32 on a device and their copies in bf16.
#pragma once

#include "tensor/detail/bf16.h"
#include "tensor/device_math.h"
#include "tensor/tensor.h"

namespace stein::detail {

/// Whether products of such tensors keep their factors in bf16.
inline bool factors_in_bf16(DType dtype, const Device& device) {
  return dtype == f32 && device != cpu && device_math.factors == Factors::bf16;
}

/// The elements of t, without gaps in memory, as bf16 in the order of memory: two bytes of the u8 result each.
inline Tensor to_bf16(const Tensor& t) {
  Tensor bits = empty({2 * t.numel()}, u8, t.device());
  kernels::device_bf16(t.device())({false, t.raw(), const_cast<void*>(bits.raw()), t.numel()});
  return bits;
}

/// Back into `out`, as large and without gaps.
inline void from_bf16(const Tensor& bits, Tensor& out) {
  kernels::device_bf16(out.device())({true, bits.raw(), const_cast<void*>(out.raw()), out.numel()});
}

}  // namespace stein::detail
