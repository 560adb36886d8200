// SPDX-License-Identifier: MIT
// What reductions share.
#pragma once

#include "tensor/tensor.h"

namespace stein {

/// Plain sum over `axes` (negative), not recorded. The order of additions depends on the shape alone.
Tensor reduce_sum(const Tensor& x, const Axes& axes, bool keepdim);

/// Puts axes of size 1 back at the (negative, sorted) positions that a reduction without keepdim removed.
Tensor with_axes(const Tensor& reduced, const Axes& axes);

/// Shape of x without `axes` (negative), or with size 1 there.
Shape reduced_shape(const Shape& shape, const Axes& axes, bool keepdim);

}  // namespace stein
