// SPDX-License-Identifier: MIT
// Checks of derivatives against finite differences, of modes against each other, of batches against loops. Inputs may be on any device:
// the function and its derivatives are computed there; the host draws directions, moves arguments and compares.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "autograd/calculus/functional.h"

namespace stein {

/// One comparison of two numbers (or of two tensors: their largest difference).
struct CheckLine {
  int order = 0;          ///< derivative order
  std::string mode;       ///< what was compared, for example "rev-rev" or "batched cotangents"
  std::string argument;   ///< which argument was moved: "input 0", "cotangent 1", "all"
  double error = 0;       ///< relative
  double tolerance = 0;   ///< largest error that passes
  double expected = 0;    ///< the number compared with, of two numbers
  double got = 0;         ///< the number checked, of two numbers
  std::string problem{};  ///< text of an Error thrown on the way
  bool ok() const { return problem.empty() && error <= tolerance; }  ///< whether it passes; a NaN does not
};

/// All comparisons of a check.
struct CheckReport {
  std::vector<CheckLine> lines;  ///< in the order of the checks
  bool ok() const;               ///< whether there are lines and all pass
  /// Largest ratio error / tolerance; infinite when something threw.
  double worst() const;
  /// A table, the failures first and marked, or they alone.
  std::string to_string(bool failures_only = false) const;
  void append(const CheckReport& other);  ///< puts its lines behind these
};

/// What check_grads does.
struct CheckOptions {
  int order = 3;            ///< highest order of derivative
  bool forward = true;      ///< forward and mixed modes too
  double tolerance = 1e-7;  ///< of a derivative against finite differences, relative
  double agreement = 1e-9;  ///< of one mode against another, relative
  double step = 1e-3;       ///< of the finite difference, for a direction with entries in [-1, 1]
  std::uint64_t seed = 1;   ///< of directions and cotangents
};

/// Compares the derivatives of f (f64 inputs and outputs are differentiated, others held fixed) at `inputs` with finite
/// differences, order by order. With F_0 = f and F_k(z, c) = the vector-Jacobian product of F_(k-1) at z with cotangent
/// c, order k compares, for random directions v of ALL arguments z of F_(k-1) (so of the cotangents too) and random c,
///     d/dt <c, F_(k-1)(z + t v)>  by differences   with   <v, F_k(z, c)>   (reverse)
/// and with the forward derivative of F_(k-1) (fwd-rev: forward over reverse) and, at order 2, with the reverse and the
/// forward derivative of the forward one (rev-fwd, fwd-fwd). The difference has eight points, error O(step^8). Errors
/// are relative to the sum of the magnitudes of the terms of these inner products. Never throws for a failing rule: what
/// was thrown is a line of the report. A function without f64 result fails.
CheckReport check_grads(const TensorsFunction& f, const Tensors& inputs, const CheckOptions& options = {});
/// Of one input and one output.
CheckReport check_grads(const TensorFunction& f, const Tensor& x, const CheckOptions& options = {});

/// For f linear in its f64 inputs jointly: <f(x), y> = sum_k <x_k, (f* y)_k> and f's tangent along x is f(x), both to
/// `tolerance` relative to the sums' terms.
CheckReport check_adjoint(const TensorsFunction& f, const Tensors& inputs, double tolerance = 1e-13,
                          std::uint64_t seed = 1);

/// Batches of cotangents and of tangents (one and two lead axes; the latter with a shared, expanded axis; all shared)
/// against a loop, for f and for its vector-Jacobian product.
CheckReport check_batched(const TensorsFunction& f, const Tensors& inputs, double tolerance = 1e-12,
                          std::uint64_t seed = 1);

}  // namespace stein
