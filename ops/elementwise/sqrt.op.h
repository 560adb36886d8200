// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Sqrt : Unary {
  static constexpr const char* name = "sqrt";
  template <class T>
  constexpr T operator()(T x) const {
    return math::sqrt(x);
  }
  STEIN_RULES(Tensor vjp0(G g, Out<0> y) const { return g / (y + y); })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    sqrt, Sqrt, .formula = "sqrt(x)", .domain = {0.2, 4},
    .reference = [](long double x) -> long double { return std::sqrt(x); })
