// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Cos : Unary {
  static constexpr const char* name = "cos";
  template <class T>
  constexpr T operator()(T x) const {
    return math::cos(x);
  }
  STEIN_RULES(Tensor vjp0(G g, In<0> x) const { return -(g * sin(x)); })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    cos, Cos, .formula = "cos(x)", .domain = {-3, 3},
    .reference = [](long double x) -> long double { return std::cos(x); })
