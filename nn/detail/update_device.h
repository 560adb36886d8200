// SPDX-License-Identifier: MIT
// The updates of nn/detail/update_kernels.h on devices, those of many parameters in one launch.
#pragma once

#include <cstddef>

#include "nn/detail/update_kernels.h"
#include "tensor/device_kernel.h"

namespace stein::kernels {

/// Row-major arrays of n elements each; null where there is none.
struct UpdateArrays {
  std::int64_t n;
  void* p;        ///< the parameter
  const void* g;  ///< its gradient
  void *m, *v;    ///< the rule's state
  void* average;
};
/// f32 or f64.
struct UpdateArgs {
  bool f64;
  const nn::detail::UpdateRule& rule;
  double weight;  ///< average += weight (p - average)
  const UpdateArrays* arrays;
  std::size_t count;
};

}  // namespace stein::kernels

STEIN_DEVICE_KERNEL(device_update, void(const UpdateArgs& args))
