// SPDX-License-Identifier: MIT
// Sums of squares over many arrays on a device.
#pragma once

#include <cstdint>

#include "tensor/device_kernel.h"

namespace stein::kernels {

inline constexpr int kMostSquares = 1024;            // arrays of a launch: their list fits into a kernel's parameters
inline constexpr std::int64_t kSquaresPiece = 4096;  // elements that a block takes at a time

/// Elements f32 or f64, as the call says.
struct SquaresArray {
  const void* x;
  std::int64_t n;
};
struct SquaresArgs {
  bool f64;
  const SquaresArray* arrays;
  int count;    ///< at most kMostSquares
  double* out;  ///< on the device, a sum for each block: they add up to the sum of squares
  std::int64_t blocks;
};

}  // namespace stein::kernels

STEIN_DEVICE_KERNEL(device_sum_squares, void(const SquaresArgs& args))
