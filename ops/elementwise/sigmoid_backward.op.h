// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct SigmoidBackward : Binary {
  static constexpr const char* name = "sigmoid_backward";
  template <class T>
  constexpr T operator()(T g, T y) const {
    return g * (y * (math::constant<T>(1) - y));
  }
  STEIN_RULES(
      Tensor vjp0(G c, In<1> y) const { return sigmoid_backward(c, y); } Tensor vjp1(G c, In<0> g, In<1> y)
          const { return c * g * (1 - (y + y)); })
};
}  // namespace stein::STEIN_UNIT

STEIN_BINARY(
    sigmoid_backward, SigmoidBackward, .formula = "g y (1 - y)", .b = {0.05, 0.95},
    .reference = [](long double g, long double y) -> long double { return g * y * (1 - y); })
