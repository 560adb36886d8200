// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Relu : Unary {
  static constexpr const char* name = "relu";
  static constexpr Takes takes = Takes::numbers;
  template <class T>
  constexpr T operator()(T x) const {
    return math::select(x <= T(0), T(0), x);
  }
  STEIN_RULES(Tensor vjp0(G g, Out<0> y) const { return leaky_relu_backward(g, y, 0); })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    relu, Relu, .formula = "max(x, 0)", .avoid = {0},
    .reference = [](long double x) -> long double { return x <= 0 ? 0 : x; })
