// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Sub : Binary {
  static constexpr const char* name = "sub";
  static constexpr Takes takes = Takes::numbers;
  template <class T>
  constexpr T operator()(T a, T b) const {
    return a - b;
  }
  STEIN_RULES(
      Tensor vjp0(G g) const { return g; } Tensor vjp1(G g) const { return -g; })
};
}  // namespace stein::STEIN_UNIT

STEIN_BINARY(
    sub, Sub, .formula = "a - b", .reference = [](long double a, long double b) { return a - b; })
