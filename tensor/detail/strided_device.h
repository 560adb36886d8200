// SPDX-License-Identifier: MIT
// Strided copies and fills on devices.
#pragma once

#include <cstdint>

#include "tensor/detail/index_map.h"
#include "tensor/device_kernel.h"

namespace stein::kernels {

/// to[..] = from[..] for n elements of 1, 4 or 8 bytes; operand 0 of the map is `to`, 1 is `from`.
struct StridedCopyArgs {
  int element_size;
  std::int64_t n;
  detail::IndexMap<2> map;
  void* to;
  const void* from;
};

/// to[..] = the element whose bytes are the first of `value`.
struct StridedFillArgs {
  int element_size;
  std::int64_t n;
  detail::IndexMap<1> map;
  void* to;
  std::uint64_t value;
};

}  // namespace stein::kernels

STEIN_DEVICE_KERNEL(strided_copy, void(const StridedCopyArgs& args))
STEIN_DEVICE_KERNEL(strided_fill, void(const StridedFillArgs& args))
