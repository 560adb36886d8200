// SPDX-License-Identifier: MIT
// Kernels of devices along one axis of a row-major tensor, outer x n x inner (ops/detail/axis_view.h).
#pragma once

#include <algorithm>
#include <cstdint>

#include "tensor/device_kernel.h"
#include "tensor/dtype.h"

namespace stein::kernels {

enum class Reduction : int { sum, product_sum /* of two inputs */, largest, smallest, any, all };

/// in (outer, n, inner) -> out (outer, inner).
struct ReduceArgs {
  Reduction what;
  DType dtype;
  std::int64_t outer, n, inner;
  const void *in, *second;  ///< second: of product_sum alone
  void* out;
  std::int64_t parts;  ///< ranges into which the axis is cut, reduce_parts(outer, n, inner)
  void* partial;       ///< (outer, parts, inner) elements, when there is more than one part
};
/// Long axes are cut where there would be too few blocks of threads for a device. A block has about 32 results, or one of inner == 1,
/// and of its part of the axis at least four elements a thread and pack.
inline std::int64_t reduce_parts(std::int64_t outer, std::int64_t n, std::int64_t inner) {
  const std::int64_t side = inner < 32 ? inner : 32, blocks = outer * ((inner + side - 1) / side);
  const std::int64_t wanted = 1024 / blocks, most = n / (4096 / side);
  return std::max<std::int64_t>(1, wanted < most ? wanted : most);
}

/// Running sums from the first element or from the last, f32 added up in f64.
struct CumsumArgs {
  DType dtype;
  std::int64_t outer, n, inner;
  bool from_last;
  const void* in;
  void* out;
};

/// The largest (smallest) along the axis and where it stands first; the first NaN wins. n > 0.
struct BestArgs {
  DType dtype;
  bool largest;
  std::int64_t outer, n, inner;
  const void* in;
  void* out;
  std::int64_t* at;
};

/// A stable order along the axis and where each element stood; NaN last.
struct SortArgs {
  DType dtype;
  bool descending;
  std::int64_t outer, n, inner;
  const void* in;
  void* out;
  std::int64_t* at;
};

/// gather: to (outer, m, inner), to[o, j, c] = from[o, index, c] with from (outer, n, inner).
/// adding: to (outer, n, inner) = 0, to[o, index, c] += from[o, j, c] in the order of j with from (outer, m, inner).
/// The index (index_outer, m, inner) or, when `whole`, (m): one for a whole slice. Row o reads index row o % index_outer. An index
/// outside [0, n) reads 0, adds nothing, and is noted in `fault` (tensor/detail/index_fault.h).
struct IndexArgs {
  DType dtype;
  bool adding, whole;
  std::int64_t outer, n, m, inner, index_outer;
  const void* from;
  const std::int64_t* index;
  void* to;
  std::int64_t* fault;
};

/// Zeroes what lies above (lower) or below (upper) the diagonal of matrices (count, rows, columns), in place.
struct TriangleArgs {
  DType dtype;
  bool upper;
  std::int64_t offset, count, rows, columns;
  void* data;
};

/// to[i] = from[i] in another dtype.
struct CastArgs {
  DType from_dtype, to_dtype;
  std::int64_t n;
  const void* from;
  void* to;
};

}  // namespace stein::kernels

STEIN_DEVICE_KERNEL(device_reduce, void(const ReduceArgs& args))
STEIN_DEVICE_KERNEL(device_cumsum, void(const CumsumArgs& args))
STEIN_DEVICE_KERNEL(device_best, void(const BestArgs& args))
STEIN_DEVICE_KERNEL(device_sort, void(const SortArgs& args))
STEIN_DEVICE_KERNEL(device_index, void(const IndexArgs& args))
STEIN_DEVICE_KERNEL(device_triangle, void(const TriangleArgs& args))
STEIN_DEVICE_KERNEL(device_cast, void(const CastArgs& args))
