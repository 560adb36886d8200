// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct IsNan : Unary {
  static constexpr const char* name = "isnan";
  static constexpr Takes takes = Takes::numbers;
  static constexpr bool predicate = true;
  template <class T>
  constexpr bool operator()(T x) const {
    return !(x == x);
  }
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    isnan, IsNan, .formula = "NaN", .reference = [](long double x) -> long double { return std::isnan(x); },
    .differentiable = false)
