// SPDX-License-Identifier: MIT
// The Laplacian of an energy, sum_i d^2 f / dx_i^2: less the trace of its score's Jacobian, s = -grad f. The term that implicit
// score matching of energies (Hyvarinen 2005), divergences of gradient flows and Schroedinger equations need.
#pragma once

#include <cstdint>
#include <string>

#include "smld/energy.h"

namespace stein::smld {

/// How the Laplacian of an energy is computed.
enum class LaplacianMethod : std::uint8_t {
  cheapest,  ///< planned or forward, whichever takes fewer multiply-adds
  nested,  ///< the gradient is differentiated again, by batches of vector-Jacobian products: 2 d (d h + (K-1) h^2) for K layers of h
  forward,  ///< forward Laplacian, collapsed Taylor mode (arXiv 2505.13644): (K-1) d h^2; any ops
  planned  ///< sums of rings read off the gradient's graph (docs/exact_trace.md): h for K = 1, h^3 for K = 2; chains only
};
/// "cheapest", "nested", "forward" or "planned". Throws Error for others.
LaplacianMethod laplacian_method(const std::string& name);

/// Of energy_terms() and laplacian().
struct LaplacianOptions {
  LaplacianMethod method = LaplacianMethod::cheapest;  ///< how
  std::int64_t memory = std::int64_t{1} << 30;         ///< bytes that the results of a chunk of directions may take
};

/// What an energy says at a batch of points.
struct EnergyTerms {
  Tensor energy;     ///< f(x), (B)
  Tensor gradient;   ///< grad f, the shape of x; the score is its negative
  Tensor laplacian;  ///< (B)
};

/// All three for x (B, ...). Recorded when recording is on and x or a parameter of f requires a gradient. Samples must not
/// interact. Throws Error when f does not return one number a sample, and for `planned` when f is no sum of chains.
EnergyTerms energy_terms(const Energy& f, const Tensor& x, const LaplacianOptions& options = {});
Tensor laplacian(const Energy& f, const Tensor& x, const LaplacianOptions& options = {});  ///< (B) alone

}  // namespace stein::smld
