// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct TanhBackward : Binary {
  static constexpr const char* name = "tanh_backward";
  template <class T>
  constexpr T operator()(T g, T y) const {
    return g * ((math::constant<T>(1) - y) * (math::constant<T>(1) + y));
  }
  STEIN_RULES(
      Tensor vjp0(G c, In<1> y) const { return tanh_backward(c, y); } Tensor vjp1(G c, In<0> g, In<1> y)
          const { return c * g * y * -2.0; })
};
}  // namespace stein::STEIN_UNIT

STEIN_BINARY(
    tanh_backward, TanhBackward, .formula = "g (1 - y^2)", .b = {-0.95, 0.95},
    .reference = [](long double g, long double y) -> long double { return g * (1 - y) * (1 + y); })
