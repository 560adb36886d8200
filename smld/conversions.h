// SPDX-License-Identifier: MIT
// The same thing in other clothes. At x_t = alpha x_0 + sigma z a model may give any of
//   the score     s   = grad log p_t(x_t) = -E[z | x_t] / sigma              (Song and Ermon 2019)
//   the noise     eps = E[z | x_t] = -sigma s                                (Ho et al. 2020, arXiv 2006.11239)
//   the denoised  x0  = E[x_0 | x_t] = (x_t + sigma^2 s) / alpha             (Tweedie; Robbins 1956, Vincent 2011)
//   the posterior mean E[x_(t-1) | x_t] of a chain, linear in x_t and x0     (Ho et al. 2020, equation 7)
// and each follows from any other. All functions: tensors (B, ...), the kernel of each sample (Sde::kernel, DdpmSchedule::kernel, or kernel() for one
// level for all); recorded like the ops they are made of. alpha and sigma must be above 0 where they divide.
#pragma once

#include "smld/diffusion_samplers.h"
#include "smld/sde.h"

namespace stein::smld {

/// One noise level for all samples, as tensors of rank 0 of `dtype`: what the functions below take just as well.
Kernel kernel(double alpha, double sigma, DType dtype = f32);

Tensor score_from_noise(const Tensor& eps, const Kernel& k);                      ///< -eps / sigma
Tensor noise_from_score(const Tensor& s, const Kernel& k);                        ///< -sigma s
Tensor denoised_from_score(const Tensor& x, const Tensor& s, const Kernel& k);    ///< (x + sigma^2 s) / alpha: Tweedie
Tensor score_from_denoised(const Tensor& x, const Tensor& x0, const Kernel& k);   ///< (alpha x0 - x) / sigma^2
Tensor denoised_from_noise(const Tensor& x, const Tensor& eps, const Kernel& k);  ///< (x - sigma eps) / alpha
Tensor noise_from_denoised(const Tensor& x, const Tensor& x0, const Kernel& k);   ///< (x - alpha x0) / sigma

/// E[x_r | x_t, x_0] for r < t on a chain with the kernels `now` (t) and `before` (r): with a = (alpha_t / alpha_r)^2 and v = sigma_t^2 - a sigma_r^2,
///   (alpha_r v x0 + sqrt(a) sigma_r^2 x_t) / sigma_t^2;
/// on DDPM's chain (sqrt(abar_(t-1)) beta_t x0 + sqrt(a_t) (1 - abar_(t-1)) x_t) / (1 - abar_t).
Tensor posterior_mean_from_denoised(const Tensor& x, const Tensor& x0, const Kernel& now, const Kernel& before);
/// (x_t + v s) / sqrt(a), on DDPM's chain (x_t + beta_t s) / sqrt(a_t). Not beta_t / sqrt(1 - abar_t) s: that is eps's coefficient, and its
/// appearance with s in print is a slip.
Tensor posterior_mean_from_score(const Tensor& x, const Tensor& s, const Kernel& now, const Kernel& before);
/// (x_t - v / sigma_t eps) / sqrt(a), on DDPM's chain (x_t - beta_t / sqrt(1 - abar_t) eps) / sqrt(a_t).
Tensor posterior_mean_from_noise(const Tensor& x, const Tensor& eps, const Kernel& now, const Kernel& before);
/// The first of the three solved for x0. Badly conditioned when the step is small: v divides.
Tensor denoised_from_posterior_mean(const Tensor& x, const Tensor& mean, const Kernel& now, const Kernel& before);
/// v sigma_r^2 / sigma_t^2, the variance of x_r given x_t and x_0; on DDPM's chain beta_t (1 - abar_(t-1)) / (1 - abar_t).
Tensor posterior_variance(const Kernel& now, const Kernel& before);

/// A noise model as a score of (x, t i64), and back, on DDPM's chain.
LevelScore score_of(NoiseModel noise, const DdpmSchedule& schedule);
/// The same for the steps of a chain: the predicted noise eps(x_t, t), t i64 (B).
NoiseModel noise_of(LevelScore score, const DdpmSchedule& schedule);

}  // namespace stein::smld
