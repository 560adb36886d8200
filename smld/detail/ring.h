// SPDX-License-Identifier: MIT
// The trace of a chain is the contraction of a ring: matrices are its edges, diagonals its nodes. The order of contraction
// decides the cost (docs/exact_trace.md).
#pragma once

#include <string>
#include <vector>

#include "smld/detail/chains.h"

namespace stein::smld::detail {

/// Ring of r nodes: matrix p (n_{p+1}, n_p) leads from node p to the next, the last back to node 0. A node's diagonal is (1 or B,
/// n_p), or undefined where there is none.
struct Ring {
  Tensor scale;  ///< (1 or B, 1), or undefined
  std::vector<Tensor> matrices, diagonals;

  int size() const { return static_cast<int>(matrices.size()); }
  std::int64_t width(int p) const { return matrices[static_cast<std::size_t>(p % size())].size(1); }
};
/// `width` is the number of values of a sample. A chain without matrices becomes a ring of one identity.
Ring close(const Chain& chain, std::int64_t width, DType dtype, const Device& device);

/// How a ring is contracted: first the shared products across the nodes in `merged` (which have no diagonal), oldest first; then,
/// when more than two nodes are left, from node `cut` around and back to it, `rows` of its entries at a time.
struct RingPlan {
  std::vector<int> merged;
  int cut = 0;
  std::int64_t rows = 0;
  double shared_flops = 0, sample_flops = 0;  ///< multiply-adds, of one evaluation: once, and for all samples
  double bytes = 0;                           ///< of the largest intermediate results that live at once
  std::string order;                          ///< in words
};

enum class Order : std::uint8_t {
  cheapest,
  structured,  ///< nothing merged, cut at the data's own node: the Jacobian row by row
  merged       ///< every node without a diagonal merged: collapsed (two left) and cyclic (three and more)
};
/// Searches all orders of the given kind; `memory` bounds the bytes of a chunk of rows.
RingPlan plan_ring(const Ring& ring, std::int64_t batch, std::int64_t memory, Order order = Order::cheapest);

/// The trace of every sample, (B).
Tensor contract(const Ring& ring, const RingPlan& plan, std::int64_t batch);

}  // namespace stein::smld::detail
