// SPDX-License-Identifier: MIT
// Laws of the noise u in denoising score matching, x~ = x + u (Vincent 2011), and densities smoothed by them.
#pragma once

#include <functional>
#include <string>

#include "smld/data/mixture.h"
#include "tensor/random.h"

namespace stein::smld {

/// A law of noise with density q(u). The target of denoising is score(x~ - x) = grad_{x~} log q(x~ | x).
struct Noise {
  std::string name;  ///< for people
  double scale;      ///< its size a dimension: what the scaled loss multiplies the score with
  std::function<Tensor(const Tensor& like, Generator& generator)>
      draw;                                      ///< u of the shape and dtype of `like` (B, ...)
  std::function<Tensor(const Tensor& u)> score;  ///< grad log q(u): the shape of u
};

/// N(0, sigma^2 I): score -u / sigma^2; scale sigma. Throws Error unless sigma > 0.
Noise gaussian_noise(double sigma);
/// Each element Laplace, density exp(-|u| / b) / (2 b), variance 2 b^2: score -sign(u) / b; scale b. Throws Error unless b > 0.
Noise laplace_noise(double b);
/// Noise drawn from a Gaussian mixture in R^d, for samples (B, d): score that of the mixture; scale sqrt(tr Cov / d), the mean
/// of the mixture counted in. Drawing throws Error for samples of another shape.
Noise mixture_noise(const GaussianMixture& q);

/// The law of x + u, x ~ p and u ~ q independent: the mixture with w_k v_l, mu_k + nu_l, S_k + T_l. Throws Error for other
/// dimensions.
GaussianMixture convolve(const GaussianMixture& p, const GaussianMixture& q);

/// log density (B) and score (B, d) of p smoothed by Laplace noise of scale b, exact: a dimension of N(mu, S) becomes
/// log q(y) = -u^2 / (2 S) - log 4 b + log(A + B), u = y - mu, A and B = erfcx((sqrt(S) / b -+ u / sqrt(S)) / sqrt 2), with the score
/// (B - A) / (b (A + B)); products over dimensions, mixed over components. x (B, d), f32 or f64; computed in f64.
/// Throws Error unless b > 0 and every covariance of p is diagonal.
Tensor laplace_log_density(const GaussianMixture& p, const Tensor& x, double b);
/// Its gradient in x: (B, d) of x's dtype.
Tensor laplace_score(const GaussianMixture& p, const Tensor& x, double b);

/// erfcx(x) = exp(x^2) erfc(x), relative error below 1e-13 for x > -26; infinite below -26.7.
double erfcx(double x);
/// Its logarithm, finite for every finite x.
double log_erfcx(double x);

}  // namespace stein::smld
