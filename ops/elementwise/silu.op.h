// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Silu : Unary {
  static constexpr const char* name = "silu";
  template <class T>
  T operator()(T x) const {
    return math::max(x, math::constant<T>(-1000)) * math::logistic(x).p;  // the bound gives 0 at -inf
  }
  STEIN_RULES(Tensor vjp0(G g, In<0> x) const { return silu_backward(g, x); })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    silu, Silu, .formula = "x / (1 + e^-x)", .domain = {-4, 4},
    .reference = [](long double x) -> long double { return std::isinf(x) && x < 0 ? -0.0L : x / (1 + std::exp(-x)); })
