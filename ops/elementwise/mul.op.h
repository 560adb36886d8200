// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Mul : Binary {
  static constexpr const char* name = "mul";
  static constexpr Takes takes = Takes::numbers;
  template <class T>
  constexpr T operator()(T a, T b) const {
    return a * b;
  }
  STEIN_RULES(
      Tensor vjp0(G g, In<1> b) const { return g * b; } Tensor vjp1(G g, In<0> a) const { return a * g; })
};
}  // namespace stein::STEIN_UNIT

STEIN_BINARY(
    mul, Mul, .formula = "a * b", .reference = [](long double a, long double b) { return a * b; })
