// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Rsqrt : Unary {
  static constexpr const char* name = "rsqrt";
  template <class T>
  constexpr T operator()(T x) const {
    return math::constant<T>(1) / math::sqrt(x);
  }
  STEIN_RULES(Tensor vjp0(G g, Out<0> y) const { return g * y * square(y) * -0.5; })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    rsqrt, Rsqrt, .formula = "1 / sqrt(x)", .domain = {0.4, 4},
    .reference = [](long double x) -> long double { return 1 / std::sqrt(x); })
