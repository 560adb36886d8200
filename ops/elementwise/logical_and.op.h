// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct LogicalAnd : Binary {
  static constexpr const char* name = "logical_and";
  static constexpr Takes takes = Takes::booleans;
  template <class T>
  constexpr bool operator()(T a, T b) const {
    return a && b;
  }
};
}  // namespace stein::STEIN_UNIT

STEIN_BINARY(
    logical_and, LogicalAnd, .formula = "a && b",
    .reference = [](long double a, long double b) -> long double { return a != 0 && b != 0; }, .differentiable = false,
    .dtype = boolean)
