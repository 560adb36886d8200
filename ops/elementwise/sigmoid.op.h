// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Sigmoid : Unary {
  static constexpr const char* name = "sigmoid";
  template <class T>
  constexpr T operator()(T x) const {
    return math::logistic(x).p;
  }
  STEIN_RULES(Tensor vjp0(G g, Out<0> y) const { return sigmoid_backward(g, y); })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    sigmoid, Sigmoid, .formula = "1 / (1 + e^-x)", .domain = {-4, 4},
    .reference = [](long double x) -> long double { return 1 / (1 + std::exp(-x)); })
