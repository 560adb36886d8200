// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Floor : Unary {
  static constexpr const char* name = "floor";
  template <class T>
  constexpr T operator()(T x) const {
    return math::floor(x);
  }
  STEIN_RULES(Tensor vjp0(G) const { return {}; })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    floor, Floor, .formula = "largest whole number <= x", .avoid = {-2, -1, 0, 1, 2},
    .reference = [](long double x) -> long double { return std::floor(x); })
