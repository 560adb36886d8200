// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Erf : Unary {
  static constexpr const char* name = "erf";
  template <class T>
  constexpr T operator()(T x) const {
    return math::erf(x);
  }
  STEIN_RULES(Tensor vjp0(G g, In<0> x) const { return erf_backward(g, x); })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    erf, Erf, .formula = "2 / sqrt(pi) * integral of e^(-t^2) from 0 to x",
    .reference = [](long double x) -> long double { return std::erf(x); })
