// SPDX-License-Identifier: MIT
// Ops that make norms of images cheap and keep them differentiable to any order. A plane is one channel of one image.
#pragma once

#include "tensor/tensor.h"

namespace stein {

/// sum over the plane of x, and of x * (y - center): x, y (..., N, C, H, W), center (..., N, C) -> two (..., N, C).
std::pair<Tensor, Tensor> plane_sums(const Tensor& x, const Tensor& y, const Tensor& center);

/// a x + b (y - center) + offset, in one pass: x, y (..., N, C, H, W); a, b, center, offset (..., N, C).
Tensor plane_affine(const Tensor& x, const Tensor& a, const Tensor& y, const Tensor& b, const Tensor& center,
                    const Tensor& offset);

/// Conditional instance norm ++ (ops.h) with gamma, alpha and beta of a sample side by side: x (N, C, H, W), coefficients (N, 3 C).
/// Forward and backward read and write each image once. Throws Error.
Tensor instance_norm_plus(const Tensor& x, const Tensor& coefficients, double eps = 1e-5);
/// elu of it, in the same pass.
Tensor instance_norm_plus_elu(const Tensor& x, const Tensor& coefficients, double eps = 1e-5);

}  // namespace stein
