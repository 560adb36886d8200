// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct LeakyReluBackward : Binary {
  static constexpr const char* name = "leaky_relu_backward";
  double slope;
  template <class T>
  constexpr T operator()(T g, T y) const {
    // Slope 0 closes the gate, also to an infinite g. NaN counts as PyTorch has it: open for relu, sloped for leaky_relu.
    if (slope == 0) return math::select(y <= T(0), T(0), g);
    return math::select(y > T(0), g, g * math::constant<T>(slope));
  }
  STEIN_RULES(
      Tensor vjp0(G c, In<1> y) const { return leaky_relu_backward(c, y, slope); } Tensor vjp1(G) const { return {}; })
};
}  // namespace stein::STEIN_UNIT

STEIN_ELEMENTWISE(leaky_relu_backward, LeakyReluBackward)
#if defined(STEIN_HOST)
namespace stein {
Tensor leaky_relu_backward(const Tensor& g, const Tensor& y, double slope) {
  return elementwise(host::LeakyReluBackward{{}, slope}, g, y);
}
void register_leaky_relu_backward(OpRegistry& r) {
  r.add_binary("leaky_relu_backward", [](const Tensor& g, const Tensor& y) { return leaky_relu_backward(g, y, 0.1); },
               {.formula = "y > 0 ? g : slope g",
                .avoid_b = {0},
                .reference = [](long double g, long double y) -> long double { return y > 0 ? g : 0.1L * g; }});
}
}  // namespace stein
#endif
