// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct LeakyRelu : Unary {
  static constexpr const char* name = "leaky_relu";
  double slope;
  template <class T>
  constexpr T operator()(T x) const {
    return math::select(x > T(0), x, x * math::constant<T>(slope));
  }
  STEIN_RULES(Tensor vjp0(G g, Out<0> y) const { return leaky_relu_backward(g, y, slope); })
};
}  // namespace stein::STEIN_UNIT

STEIN_ELEMENTWISE(leaky_relu, LeakyRelu)
#if defined(STEIN_HOST)
namespace stein {
Tensor leaky_relu(const Tensor& x, double slope) {
  // With slope >= 0 the sign of y is that of x, so the derivative needs y only.
  if (!(slope >= 0)) fail("leaky_relu", "slope >= 0", std::to_string(slope));
  return elementwise(host::LeakyRelu{{}, slope}, x);
}
void register_leaky_relu(OpRegistry& r) {
  r.add_unary("leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0.1); },
              {.formula = "x > 0 ? x : slope x", .avoid = {0}, .reference = [](long double x) -> long double {
                 return x > 0 ? x : 0.1L * x;
               }});
}
}  // namespace stein
#endif
