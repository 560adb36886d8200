// SPDX-License-Identifier: MIT
// What measured numbers need beside them.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "ops/ops.h"
#include "tools/lab/lab.h"

namespace stein::tools {

/// A mean and its standard error.
struct Mean {
  double value, error;
};

/// The mean of independent measurements, all elements of t (n >= 2).
inline Mean mean_of(const Tensor& t) {
  return {mean(t).item(), std::sqrt(var(t).item() / static_cast<double>(t.numel()))};
}

/// For text: 0.123 ± 0.004, the mean to the place of the error's second digit.
inline std::string num(const Mean& m) {
  const double ratio = std::abs(m.value) / std::max(m.error, 1e-300);
  const int digits = ratio > 1 ? std::clamp(static_cast<int>(std::floor(std::log10(ratio))) + 2, 2, 9) : 2;
  return num(m.value, digits) + " ± " + num(m.error, 2);
}

}  // namespace stein::tools
