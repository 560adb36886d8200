// SPDX-License-Identifier: MIT
// bf16, the upper half of an f32: 8 bits of exponent, 7 of mantissa. What products on devices keep their factors in where
// AllowBF16 lets them (tensor/device_math.h).
#pragma once

#include <bit>
#include <cstdint>

#include "tensor/device_kernel.h"

namespace stein::detail {

/// The nearest bf16, of two the one that ends in 0; a NaN stays one.
constexpr std::uint16_t to_bf16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if (x != x)
    return static_cast<std::uint16_t>((bits >> 16) | 0x40u);  // whose lower half may be all that made it a NaN
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

/// The f32 of the same value.
constexpr float from_bf16(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }

}  // namespace stein::detail

namespace stein::kernels {

/// n elements next to each other: f32 to bf16, or back.
struct Bf16Args {
  bool back;
  const void* from;
  void* to;
  std::int64_t n;
};

}  // namespace stein::kernels

STEIN_DEVICE_KERNEL(device_bf16, void(const Bf16Args& args))
