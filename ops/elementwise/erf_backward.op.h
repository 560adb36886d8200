// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct ErfBackward : Binary {
  static constexpr const char* name = "erf_backward";
  template <class T>
  constexpr T operator()(T g, T x) const {
    const T a = math::min(math::abs(x), math::constant<T>(30));  // e^-900 is 0
    return g * (math::constant<T>(1.12837916709551257390) * math::detail::gauss(a, 1));
  }
  STEIN_RULES(
      Tensor vjp0(G c, In<1> x) const { return erf_backward(c, x); } Tensor vjp1(G c, In<0> g, In<1> x)
          const { return erf_backward(c * g, x) * (clamp(x, -30, 30) * -2.0); })
};
}  // namespace stein::STEIN_UNIT

STEIN_BINARY(
    erf_backward, ErfBackward, .formula = "g 2 / sqrt(pi) e^(-x^2)",
    .reference = [](long double g, long double x) -> long double {
      return g * 1.12837916709551257389615890312154517L * std::exp(-x * x);
    })
