// SPDX-License-Identifier: MIT
// Langevin dynamics with one score and along a ladder of noise levels (Song and Ermon, arXiv 1907.05600).
#pragma once

#include "smld/losses.h"
#include "smld/sampling.h"

namespace stein::smld {

/// The two conventions for a step of size tau; equal when the half step's is twice the full step's.
enum class LangevinStep : std::uint8_t {
  full,  ///< x += tau s + sqrt(2 tau) z: the published NCSN code, whose step size 2e-5 belongs to it
  half,  ///< x += tau/2 s + sqrt(tau) z: the NCSN paper's pseudo-code
};

/// `steps` steps of size tau from x. Nothing is recorded. For N(0, S) the full step's stationary variance is S / (1 - tau / (2 S)); it is
/// stable for tau < 2 S. hooks.constraint gets alpha = 1, sigma = 0. Throws Error unless tau > 0 and steps >= 0.
Tensor langevin(const Score& score, const Tensor& x, double tau, std::int64_t steps, Generator& generator,
                LangevinStep step = LangevinStep::full, const SamplerHooks& hooks = {});

/// What mala() returns.
struct MalaResult {
  Tensor x;  ///< the points at the end
  double acceptance =
      0;  ///< share of proposals accepted, over samples and steps; about 0.57 is best in many dimensions
};
/// Metropolis-adjusted Langevin (Roberts and Tweedie 1996): the full step of size tau is a proposal, accepted sample by sample with
///   log u < log p(x') - log p(x) - (|x - x' - tau s(x')|^2 - |x' - x - tau s(x)|^2) / (4 tau).
/// p is sampled without any bias of the step size. log_density: x (B, ...) -> (B), up to a constant; score: its gradient (another
/// direction is corrected, too, but accepted less often). Nothing is recorded. Throws Error unless tau > 0 and steps >= 0.
MalaResult mala(const std::function<Tensor(const Tensor& x)>& log_density, const Score& score, const Tensor& x,
                double tau, std::int64_t steps, Generator& generator, const SamplerHooks& hooks = {});

/// Of annealed_langevin().
struct AnnealedOptions : SamplerHooks {
  std::int64_t steps_per_level = 100;  ///< Langevin steps
  /// Step size at the last level; level i uses epsilon sigma_i^2 / sigma_L^2. 0: 0.2 sigma_L^2 for the full step, twice that
  /// for the half step (published: 2e-5 at sigma_L 0.01).
  double epsilon = 0;
  LangevinStep step = LangevinStep::full;  ///< convention of the step size
  /// End with the posterior mean x + sigma_L^2 s(x, L-1) (Tweedie), which takes the last level's noise away: a mode of variance S
  /// comes out with S^2 / (S + sigma_L^2), without it with S + sigma_L^2.
  bool denoise = true;
};

/// Annealed Langevin dynamics from x (B, ...) through the levels of `ladder` (L), largest first. Nothing is recorded. Published
/// starts: uniform in [0, 1] for images, or N(0, sigma_1^2 I). options.constraint gets alpha = 1 and the level's sigma. Throws
/// Error for levels that are not above 0 or that rise.
Tensor annealed_langevin(const LevelScore& score, const Tensor& ladder, const Tensor& x, Generator& generator,
                         const AnnealedOptions& options = {});

}  // namespace stein::smld
