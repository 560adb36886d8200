// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Clamp : Unary {
  static constexpr const char* name = "clamp";
  double lo, hi;
  template <class T>
  constexpr T operator()(T x) const {
    return math::min(math::max(x, math::constant<T>(lo)), math::constant<T>(hi));
  }
  STEIN_RULES(Tensor vjp0(G g, In<0> x) const { return clamp_backward(g, x, lo, hi); })
};
}  // namespace stein::STEIN_UNIT

STEIN_ELEMENTWISE(clamp, Clamp)
#if defined(STEIN_HOST)
namespace stein {
Tensor clamp(const Tensor& x, double lo, double hi) {
  if (!(lo <= hi)) fail("clamp", "lo <= hi", "lo " + std::to_string(lo) + ", hi " + std::to_string(hi));
  return elementwise(host::Clamp{{}, lo, hi}, x);
}
void register_clamp(OpRegistry& r) {
  r.add_unary("clamp", [](const Tensor& x) { return clamp(x, -0.5, 1.25); },
              {.formula = "min(max(x, lo), hi)", .avoid = {-0.5, 1.25}, .reference = [](long double x) -> long double {
                 return x < -0.5L ? -0.5L : x > 1.25L ? 1.25L : x;
               }});
}
}  // namespace stein
#endif
