// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Sign : Unary {
  static constexpr const char* name = "sign";
  static constexpr Takes takes = Takes::numbers;
  template <class T>
  constexpr T operator()(T x) const {
    return math::select(x > T(0), T(1), math::select(x < T(0), T(-1), T(0)));
  }
  STEIN_RULES(Tensor vjp0(G) const { return {}; })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    sign, Sign, .formula = "x > 0 ? 1 : x < 0 ? -1 : 0 (NaN gives 0, as in PyTorch)", .avoid = {0},
    .reference = [](long double x) -> long double { return x > 0   ? 1
                                                           : x < 0 ? -1
                                                                   : 0; })
