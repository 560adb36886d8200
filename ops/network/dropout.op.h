// SPDX-License-Identifier: MIT
#include "ops/op.h"

namespace stein {

Tensor dropout(const Tensor& x, double p, Generator& generator) {
  if (!(p >= 0 && p < 1)) fail("dropout", "a probability in [0, 1)", std::to_string(p));
  if (p == 0) return x;
  const Tensor keep = uniform(x.shape(), generator, 0, 1, f32, x.device()) >= p;  // the same mask for both dtypes
  return x * (keep.to(x.dtype()) / (1 - p));
}

void register_dropout(OpRegistry& r) {
  r.add({"dropout",
         "zeroes with probability p, scales the rest",
         Kind::linear,
         {{"half", {{{4, 5}}}, [](const Tensors& in) {
             Generator g(7);
             return Tensors{dropout(in[0], 0.5, g)};
           }}}});
}

}  // namespace stein
