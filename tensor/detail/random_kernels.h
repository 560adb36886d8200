// SPDX-License-Identifier: MIT
// The inner loops of random draws, per SIMD level. A draw is a sequence of blocks of four 32-bit words; f32 elements take
// one word each, f64 elements two. `first` is the number of the block that holds element 0.
#pragma once

#include <cstdint>

#include "tensor/simd.h"

STEIN_SIMD_KERNEL(random_uniform_f32,
                  void(std::uint64_t key, std::uint64_t first, float* out, std::int64_t n, float low, float high))
STEIN_SIMD_KERNEL(random_uniform_f64,
                  void(std::uint64_t key, std::uint64_t first, double* out, std::int64_t n, double low, double high))
STEIN_SIMD_KERNEL(random_normal_f32,
                  void(std::uint64_t key, std::uint64_t first, float* out, std::int64_t n, float mean, float deviation))
STEIN_SIMD_KERNEL(random_normal_f64, void(std::uint64_t key, std::uint64_t first, double* out, std::int64_t n,
                                          double mean, double deviation))
STEIN_SIMD_KERNEL(random_sign_f32, void(std::uint64_t key, std::uint64_t first, float* out, std::int64_t n))
STEIN_SIMD_KERNEL(random_sign_f64, void(std::uint64_t key, std::uint64_t first, double* out, std::int64_t n))
