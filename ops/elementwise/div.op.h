// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Div : Binary {
  static constexpr const char* name = "div";
  template <class T>
  constexpr T operator()(T a, T b) const {
    return a / b;
  }
  STEIN_RULES(
      Tensor vjp0(G g, In<1> b) const { return g / b; } Tensor vjp1(G g, In<1> b, Out<0> y)
          const { return -(g * y / b); })
};
}  // namespace stein::STEIN_UNIT

STEIN_BINARY(
    div, Div, .formula = "a / b", .b = {0.3, 2}, .reference = [](long double a, long double b) { return a / b; })
