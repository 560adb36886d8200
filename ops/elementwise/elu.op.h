// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Elu : Unary {
  static constexpr const char* name = "elu";
  double alpha;
  template <class T>
  constexpr T operator()(T x) const {
    return math::select(x > T(0), x, math::constant<T>(alpha) * math::expm1(x));
  }
  STEIN_RULES(Tensor vjp0(G g, Out<0> y) const { return elu_backward(g, y, alpha); })
};
}  // namespace stein::STEIN_UNIT

STEIN_ELEMENTWISE(elu, Elu)
#if defined(STEIN_HOST)
namespace stein {
Tensor elu(const Tensor& x, double alpha) {
  // With alpha >= 0 the sign of y is that of x, so the derivative needs y only.
  if (!(alpha >= 0)) fail("elu", "alpha >= 0", std::to_string(alpha));
  return elementwise(host::Elu{{}, alpha}, x);
}
void register_elu(OpRegistry& r) {
  r.add_unary("elu", [](const Tensor& x) { return elu(x, 1.5); },
              {.formula = "x > 0 ? x : alpha (e^x - 1)",
               .domain = {-4, 3},
               .avoid = {0},
               .reference = [](long double x) -> long double { return x > 0 ? x : 1.5L * std::expm1(x); }});
}
}  // namespace stein
#endif
