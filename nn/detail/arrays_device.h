// SPDX-License-Identifier: MIT
// Many arrays in one launch: each is cut into pieces, which are numbered through all of them, and a block takes a piece at a time.
#pragma once

#include "tensor/kernel.h"

namespace stein::STEIN_UNIT {

/// The array that a piece belongs to: the last one whose `first`, the number of its first piece, is not behind it.
template <class Array>
STEIN_KERNEL const Array& array_of(const Array* arrays, int count, std::int64_t piece) {
  int low = 0, high = count;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (arrays[middle].first <= piece ? low : high) = middle;
  }
  return arrays[low];
}

}  // namespace stein::STEIN_UNIT
