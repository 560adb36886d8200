// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct ClampBackward : Binary {
  static constexpr const char* name = "clamp_backward";
  double lo, hi;
  template <class T>
  constexpr T operator()(T g, T x) const {
    return math::select(x > math::constant<T>(lo), math::select(x < math::constant<T>(hi), g, T(0)), T(0));
  }
  STEIN_RULES(
      Tensor vjp0(G c, In<1> x) const { return clamp_backward(c, x, lo, hi); } Tensor vjp1(G) const { return {}; })
};
}  // namespace stein::STEIN_UNIT

STEIN_ELEMENTWISE(clamp_backward, ClampBackward)
#if defined(STEIN_HOST)
namespace stein {
Tensor clamp_backward(const Tensor& g, const Tensor& x, double lo, double hi) {
  return elementwise(host::ClampBackward{{}, lo, hi}, g, x);
}
void register_clamp_backward(OpRegistry& r) {
  r.add_binary(
      "clamp_backward", [](const Tensor& g, const Tensor& x) { return clamp_backward(g, x, -0.5, 1.25); },
      {.formula = "lo < x < hi ? g : 0",
       .avoid_b = {-0.5, 1.25},
       .reference = [](long double g, long double x) -> long double { return x > -0.5L && x < 1.25L ? g : 0; }});
}
}  // namespace stein
#endif
