// SPDX-License-Identifier: MIT
// A mixture's exact score at every noise level, made of recorded ops: what samplers, likelihoods and networks are measured against.
#pragma once

#include "smld/data/mixture.h"
#include "smld/diffusion_samplers.h"
#include "smld/sde.h"

namespace stein::smld {

/// x_t = alpha x_0 + sigma z, x_0 from the mixture, is a mixture again: means alpha mu_k, covariances alpha^2 S_k + sigma^2 I. Unlike GaussianMixture's
/// functions these take a noise level for each sample and any f32 or f64, compute in that dtype, and can be differentiated (in x).
/// x (B, d); the kernel's alpha and sigma (B, 1), or of one element.
class MixtureScore {
 public:
  explicit MixtureScore(const GaussianMixture& p);  ///< keeps copies

  Tensor log_density(const Tensor& x, const Kernel& k) const;  ///< log p_t(x), (B)
  Tensor score(const Tensor& x, const Kernel& k) const;        ///< grad log p_t(x), (B, d)
  Tensor denoised(const Tensor& x,
                  const Kernel& k) const;  ///< E[x_0 | x_t = x], (B, d), without the score: sum_k r_k m_k
  Tensor responsibilities(const Tensor& x, const Kernel& k) const;  ///< of the components, (B, K)

  TimeScore score_of(const Sde& sde) const;                 ///< (x, t) -> score
  LevelScore score_of(const Tensor& ladder) const;          ///< (x, level) -> score, alpha = 1, sigma = ladder[level]
  Score score_at(double sigma = 0) const;                   ///< x -> score of the mixture smoothed by N(0, sigma^2 I)
  NoiseModel noise_of(const DdpmSchedule& schedule) const;  ///< (x, t i64) -> E[z | x_t]

 private:
  struct Parts;
  Parts parts(const Tensor& x, const Kernel& k) const;
  Tensor log_weights_, means_, axes_,
      variances_;  // (K), (K, d), (K, d, d) eigenvectors in columns, (K, d) eigenvalues; f64
};

}  // namespace stein::smld
