// SPDX-License-Identifier: MIT
// The checks of registered ops on their registered samples, as a table: `stein gradcheck [op]`, and the every-op suite.
#pragma once

#include "autograd/calculus/check.h"
#include "ops/registry.h"

namespace stein {

/// One comparison of one op on one sample.
struct GradcheckRow {
  std::string op;        ///< its name
  std::string sample;    ///< label of the sample
  int order;             ///< of the derivative
  std::string mode;      ///< as CheckLine's
  std::string argument;  ///< as CheckLine's
  double error;          ///< relative
  double tolerance;      ///< largest error that passes
  bool ok;               ///< whether it passed
  std::string problem;   ///< what was thrown, if anything
};

/// Inputs as the sample's specs ask for; floating ones in f64 unless the spec says f32.
Tensors draw_inputs(const Sample& sample, std::uint64_t seed = 1);

/// True when the sample has an f64 input and result, so that there is something to differentiate.
bool has_derivative(const OpEntry& op, const Sample& sample);

/// check_grads, check_adjoint (linear samples) and check_batched of one sample.
CheckReport check_sample(const OpEntry& op, const Sample& sample, int order = 3);

/// The same for all samples of an op; empty when it is not differentiable.
std::vector<GradcheckRow> gradcheck(const OpEntry& op, int order = 3);
/// By name. Throws Error, naming the nearest names, when there is none such.
std::vector<GradcheckRow> gradcheck(const std::string& op, int order = 3);

}  // namespace stein
