// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct SiluBackward : Binary {
  static constexpr const char* name = "silu_backward";
  template <class T>
  constexpr T operator()(T g, T x) const {
    const T z = math::max(math::min(x, math::constant<T>(1000)), math::constant<T>(-1000));  // no inf * 0
    const auto s = math::logistic(z);
    return g * (s.p * (math::constant<T>(1) + z * s.q));
  }
  STEIN_RULES(
      Tensor vjp0(G c, In<1> x) const { return silu_backward(c, x); } Tensor vjp1(G c, In<0> g, In<1> x) const {
        const Tensor z = clamp(x, -1000, 1000), s = sigmoid(z);
        return c * g * sigmoid_backward(z * (1 - (s + s)) + 2, s);  // s (1 - s) (2 + x (1 - 2 s))
      })
};
}  // namespace stein::STEIN_UNIT

STEIN_BINARY(
    silu_backward, SiluBackward, .formula = "g d(silu)/dx = g s (1 + x (1 - s)), s = sigmoid(x)", .b = {-4, 4},
    .reference = [](long double g, long double x) -> long double {
      return g * (1 + x / (1 + std::exp(x))) / (1 + std::exp(-x));
    },
    .ulps = 64 /* two terms of opposite sign, which cancel near x = -1.28 */)
