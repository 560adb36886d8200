// SPDX-License-Identifier: MIT
// Random draws on devices: the same bits as on the cpu.
#pragma once

#include <cstdint>

#include "tensor/device_kernel.h"

namespace stein::kernels {

enum class Law : int { uniform /* in [a, b) */, normal /* mean a, deviation b */, sign };

/// n row-major elements from block `first` on.
struct DrawArgs {
  Law law;
  bool f64;
  std::uint64_t seed, first;
  std::int64_t n;
  double a, b;
  void* out;
};

}  // namespace stein::kernels

STEIN_DEVICE_KERNEL(device_draw, void(const DrawArgs& args))
