// SPDX-License-Identifier: MIT
// Likelihoods by the probability flow (Song et al. 2021, arXiv 2011.13456, section 4.3 and appendix D.2).
#pragma once

#include "smld/sde.h"
#include "smld/trace.h"

namespace stein::smld {

/// Of log_likelihood().
struct LikelihoodOptions {
  /// exact, or an estimator: its probes are drawn once, from trace.generator, and held along the path, sample by sample.
  TraceOptions trace{};
  double rtol = 1e-5;                                                     ///< of the ODE's steps, relative
  double atol = 1e-5;                                                     ///< and absolute
  double start = 1e-5;                                                    ///< the time at which x is taken to lie
  std::function<bool(std::int64_t done, std::int64_t total)> progress{};  ///< accepted steps, 0
};

/// What log_likelihood() finds.
struct Likelihood {
  Tensor log_p;                  ///< (B), of x's dtype
  Tensor latent;                 ///< (B, ...): x at t = 1
  std::int64_t evaluations = 0;  ///< of the score, with its trace
};

/// log p(x) = log prior(x(1)) + int div dt along dx/dt = f x - g^2 s / 2 from `start` to 1, div = d f - g^2 / 2 tr ds/dx; x (B, ...).
/// The state and the integral share one Dormand-Prince with one step for the whole batch. The error is that of the score, of the tolerances, and
/// the prior's mismatch (a centred mixture with its own score: 0.005 on VP, 0.035 on VE with sigma_max 20; more with a mean). It is the density of the data smoothed by the
/// kernel at `start`: on VE by sigma_min. Nothing is recorded. Throws Error for start outside (0, 1), and what trace and ode throw.
Likelihood log_likelihood(const TimeScore& score, const Sde& sde, const Tensor& x,
                          const LikelihoodOptions& options = {});

/// How 256 levels k were scaled: u = (k + U) / 256, U uniform in [0, 1).
enum class PixelRange : std::uint8_t {
  unit,      ///< u in [0, 1)
  symmetric  ///< 2 u - 1 in [-1, 1)
};
/// -log2 p / d + 8 for u, + 7 for 2 u - 1: log_p (any shape) is that of d values a sample; of the levels themselves, an upper bound.
Tensor bits_per_dim(const Tensor& log_p, std::int64_t d, PixelRange range);
/// Uniform dequantisation: levels (any shape, u8, or floating whole numbers in 0 ... 255) -> u or 2 u - 1. Throws Error for other values.
Tensor dequantise(const Tensor& levels, PixelRange range, Generator& generator, DType dtype = f32);

}  // namespace stein::smld
