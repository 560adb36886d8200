// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Neg : Unary {
  static constexpr const char* name = "neg";
  static constexpr Takes takes = Takes::numbers;
  template <class T>
  constexpr T operator()(T x) const {
    return x * T(-1);  // xsimd's AVX-512 minus is 0 - x, which loses the sign of zero
  }
  STEIN_RULES(Tensor vjp0(G g) const { return -g; })
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    neg, Neg, .formula = "-x", .reference = [](long double x) { return -x; })
#if defined(STEIN_HOST)
stein::Tensor stein::Tensor::operator-() const { return neg(*this); }
#endif
