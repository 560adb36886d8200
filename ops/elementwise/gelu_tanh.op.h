// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct GeluTanh : Unary {
  static constexpr const char* name = "gelu_tanh";
  template <class T>
  constexpr T operator()(T x) const {
    const T z = math::max(x, math::constant<T>(-40));  // the bound gives 0 at -inf
    return z * math::logistic(math::gelu_tanh_argument(z)).p;
  }
  STEIN_RULES(Tensor vjp0(G g, In<0> x) const { return gelu_tanh_backward(g, x); })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    gelu_tanh, GeluTanh, .formula = "x sigmoid(2 u) = x (1 + tanh(u)) / 2, u = sqrt(2 / pi) (x + 0.044715 x^3)",
    .reference = [](long double x) -> long double {
      return std::isinf(x) && x < 0 ? -0.0L
                                    : x / (1 + std::exp(-1.59576912160573071175978423973752747390343452465621L *
                                                        (x + 0.044715L * x * x * x)));
    },
    .ulps = 1024 /* the rounding of u counts u-fold in the exponential: 300-fold at -20 */)
