// SPDX-License-Identifier: MIT
#include "ops/op.h"

namespace stein {

Tensor embedding(const Tensor& weight, const Tensor& index) {
  if (weight.rank() != 2 || index.dtype() != i64)
    fail("embedding", "weight (V, D) and an index of dtype i64", describe(weight) + " and " + describe(index));
  return reshape(index_select(weight, 0, flatten(index)), index.shape() + Shape{weight.size(1)});
}

void register_embedding(OpRegistry& r) {
  r.add({"embedding",
         "rows of a table",
         Kind::linear,
         {{"table", {{{4, 3}}, {{2, 2}, 0, 3, {}, i64}}, [](const Tensors& in) {
             return Tensors{embedding(in[0], in[1])};
           }}}});
}

}  // namespace stein
