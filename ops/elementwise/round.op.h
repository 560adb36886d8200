// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Round : Unary {
  static constexpr const char* name = "round";
  template <class T>
  constexpr T operator()(T x) const {
    return math::nearbyint(x);
  }
  STEIN_RULES(Tensor vjp0(G) const { return {}; })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    round, Round, .formula = "nearest whole number, halves to even", .avoid = {-1.5, -0.5, 0.5, 1.5},
    .reference = [](long double x) -> long double { return std::nearbyint(x); })
