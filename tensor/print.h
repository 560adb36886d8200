// SPDX-License-Identifier: MIT
#pragma once

#include <iosfwd>
#include <string>

#include "tensor/tensor.h"

namespace stein {

/// As numpy.set_printoptions, with its defaults.
struct PrintOptions {
  int precision = 8;              ///< digits after the point, at most; never more than the number needs
  std::int64_t threshold = 1000;  ///< tensors with more elements are summarised with ...
  std::int64_t edge_items = 3;    ///< elements shown at both ends of each summarised axis
  int line_width = 75;            ///< characters, before a row continues on the next line
};

/// The elements in nested brackets, in logical order and aligned in columns, as NumPy prints them. Floats share one notation:
/// exponents appear when the largest is at least 1e8 (f32: 1e6), the smallest below 1e-4, or their ratio above 1000.
std::string to_string(const Tensor& t, const PrintOptions& options = {});

std::ostream& operator<<(std::ostream& out, const Tensor& t);  ///< writes to_string(t)

}  // namespace stein
