// SPDX-License-Identifier: MIT
// Samplers for diffusions: the reverse SDE with predictors and correctors, the probability flow (Song et al. 2021, arXiv 2011.13456), DDPM's
// ancestral sampling (Ho et al. 2020, 2006.11239) and DDIM (Song et al. 2021, 2010.02502). All run in x's dtype and record nothing.
#pragma once

#include "smld/ode.h"
#include "smld/sampling.h"
#include "smld/sde.h"

namespace stein::smld {

/// Draws from the prior at t = 1, N(0, sde.prior_deviation()^2 I).
Tensor prior_sample(const Sde& sde, const Shape& shape, Generator& generator, DType dtype = f32,
                    const Device& device = cpu);

// ---- the reverse SDE ----

/// One step from t to r < t. a = (alpha_t / alpha_r)^2 and v = sigma_t^2 - a sigma_r^2 are the exact forward transition from r to t,
/// x_t = sqrt(a) x_r + sqrt(v) z: on VP v = 1 - a is the chain's beta_i, on VE a = 1 and v = sigma_i^2 - sigma_(i-1)^2. h = t - r > 0.
enum class Predictor : std::uint8_t {
  euler_maruyama,     ///< mean x - h (f x - g^2 s), variance g^2 h, f and g at t
  reverse_diffusion,  ///< mean (2 - sqrt(a)) x + v s, variance v (2011.13456, algorithms 2 and 3: the predictor)
  ancestral,  ///< mean (x + v s) / sqrt(a), variance v sigma_r^2 / sigma_t^2 (2011.13456, appendix F; DDPM's posterior)
  none        ///< corrector only
};
/// "euler-maruyama", "reverse-diffusion", "ancestral" or "none". Throws Error for others.
Predictor predictor(const std::string& name);

/// Of reverse_sde().
struct ReverseSdeOptions : SamplerHooks {
  /// At the times linspace(1, end, steps), each step to the next of them and the last to 0, where alpha = 1 and sigma = 0 except for
  /// Euler-Maruyama, which knows only f and g and so leaves VE's sigma_min.
  std::int64_t steps = 1000;
  double end = 0;                                      ///< 0: sde.sampling_end()
  Predictor predictor = Predictor::reverse_diffusion;  ///< the step of the SDE
  /// Langevin steps before each predictor step, at its time: the full step of size 2 a (snr mean|z| / mean|s|)^2, the norms averaged
  /// over the batch, a as above (2011.13456, algorithms 4 and 5). Published: 1.
  std::int64_t corrector_steps = 0;
  double snr = 0.16;  ///< signal-to-noise ratio of the corrector (Song et al. 2021, algorithms 4 and 5)
  /// Each step is taken this often, with the forward transition back from r to t in between (RePaint, arXiv 2201.09865, one step long):
  /// for constraints. Costs that many times as much.
  std::int64_t rounds = 1;
};

/// Samples from x (B, ...) ~ prior_sample through the reverse SDE; the last step's mean, without its noise, is returned (with
/// reverse_diffusion and ancestral about Tweedie's). Throws Error for steps < 1, end outside (0, 1), rounds < 1, snr <= 0, and for neither
/// predictor nor corrector.
Tensor reverse_sde(const TimeScore& score, const Sde& sde, const Tensor& x, Generator& generator,
                   const ReverseSdeOptions& options = {});

// ---- probability flow ----

/// Of probability_flow().
struct FlowOptions {
  std::int64_t steps = 0;  ///< 0: Dormand-Prince with the tolerances; n: n steps of Heun
  double rtol = 1e-5;      ///< relative to |y|
  double atol = 1e-5;      ///< absolute
  std::function<bool(std::int64_t done, std::int64_t total)> progress{};  ///< as in SamplerHooks
};

/// dx/dt = f x - g^2 s / 2 from t = `from` to t = `to`, in either direction: sampling is from 1 to sde.sampling_end(), encoding from
/// 1e-5 to 1. At the end the distribution is that of x at `to`: on VE N(0, sigma(to)^2 I) is still in it.
OdeResult probability_flow(const TimeScore& score, const Sde& sde, const Tensor& x, double from, double to,
                           const FlowOptions& options = {});
/// From the prior to sde.sampling_end().
Tensor probability_flow(const TimeScore& score, const Sde& sde, const Tensor& x, const FlowOptions& options = {});

// ---- DDPM's chain ----

/// x (B, ...), t (B) i64 in 1 ... T -> the noise in x_t, eps (B, ...): s = -eps / sqrt(1 - abar_t).
using NoiseModel = std::function<Tensor(const Tensor& x, const Tensor& t)>;

/// Variance of a step back.
enum class DdpmVariance : std::uint8_t {
  beta,      ///< beta_t: right for data N(0, I)
  posterior  ///< beta_t (1 - abar_(t-1)) / (1 - abar_t): right for a single data point
};

/// Of ddpm().
struct DdpmOptions : SamplerHooks {
  DdpmVariance variance = DdpmVariance::posterior;  ///< of a step back
  std::int64_t rounds = 1;                          ///< as in ReverseSdeOptions
};

/// Ancestral sampling (2006.11239, algorithm 2) from x ~ N(0, I) at t = T: mean (x_t - beta_t / sqrt(1 - abar_t) eps) / sqrt(1 - beta_t), no noise in
/// the last step.
Tensor ddpm(const NoiseModel& noise, const DdpmSchedule& schedule, const Tensor& x, Generator& generator,
            const DdpmOptions& options = {});

/// Of ddim().
struct DdimOptions : SamplerHooks {
  double eta =
      0;  ///< 0: deterministic; 1: ancestral with the posterior variance, equal to ddpm() when no step is left out
  /// This many of the times T ... 1, evenly spaced, both ends included (one: T).
  std::int64_t steps = 50;
  std::vector<std::int64_t> times{};  ///< or these, decreasing, in T ... 1; the last step always ends at 0
  std::int64_t rounds = 1;            ///< times that each step is gone
};

/// DDIM (2010.02502, equation 12) from x at the first time: t -> r gives sqrt(abar_r) x0 + sqrt(1 - abar_r - w) eps + sqrt(w) z with
/// x0 = (x_t - sqrt(1 - abar_t) eps) / sqrt(abar_t), w = eta^2 (1 - abar_r) / (1 - abar_t) (1 - abar_t / abar_r). Throws Error unless eta is in [0, 1].
Tensor ddim(const NoiseModel& noise, const DdpmSchedule& schedule, const Tensor& x, Generator& generator,
            const DdimOptions& options = {});

}  // namespace stein::smld
