// SPDX-License-Identifier: MIT
// Products of probes with the Jacobian of a score: what sliced objectives and Hutchinson's trace are made of.
#pragma once

#include "autograd/grad.h"
#include "ops/ops.h"

namespace stein::smld::detail {

/// v^T ds/dx of every sample for probes v (B, ...), or m of them, (m, B, ...), with lead = 1; recorded with `record`.
inline Tensor left_product(const Tensor& s, const Tensor& x, const Tensor& v, int lead, bool record) {
  return grad(s, x, {.cotangents = {v}, .create_graph = record, .batched = lead});
}

/// Dot products sample by sample, (lead axes, B); one of them may lack the lead axes.
inline Tensor dot(const Tensor& a, const Tensor& b, int lead) {
  const Tensor product = a * b;
  Axes axes;
  for (int i = lead + 1; i < product.rank(); ++i) axes.push_back(i);
  return axes.empty() ? product : sum(product, axes);
}

}  // namespace stein::smld::detail
