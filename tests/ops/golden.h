// SPDX-License-Identifier: MIT
// Runs ops on the inputs of tests/data/golden/ops_*.safetensors and compares values and gradients with PyTorch's.
#pragma once

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "autograd/grad.h"
#include "ops/ops.h"
#include "tensor/print.h"
#include "tensor/safetensors.h"

namespace stein::test {

/// What computes a case: from its inputs, floating ones recorded, to its outputs.
using Compute = std::function<Tensors(const Tensors&)>;
using Cases = std::map<std::string, Compute>;

/// Largest |a - b| over finite entries, divided by 1 + max|b|; infinite when NaNs, infinities, shapes or dtypes disagree.
inline double difference(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return HUGE_VAL;
  if (!is_floating(a.dtype())) return equal(a, b) ? 0 : HUGE_VAL;
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  double worst = 0, top = 1;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i]) && std::isnan(y[i])) continue;
    if (!std::isfinite(x[i]) || !std::isfinite(y[i])) {
      if (x[i] != y[i]) return HUGE_VAL;
      continue;
    }
    worst = std::max(worst, std::abs(x[i] - y[i]));
    top = std::max(top, std::abs(y[i]));
  }
  return worst / top;
}

/// Runs every case of the file. A case of the file that `cases` lacks, and the other way round, is a failure.
inline void check_golden(const std::string& file, const Cases& cases, double tolerance = 1e-12) {
  Metadata calls;
  const NamedTensors stored = load_safetensors(STEIN_TEST_DATA "/golden/" + file, &calls);
  calls.erase("stein.crc32");
  for (const auto& [name, f] : cases) {
    INFO(name);
    CHECK(calls.count(name) == 1);
  }
  for (const auto& [name, call] : calls) {
    INFO(name << ": " << call);
    const auto found = cases.find(name);
    CHECK(found != cases.end());
    if (found == cases.end()) continue;
    Tensors inputs, wanted, outputs, cotangents, differentiable;
    std::vector<int> position;
    for (int k = 0; stored.count(name + ".input" + std::to_string(k)); ++k) {
      inputs.push_back(stored.at(name + ".input" + std::to_string(k)).clone());
      if (!stored.count(name + ".grad" + std::to_string(k))) continue;
      inputs.back().requires_grad_();
      wanted.push_back(inputs.back());
      position.push_back(k);
    }
    outputs = found->second(inputs);
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      const bool single = stored.count(name + ".output") == 1;
      const std::string suffix = single ? "" : std::to_string(k);
      INFO("output" << suffix << "\nexpected " << to_string(stored.at(name + ".output" + suffix)) << "\ngot "
                    << to_string(outputs[k].detach()));
      CHECK(difference(outputs[k].detach(), stored.at(name + ".output" + suffix)) <= tolerance);
      if (!stored.count(name + ".cotangent" + suffix)) continue;
      differentiable.push_back(outputs[k]);
      cotangents.push_back(stored.at(name + ".cotangent" + suffix));
    }
    if (wanted.empty()) continue;
    const Tensors grads = grad(differentiable, wanted, {.cotangents = cotangents});
    for (std::size_t k = 0; k < grads.size(); ++k) {
      const Tensor& expected = stored.at(name + ".grad" + std::to_string(position[k]));
      INFO("gradient of input " << position[k] << "\nexpected " << to_string(expected) << "\ngot "
                                << to_string(grads[k]));
      CHECK(difference(grads[k], expected) <= tolerance);
    }
  }
}

/// A case of one tensor from its inputs.
template <class F>
Compute one(F f) {
  return [f](const Tensors& in) { return Tensors{f(in)}; };
}

}  // namespace stein::test
