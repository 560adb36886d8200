// SPDX-License-Identifier: MIT
#include "ops/op.h"

namespace stein {

Tensor cross_entropy(const Tensor& logits, const Tensor& target) {
  Shape expected = logits.shape();
  if (logits.rank() >= 2) expected.erase(1);
  if (logits.rank() < 2 || target.dtype() != i64 || target.shape() != expected)
    fail("cross_entropy", "logits (N, C, ...) and target i64 (N, ...)", describe(logits) + " and " + describe(target));
  return -mean(gather(log_softmax(logits, 1), 1, unsqueeze(target, 1)));
}

void register_cross_entropy(OpRegistry& r) {
  r.add({"cross_entropy",
         "mean of -log_softmax at the target",
         Kind::general,
         {{"rows",
           {{{4, 3}}, {{4}, 0, 2, {}, i64}},
           [](const Tensors& in) { return Tensors{cross_entropy(in[0], in[1])}; }},
          {"images", {{{2, 3, 2, 2}}, {{2, 2, 2}, 0, 2, {}, i64}}, [](const Tensors& in) {
             return Tensors{cross_entropy(in[0], in[1])};
           }}}});
}

}  // namespace stein
