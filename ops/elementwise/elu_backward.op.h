// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct EluBackward : Binary {
  static constexpr const char* name = "elu_backward";
  double alpha;
  template <class T>
  constexpr T operator()(T g, T y) const {
    return math::select(y <= T(0), g * (y + math::constant<T>(alpha)), g);
  }
  STEIN_RULES(
      Tensor vjp0(G c, In<1> y) const { return elu_backward(c, y, alpha); } Tensor vjp1(G c, In<0> g, In<1> y)
          const { return leaky_relu_backward(c * g, -y, 0); })
};
}  // namespace stein::STEIN_UNIT

STEIN_ELEMENTWISE(elu_backward, EluBackward)
#if defined(STEIN_HOST)
namespace stein {
Tensor elu_backward(const Tensor& g, const Tensor& y, double alpha) {
  return elementwise(host::EluBackward{{}, alpha}, g, y);
}
void register_elu_backward(OpRegistry& r) {
  r.add_binary("elu_backward", [](const Tensor& g, const Tensor& y) { return elu_backward(g, y, 1.5); },
               {.formula = "y > 0 ? g : g (y + alpha)",
                .b = {-1.4, 2},
                .avoid_b = {0},
                .reference = [](long double g, long double y) -> long double { return y <= 0 ? g * (y + 1.5L) : g; }});
}
}  // namespace stein
#endif
