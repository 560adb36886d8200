// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Lt : Binary {
  static constexpr const char* name = "lt";
  static constexpr Takes takes = Takes::everything;
  static constexpr bool predicate = true;
  template <class T>
  constexpr bool operator()(T a, T b) const {
    return a < b;
  }
};
}  // namespace stein::STEIN_UNIT

STEIN_BINARY(
    lt, Lt, .formula = "a < b", .reference = [](long double a, long double b) -> long double { return a < b; },
    .differentiable = false)
