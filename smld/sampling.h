// SPDX-License-Identifier: MIT
// What all samplers share: where their noise comes from, what is held fixed while they run, who may stop them.
#pragma once

#include <cstdint>
#include <functional>

#include "tensor/error.h"
#include "tensor/random.h"

namespace stein::smld {

/// Somebody asked for an end: by a progress callback, or by the flag of a training run.
class Interrupted : public Error {
 public:
  /// In the name of `op`.
  explicit Interrupted(const std::string& op) : Error("[" + op + "] expected to finish; got an interruption") {}
};

/// Noise for one draw, standard normal in every entry, of the shape and dtype of `like` (the samples).
using NoiseSource = std::function<Tensor(const Tensor& like)>;

/// x (B, ...), at the noise level alpha, sigma (x = alpha x_0 + sigma z), -> what the next step starts from. Called before each
/// step, and once after the last with alpha = 1, sigma = 0.
using Constraint = std::function<Tensor(const Tensor& x, double alpha, double sigma)>;

/// Every sampler's options begin with these.
struct SamplerHooks {
  /// Empty: standard normal draws from the sampler's generator. Langevin's and MALA's too.
  NoiseSource noise{};
  Constraint constraint{};  ///< empty: none
  /// Called after each step with the number of steps done and their total (0: not known beforehand); returning false ends the
  /// sampling by throwing Interrupted.
  std::function<bool(std::int64_t done, std::int64_t total)> progress{};
};

/// Inpainting: what `mask` (bool, or 0 and 1; broadcasts to x) marks is replaced by alpha y + sigma z, z fresh each time (NCSN, arXiv 1907.05600,
/// algorithm 2; SDE, 2011.13456, appendix I.2); in the end by y itself, `known` (broadcasts to x).
/// Biased: the rest never sees how the known part hangs together with it at finite noise. In a Gaussian example the conditional
/// mean comes out as 0.95 for 1.35; samplers with `rounds` mend it (five: 1.28).
/// The generator must live as long as the constraint is called.
Constraint inpaint(const Tensor& known, const Tensor& mask, Generator& generator);

/// Interpolation as published with NCSN: in every draw all samples share two fields p and q, and sample i gets cos(u_i) p + sin(u_i) q.
/// u (B) in [0, pi/2], f32 or f64, gives the frames of a path from one sample to another. Draw the start from it, too. With deterministic
/// samplers the start alone decides. The generator must live as long as the source is called.
NoiseSource interpolation_noise(const Tensor& u, Generator& generator);

}  // namespace stein::smld
