// SPDX-License-Identifier: MIT
// What the tests of nn/ share: golden files, the error measure of the golden values, the text of an error.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "ops/ops.h"
#include "tensor/recording.h"
#include "tensor/safetensors.h"
#include "tests/support/error_of.h"

namespace stein::test {

inline NamedTensors golden(const std::string& name) {
  return load_safetensors(std::string(STEIN_TEST_DATA) + "/golden/" + name + ".safetensors");
}

inline double largest(const Tensor& t) {
  double m = 0;
  for (const double v : t.detach().to(f64).to_vector<double>()) m = std::max(m, std::abs(v));
  return m;
}

/// max|a - b| / (max|b| + 1e-3 scale), where scale is the largest entry of all tensors that are compared together; infinite
/// for other shapes and for NaN.
inline double error(const Tensor& a, const Tensor& b, double scale) {
  if (a.shape() != b.shape()) return INFINITY;
  const auto x = a.detach().to(f64).to_vector<double>(), y = b.detach().to(f64).to_vector<double>();
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double d = std::abs(x[i] - y[i]);
    worst = d <= worst ? worst : std::isnan(d) ? INFINITY : d;
  }
  return worst == 0 ? 0 : worst / (largest(b) + 1e-3 * scale);
}

}  // namespace stein::test
