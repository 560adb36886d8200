// SPDX-License-Identifier: MIT
// Inputs of norms at other sizes than those of their samples, and how far their results are apart.
#pragma once

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "ops/registry.h"
#include "tensor/random.h"

namespace stein::test {

/// The registered op of that name.
inline const OpEntry& entry(const std::string& name) {
  for (const auto& e : op_registry().entries())
    if (e.name == name) return e;
  throw std::runtime_error("no op " + name);
}

/// Inputs of the op's first sample, for other images: C 3 stands for c channels, 9 for their coefficients.
inline Tensors inputs(const Sample& sample, std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) {
  Generator g(static_cast<std::uint64_t>(n + 10 * c + 1000 * h));
  Tensors in;
  for (const auto& spec : sample.inputs) {
    Shape shape = spec.shape;
    shape[0] = n;
    shape[1] = shape[1] == 9 ? 3 * c : c;
    if (shape.rank() == 4) shape[2] = h, shape[3] = w;
    in.push_back(uniform(shape, g, spec.lo, spec.hi, f64));
  }
  return in;
}

/// The largest error beside the largest element.
inline double error(const Tensor& got, const Tensor& want) {
  const auto a = got.to(cpu).to(f64).to_vector<double>(), b = want.to_vector<double>();
  if (a.size() != b.size()) return INFINITY;
  double worst = 0, largest = 1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    worst = std::isnan(a[i] - b[i]) ? INFINITY : std::max(worst, std::abs(a[i] - b[i]));
    largest = std::max(largest, std::abs(b[i]));
  }
  return worst / largest;
}

}  // namespace stein::test
