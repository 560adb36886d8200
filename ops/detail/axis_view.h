// SPDX-License-Identifier: MIT
#pragma once

#include "tensor/tensor.h"

namespace stein::detail {

/// A row-major tensor seen around one of its axes: outer x n x inner.
struct AxisView {
  std::int64_t outer, n, inner;
};
inline AxisView around(const Shape& shape, int negative_axis) {
  const int a = shape.rank() + negative_axis;
  return {numel(shape.slice(0, a)), shape[a], numel(shape.slice(a + 1, shape.rank()))};
}

/// The same elements in row-major order, without history.
inline Tensor rows_of(const Tensor& x) { return x.is_contiguous() ? x.detach() : detail::dense_copy(x); }

/// Throws Error in the name of `op` when an element of `index` (i64, row-major) is not in [0, size); on a device, where to look
/// would be to wait, the kernel does that (tensor/detail/index_fault.h).
void check_index(const char* op, const Tensor& index, std::int64_t size);

}  // namespace stein::detail
