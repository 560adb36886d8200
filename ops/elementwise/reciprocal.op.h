// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Reciprocal : Unary {
  static constexpr const char* name = "reciprocal";
  template <class T>
  constexpr T operator()(T x) const {
    return math::constant<T>(1) / x;
  }
  STEIN_RULES(Tensor vjp0(G g, Out<0> y) const { return -(g * square(y)); })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    reciprocal, Reciprocal, .formula = "1 / x", .domain = {0.4, 3},
    .reference = [](long double x) -> long double { return 1 / x; })
