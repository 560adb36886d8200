// SPDX-License-Identifier: MIT
// Collapsed Taylor mode (arXiv 2505.13644): along with every result u of the recorded graph go its derivatives J_r in a set of
// directions r, and L = sum_r d^2 u / dr^2, which needs no directions of its own: for v = g(u)
//     J_r' = g'(u) J_r,      L' = g'(u) L + sum_r g''(u)[J_r, J_r].
#pragma once

#include "tensor/tensor.h"

namespace stein::smld::detail {

struct Taylor {
  Tensor first;   ///< J, (rows,) + shape of y
  Tensor second;  ///< L, the shape of y
};
/// For y made from x (B, ...) and directions (rows,) + shape of x. Recorded when recording is on. An undefined result is zero.
Taylor push_taylor(const Tensor& y, const Tensor& x, const Tensor& directions);

/// Multiply-adds of the products that `rows` directions go through, and some for every pass over their results.
double taylor_flops(const Tensor& y, const Tensor& x, std::int64_t rows);

}  // namespace stein::smld::detail
