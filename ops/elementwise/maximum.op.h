// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Maximum : Binary {
  static constexpr const char* name = "maximum";
  static constexpr Takes takes = Takes::numbers;
  template <class T>
  constexpr T operator()(T a, T b) const {
    return math::max(a, b);
  }
  STEIN_RULES(
      Tensor vjp0(G g, In<0> a, In<1> b) const { return maximum_backward(g, a, b); } Tensor vjp1(G g, In<0> a, In<1> b)
          const { return maximum_backward(g, b, a); })
};
}  // namespace stein::STEIN_UNIT

STEIN_BINARY(
    maximum, Maximum, .formula = "the larger of a and b", .a = {-2, 0.9}, .b = {1, 2},
    .reference = [](long double a, long double b) -> long double { return std::isnan(a) || a > b ? a : b; })
