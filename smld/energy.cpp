// SPDX-License-Identifier: MIT
#include "smld/energy.h"

#include <utility>

#include "autograd/grad.h"
#include "ops/ops.h"
#include "smld/detail/samples.h"
#include "tensor/error.h"
#include "tensor/recording.h"

namespace stein::smld {

Tensor energy_of(const Energy& energy, const Tensor& x) {
  const Tensor f = energy(x);
  const Shape one{x.size(0)};
  if ((f.shape() != one && f.shape() != one + Shape{1}) || f.dtype() != x.dtype())
    fail("energy", "one number a sample, " + describe(empty(one, x.dtype())), describe(f));
  return reshape(f, one);
}

Score score_of(Energy energy) {
  return [f = std::move(energy)](const Tensor& input) {
    const bool record = is_recording();
    NoGrad on(false);
    const Tensor x = detail::variable(input, record);
    const Tensor e = sum(energy_of(f, x));
    return e.requires_grad() ? neg(grad(e, x, {.create_graph = record})) : zeros_like(x.detach());
  };
}

LevelScore score_of(LevelEnergy energy) {
  return [f = std::move(energy)](const Tensor& x, const Tensor& t) {
    return score_of([&](const Tensor& y) { return f(y, t); })(x);
  };
}

}  // namespace stein::smld
