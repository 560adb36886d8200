// SPDX-License-Identifier: MIT
// The exact trace by vector-Jacobian products with the unit vectors, for any model.
#pragma once

#include "smld/losses.h"

namespace stein::smld::detail {

/// Unit vectors first, ..., first + count - 1 of a sample, the same for all samples of x (B, ...): (count, B, ...), B expanded.
Tensor unit_vectors(const Tensor& x, std::int64_t first, std::int64_t count);

/// What one vector-Jacobian product with all samples takes.
struct ProductCost {
  double
      flops;  ///< multiply-adds of the matrix products and convolutions between x and s; other ops count their results
  double bytes;  ///< of the results between x and s
};
ProductCost product_cost(const Tensor& s, const Tensor& x);

/// How many products fit into `memory` bytes at a time, judged by the results that lie between x and s.
std::int64_t rows_at_once(const Tensor& s, const Tensor& x, std::int64_t memory);

/// tr ds/dx (B), s = f(x), `rows` products at a time; two more products see to it that samples do not depend on their neighbours (Error). With `replay`, while recording, each batch of rows runs f again in its
/// backward pass, so that one batch's graph lives at a time.
Tensor trace_by_products(const Score& f, const Tensor& s, const Tensor& x, std::int64_t rows, bool replay);

}  // namespace stein::smld::detail
