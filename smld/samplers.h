// SPDX-License-Identifier: MIT
// Langevin dynamics with one score and along a ladder of noise levels (Song and Ermon, arXiv 1907.05600).
#pragma once

#include <functional>

#include "smld/losses.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace stein::smld {

/// The two conventions for a step of size tau; equal when the half step's is twice the full step's.
enum class LangevinStep : std::uint8_t {
  full,  ///< x += tau s + sqrt(2 tau) z: the published NCSN code, whose step size 2e-5 belongs to it
  half,  ///< x += tau/2 s + sqrt(tau) z: the NCSN paper's pseudo-code
};

/// `steps` steps of size tau from x. Nothing is recorded. Throws Error unless tau > 0 and steps >= 0.
Tensor langevin(const Score& score, const Tensor& x, double tau, std::int64_t steps, Generator& generator,
                LangevinStep step = LangevinStep::full);

/// Somebody asked for an end: by a progress callback, or by the flag of a training run.
class Interrupted : public Error {
 public:
  explicit Interrupted(const std::string& op) : Error("[" + op + "] expected to finish; got an interruption") {}
};

struct AnnealedOptions {
  std::int64_t steps_per_level = 100;
  /// Step size at the last level; level i uses epsilon sigma_i^2 / sigma_L^2. 0: 0.2 sigma_L^2 for the full step, twice that
  /// for the half step (published: 2e-5 at sigma_L 0.01).
  double epsilon = 0;
  LangevinStep step = LangevinStep::full;
  /// End with the posterior mean x + sigma_L^2 s(x, L-1) (Tweedie), which takes the last level's noise away.
  bool denoise = true;
  /// Called after each step with the number of steps done and their total; returning false ends the sampling by throwing
  /// Interrupted.
  std::function<bool(std::int64_t done, std::int64_t total)> progress{};
};

/// Annealed Langevin dynamics from x (B, ...) through the levels of `ladder` (L), largest first. Nothing is recorded. Published
/// starts: uniform in [0, 1] for images, or N(0, sigma_1^2 I).
Tensor annealed_langevin(const LevelScore& score, const Tensor& ladder, const Tensor& x, Generator& generator,
                         const AnnealedOptions& options = {});

}  // namespace stein::smld
