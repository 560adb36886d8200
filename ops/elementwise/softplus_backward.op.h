// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct SoftplusBackward : Binary {
  static constexpr const char* name = "softplus_backward";
  template <class T>
  constexpr T operator()(T g, T y) const {
    return g * -math::expm1(-y);
  }
  STEIN_RULES(
      Tensor vjp0(G c, In<1> y) const { return softplus_backward(c, y); } Tensor vjp1(G c, In<0> g, In<1> y)
          const { return c * g * exp(-y); })
};
}  // namespace stein::STEIN_UNIT

STEIN_BINARY(
    softplus_backward, SoftplusBackward, .formula = "g (1 - e^-y) = g sigmoid(x) where y = softplus(x)", .b = {0.05, 3},
    .reference = [](long double g, long double y) -> long double { return -g * std::expm1(-y); })
