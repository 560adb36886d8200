// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Tanh : Unary {
  static constexpr const char* name = "tanh";
  template <class T>
  constexpr T operator()(T x) const {
    // Below, x itself is nearest; a polynomial in tiny numbers underflows, and each underflow costs a hundred cycles.
    const auto tiny = math::abs(x) < math::constant<T>(math::is_f32<T> ? 0x1p-13 : 0x1p-28);
    return math::select(tiny, x, math::tanh(math::select(tiny, math::constant<T>(0.5), x)));
  }
  STEIN_RULES(Tensor vjp0(G g, Out<0> y) const { return tanh_backward(g, y); })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    tanh, Tanh, .formula = "tanh(x)", .domain = {-3, 3}, .reference = [](long double x) { return std::tanh(x); })
