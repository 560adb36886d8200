// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Sin : Unary {
  static constexpr const char* name = "sin";
  template <class T>
  constexpr T operator()(T x) const {
    return math::sin(x);
  }
  STEIN_RULES(Tensor vjp0(G g, In<0> x) const { return g * cos(x); })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    sin, Sin, .formula = "sin(x)", .domain = {-3, 3},
    .reference = [](long double x) -> long double { return std::sin(x); })
