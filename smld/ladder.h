// SPDX-License-Identifier: MIT
#pragma once

#include "tensor/tensor.h"

namespace stein::smld {

/// Noise levels sigma_1 > ... > sigma_L in geometric progression: (levels), computed in f64 and then rounded to `dtype`, as the
/// published code does. Level 0 is the largest. Throws Error unless sigma_max >= sigma_min > 0 and levels >= 1.
Tensor geometric_ladder(double sigma_max, double sigma_min, std::int64_t levels, DType dtype = f32);

/// sigma of each sample, shaped to multiply the samples: level (B) i64, each in [0, L) -> (B, 1, ..., 1) of rank `rank`.
Tensor sigma_of(const Tensor& ladder, const Tensor& level, int rank);

}  // namespace stein::smld
