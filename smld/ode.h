// SPDX-License-Identifier: MIT
// Ordinary differential equations dy/dt = f(t, y) for tensors, forwards or backwards in time. Nothing is recorded.
#pragma once

#include <cstdint>
#include <functional>

#include "tensor/tensor.h"

namespace stein::smld {

/// t, y -> dy/dt, of y's shape and dtype.
using OdeRhs = std::function<Tensor(double t, const Tensor& y)>;

/// What heun() and dormand_prince() return.
struct OdeResult {
  Tensor y;                      ///< at the end
  std::int64_t evaluations = 0;  ///< of f
  std::int64_t steps = 0;        ///< accepted
  std::int64_t rejected = 0;     ///< done again with a smaller step
};

/// Heun's method (explicit trapezoidal rule, second order) in `steps` equal steps from t = from to t = to. Throws Error for
/// steps < 1 and for a non-finite result.
OdeResult heun(const OdeRhs& f, const Tensor& y, double from, double to, std::int64_t steps,
               const std::function<bool(std::int64_t done, std::int64_t total)>& progress = {});

/// Of dormand_prince().
struct OdeOptions {
  /// The error of a step, estimated, over atol + rtol |y|, squared and averaged over all elements of y, is kept below 1.
  double rtol = 1e-5;     ///< see above
  double atol = 1e-5;     ///< see above
  double first_step = 0;  ///< 0: chosen from f (Hairer, Norsett and Wanner, Solving ODEs I, section II.4)
  std::int64_t max_evaluations = 100000;  ///< of f; beyond it throws Error
  /// After each accepted step, with their number and 0; returning false throws Interrupted.
  std::function<bool(std::int64_t done, std::int64_t total)> progress{};
};

/// Dormand and Prince's pair of orders 5 and 4 (1980) with adaptive steps: the fifth-order result is carried on, the last stage is the next
/// step's first. All samples share the step. Throws Error when the step falls below the resolution of t (an f that is not finite or
/// not smooth), and past max_evaluations.
OdeResult dormand_prince(const OdeRhs& f, const Tensor& y, double from, double to, const OdeOptions& options = {});

}  // namespace stein::smld
