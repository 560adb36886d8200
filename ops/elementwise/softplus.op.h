// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Softplus : Unary {
  static constexpr const char* name = "softplus";
  template <class T>
  constexpr T operator()(T x) const {
    return math::max(x, T(0)) + math::log1p_unit(math::exp(-math::abs(x)));
  }
  STEIN_RULES(Tensor vjp0(G g, Out<0> y) const { return softplus_backward(g, y); })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    softplus, Softplus, .formula = "log(1 + e^x)", .domain = {-4, 4}, .reference = [](long double x) -> long double {
      return std::isinf(x) ? std::max(x, 0.0L) : std::max(x, 0.0L) + std::log1p(std::exp(-std::abs(x)));
    })
