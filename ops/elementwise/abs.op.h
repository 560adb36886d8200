// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Abs : Unary {
  static constexpr const char* name = "abs";
  static constexpr Takes takes = Takes::numbers;
  template <class T>
  constexpr T operator()(T x) const {
    return math::abs(x);
  }
  STEIN_RULES(Tensor vjp0(G g, In<0> x) const { return g * sign(x); })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    abs, Abs, .formula = "|x|", .avoid = {0}, .reference = [](long double x) -> long double { return std::abs(x); })
