// SPDX-License-Identifier: MIT
#include "nn/energy_mlp.h"

#include "ops/ops.h"

namespace stein::nn {
namespace {

std::vector<std::int64_t> sizes(std::int64_t dimension, std::vector<std::int64_t> hidden) {
  hidden.insert(hidden.begin(), dimension);
  hidden.push_back(1);
  return hidden;
}

std::string_view smooth(std::string_view activation) {
  if (activation == "relu")
    fail("energy_mlp", "an activation with a second derivative", "relu",
         "the trace of -grad f would be 0 everywhere; softplus, silu and tanh are smooth");
  return activation;
}

}  // namespace

EnergyMLP::EnergyMLP(std::int64_t d, const std::vector<std::int64_t>& hidden, std::string_view activation,
                     Generator& generator)
    : MLP(sizes(d, hidden), smooth(activation), generator), dimension(d) {}

Tensor EnergyMLP::operator()(const Tensor& x) const {
  if (x.rank() != 2 || x.size(1) != dimension)
    fail("energy_mlp", "x (B, " + std::to_string(dimension) + ")", describe(x));
  return squeeze(MLP::operator()(x), 1);
}

}  // namespace stein::nn
