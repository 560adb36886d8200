// SPDX-License-Identifier: MIT
// What op files outside ops/elementwise include.
#pragma once

#include "autograd/rule.h"
#include "ops/ops.h"
#include "ops/registry.h"

namespace stein {

/// f of a rank-0 x: what f makes of the vector with that one element, as rank 0 again. So x takes axis 0 or -1.
template <class F>
Tensor as_vector(const Tensor& x, const F& f) {
  return reshape(f(reshape(x, {1})), {});
}

}  // namespace stein
