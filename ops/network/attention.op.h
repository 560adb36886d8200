// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>

#include "ops/op.h"

namespace stein {

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask,
                                    bool causal) {
  if (q.rank() < 2 || k.rank() < 2 || v.rank() < 2 || q.size(-1) != k.size(-1) || k.size(-2) != v.size(-2) ||
      q.dtype() != k.dtype() || q.dtype() != v.dtype())
    fail("scaled_dot_product_attention", "q (..., L, E), k (..., S, E), v (..., S, Ev) of one dtype",
         describe({q, k, v}));
  Tensor scores = matmul(q, transpose(k)) / std::sqrt(static_cast<double>(q.size(-1)));
  const auto hide = [&](const Tensor& keep) {
    scores = where(keep, scores, scalar(-std::numeric_limits<double>::infinity(), q.dtype()));
  };
  if (mask.defined()) hide(mask);
  if (causal) hide(tril(ones({q.size(-2), k.size(-2)}, f32, q.device())) > 0.5);
  return matmul(softmax(scores), v);
}

void register_attention(OpRegistry& r) {
  r.add({"scaled_dot_product_attention",
         "softmax(q k^T / sqrt E) v",
         Kind::general,
         {{"heads",
           {{{2, 2, 3, 2}}, {{2, 2, 4, 2}}, {{2, 2, 4, 3}}},
           [](const Tensors& in) { return Tensors{scaled_dot_product_attention(in[0], in[1], in[2])}; }},
          {"causal", {{{3, 2}}, {{3, 2}}, {{3, 2}}}, [](const Tensors& in) {
             return Tensors{scaled_dot_product_attention(in[0], in[1], in[2], {}, true)};
           }}}});
}

}  // namespace stein
