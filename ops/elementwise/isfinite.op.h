// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct IsFinite : Unary {
  static constexpr const char* name = "isfinite";
  static constexpr Takes takes = Takes::numbers;
  static constexpr bool predicate = true;
  template <class T>
  constexpr bool operator()(T x) const {
    return x - x == T(0);
  }
};
}  // namespace stein::STEIN_UNIT

STEIN_UNARY(
    isfinite, IsFinite, .formula = "neither infinite nor NaN",
    .reference = [](long double x) -> long double { return std::isfinite(x); }, .differentiable = false)
