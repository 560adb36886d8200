// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Expm1 : Unary {
  static constexpr const char* name = "expm1";
  template <class T>
  constexpr T operator()(T x) const {
    return math::expm1(x);
  }
  STEIN_RULES(Tensor vjp0(G g, Out<0> y) const { return g * (y + 1); })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    expm1, Expm1, .formula = "e^x - 1", .reference = [](long double x) -> long double { return std::expm1(x); })
