// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct LogicalNot : Unary {
  static constexpr const char* name = "logical_not";
  static constexpr Takes takes = Takes::booleans;
  template <class T>
  constexpr T operator()(T x) const {
    return !x;
  }
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    logical_not, LogicalNot, .formula = "!a", .reference = [](long double x) -> long double { return x == 0; },
    .differentiable = false, .dtype = boolean)
