// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct GeluBackward : Binary {
  static constexpr const char* name = "gelu_backward";
  template <class T>
  constexpr T operator()(T g, T x) const {
    const T z = math::max(math::min(x, math::constant<T>(40)), math::constant<T>(-40));  // no inf * 0
    const auto n = math::normal(z);
    return g * (n.below + z * n.density);
  }
  STEIN_RULES(
      Tensor vjp0(G c, In<1> x) const { return gelu_backward(c, x); } Tensor vjp1(G c, In<0> g, In<1> x) const {
        const Tensor z2 = square(clamp(x, -40, 40));
        return c * g * (exp(z2 * -0.5) * (z2 - 2) * -0.398942280401432678);
      })
};
}  // namespace stein::STEIN_UNIT

STEIN_BINARY(
    gelu_backward, GeluBackward, .formula = "g d(gelu)/dx = g (Phi(x) + x phi(x)), phi the standard normal density",
    .b = {-3, 3},
    .reference = [](long double g, long double x) -> long double {
      return g *
             (std::erfc(-x * std::sqrt(0.5L)) / 2 + x * 0.39894228040143267793994605993438187L * std::exp(-x * x / 2));
    },
    .ulps = 64 /* two terms of opposite sign, which cancel near x = -0.75 */)
