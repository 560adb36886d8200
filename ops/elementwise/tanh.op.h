// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Tanh : Unary {
  static constexpr const char* name = "tanh";
  template <class T>
  T operator()(T x) const {
    return math::tanh(x);
  }
  STEIN_RULES(Tensor vjp0(G g, Out<0> y) const { return tanh_backward(g, y); })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    tanh, Tanh, .formula = "tanh(x)", .domain = {-3, 3}, .reference = [](long double x) { return std::tanh(x); })
