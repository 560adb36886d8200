// SPDX-License-Identifier: MIT
// What reductions share.
#pragma once

#include <functional>

#include "ops/detail/axis_device.h"
#include "tensor/tensor.h"

namespace stein {

/// in (outer, n, inner) -> out (outer, inner), both row-major.
using ReducePass =
    std::function<void(const Tensor& in, Tensor& out, std::int64_t outer, std::int64_t n, std::int64_t inner)>;
/// Reduces over `axes` (negative), a pass for every group of axes that are neighbours in MEMORY. The passes depend on
/// shape and layout alone. The result has x's dtype.
Tensor reduce_by_passes(const Tensor& x, const Axes& axes, bool keepdim, const ReducePass& pass);

/// A pass of reduce_by_passes by a device's kernel; `second` is null but for sums of products.
void reduce_on_device(kernels::Reduction what, const Tensor& in, const Tensor* second, Tensor& out, std::int64_t outer,
                      std::int64_t n, std::int64_t inner);

/// Plain sum over `axes` (negative), not recorded. The order of additions depends on the shape alone.
Tensor reduce_sum(const Tensor& x, const Axes& axes, bool keepdim);

/// Puts axes of size 1 back at the (negative, sorted) positions that a reduction without keepdim removed.
Tensor with_axes(const Tensor& reduced, const Axes& axes);

/// Shape of x without `axes` (negative), or with size 1 there.
Shape reduced_shape(const Shape& shape, const Axes& axes, bool keepdim);

/// Product of the sizes of x's `axes`.
std::int64_t reduced_count(const Shape& shape, const Axes& axes);

/// 1 / y, and 0 with derivative 0 where y is 0: what PyTorch's norm and std do at their kink.
Tensor inverse_or_zero(const Tensor& y);

}  // namespace stein
