// SPDX-License-Identifier: MIT
// Kernel and device units: what a functor derives from there.
#pragma once

#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {

struct ElementwiseBase {
  static constexpr Takes takes = Takes::floating;
  static constexpr bool predicate = false;      // returns bool; the functor is instantiated on numbers only
  static constexpr bool numbers_only = false;   // the functor is not written for packs
  static constexpr bool first_is_bool = false;  // input 0 is bool whatever the dtype (where)
};
struct Unary : ElementwiseBase {
  static constexpr int arity = 1;
};
struct Binary : ElementwiseBase {
  static constexpr int arity = 2;
};
struct Ternary : ElementwiseBase {
  static constexpr int arity = 3;
};

}  // namespace stein::STEIN_UNIT
