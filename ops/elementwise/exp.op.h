// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Exp : Unary {
  static constexpr const char* name = "exp";
  template <class T>
  constexpr T operator()(T x) const {
    return math::exp(x);
  }
  STEIN_RULES(Tensor vjp0(G g, Out<0> y) const { return g * y; })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    exp, Exp, .formula = "e^x", .reference = [](long double x) -> long double { return std::exp(x); })
