// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Log : Unary {
  static constexpr const char* name = "log";
  template <class T>
  constexpr T operator()(T x) const {
    return math::log(x);
  }
  STEIN_RULES(Tensor vjp0(G g, In<0> x) const { return g / x; })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    log, Log, .formula = "log(x)", .domain = {0.3, 4},
    .reference = [](long double x) -> long double { return std::log(x); })
