// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Gelu : Unary {
  static constexpr const char* name = "gelu";
  template <class T>
  constexpr T operator()(T x) const {
    return math::max(x, math::constant<T>(-40)) * math::normal(x).below;  // the bound gives 0 at -inf
  }
  STEIN_RULES(Tensor vjp0(G g, In<0> x) const { return gelu_backward(g, x); })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    gelu, Gelu, .formula = "x Phi(x), Phi the standard normal distribution",
    .reference = [](long double x) -> long double {
      return std::isinf(x) && x < 0 ? -0.0L : x * std::erfc(-x * std::sqrt(0.5L)) / 2;
    },
    .ulps = 8 /* a product of ten rounded factors; PyTorch loses all digits below -6 */)
