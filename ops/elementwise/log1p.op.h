// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Log1p : Unary {
  static constexpr const char* name = "log1p";
  template <class T>
  constexpr T operator()(T x) const {
    return math::log1p(x);
  }
  STEIN_RULES(Tensor vjp0(G g, In<0> x) const { return g / (x + 1); })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    log1p, Log1p, .formula = "log(1 + x)", .domain = {-0.6, 3},
    .reference = [](long double x) -> long double { return std::log1p(x); })
