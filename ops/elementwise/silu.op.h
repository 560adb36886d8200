// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Silu : Unary {
  static constexpr const char* name = "silu";
  template <class T>
  constexpr T operator()(T x) const {
    // e^x = h^2 for x < 0, one factor before and one after the division: so the tail keeps its digits where e^x is
    // denormal already. The bound gives 0 at -inf.
    const T one = math::constant<T>(1), z = math::max(x, math::constant<T>(-1600));
    const T h = math::exp(math::abs(z) * math::constant<T>(-0.5));
    const T factor = math::select(z >= math::constant<T>(0), one, h);
    return z * factor / math::multiply_add(h, h, one) * factor;
  }
  STEIN_RULES(Tensor vjp0(G g, In<0> x) const { return silu_backward(g, x); })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    silu, Silu, .formula = "x / (1 + e^-x)", .domain = {-4, 4},
    .reference = [](long double x) -> long double { return std::isinf(x) && x < 0 ? -0.0L : x / (1 + std::exp(-x)); },
    .ulps = 5 /* the rounding of h enters twice */)
