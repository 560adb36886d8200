// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Square : Unary {
  static constexpr const char* name = "square";
  static constexpr Takes takes = Takes::numbers;
  template <class T>
  constexpr T operator()(T x) const {
    return x * x;
  }
  STEIN_RULES(Tensor vjp0(G g, In<0> x) const { return g * (x + x); })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    square, Square, .formula = "x^2", .reference = [](long double x) -> long double { return x * x; })
