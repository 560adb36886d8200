// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct GeluTanhBackward : Binary {
  static constexpr const char* name = "gelu_tanh_backward";
  template <class T>
  constexpr T operator()(T g, T x) const {
    const T one = math::constant<T>(1);
    const T z = math::max(math::min(x, math::constant<T>(40)), math::constant<T>(-40));  // no inf * 0
    const auto s = math::logistic(math::gelu_tanh_argument(z));
    const T slope = math::constant<T>(math::kGeluTanh) * (one + math::constant<T>(3 * 0.044715) * z * z);
    return g * (s.p * (one + z * s.q * slope));
  }
  STEIN_RULES(
      Tensor vjp0(G c, In<1> x) const { return gelu_tanh_backward(c, x); }
      // With w = 2 u(x) and s = sigmoid(w): f'' = s (1 - s) (2 w' + x ((1 - 2 s) w'^2 + w'')).
      Tensor vjp1(G c, In<0> g, In<1> x) const {
        constexpr double k = math::kGeluTanh, a = 0.044715;
        const Tensor z = clamp(x, -40, 40), z2 = square(z);
        const Tensor s = sigmoid(z * (z2 * (k * a) + k)), w1 = z2 * (3 * k * a) + k;
        const Tensor bend = (1 - (s + s)) * square(w1) + z * (6 * k * a);
        return c * g * sigmoid_backward(w1 + w1 + z * bend, s);
      })
};
}  // namespace stein::STEIN_UNIT

STEIN_BINARY(
    gelu_tanh_backward, GeluTanhBackward, .formula = "g d(gelu_tanh)/dx", .b = {-3, 3},
    .reference = [](long double g, long double x) -> long double {
      return [&] {
        const long double k = 1.59576912160573071175978423973752747L,
                          s = 1 / (1 + std::exp(-k * (x + 0.044715L * x * x * x)));
        return g * s * (1 + x * (1 - s) * k * (1 + 3 * 0.044715L * x * x));
      }();
    },
    .ulps = 64 /* two terms of opposite sign, which cancel near x = -0.75 */)
