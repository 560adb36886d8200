// SPDX-License-Identifier: MIT
// Diffusions with a linear drift, dx = f(t) x dt + g(t) dw, t in [0, 1] (Song et al. 2021, arXiv 2011.13456), and DDPM's
// chain, their discretisation (Ho et al. 2020, arXiv 2006.11239). Both perturb data by a Gaussian kernel,
// x_t = alpha x_0 + sigma z.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "smld/losses.h"
#include "tensor/random.h"

namespace stein::smld {

/// x (B, ...), t (B) of x's dtype, the time of each sample -> score (B, ...).
using TimeScore = std::function<Tensor(const Tensor& x, const Tensor& t)>;

/// alpha and sigma of each sample, (B, 1, ..., 1) of the samples' rank: x_t = alpha x_0 + sigma z.
struct Kernel {
  Tensor alpha;  ///< of the data
  Tensor sigma;  ///< of the noise
};

/// Times t (n) and the weight (n) of each, so that the mean of weight h(t) is the mean of h(t) over t ~ U(start, 1).
struct Times {
  Tensor t;       ///< (B) in [0, 1]
  Tensor weight;  ///< (B): makes the mean over draws unbiased
};

/// A diffusion on t in [0, 1] from data to noise with x_t = alpha(t) x_0 + sigma(t) z (Song et al. 2021, arXiv 2011.13456).
class Sde {
 public:
  /// Variance preserving, sub-VP, variance exploding.
  enum class Kind : std::uint8_t { vp, sub_vp, ve };

  /// Variance preserving: g^2 = beta(t) = beta_min + t (beta_max - beta_min), f = -beta/2, alpha = exp(-B/2),
  /// sigma^2 = 1 - exp(-B), B the integral of beta. Throws Error unless 0 <= beta_min <= beta_max and 0 < beta_max,
  /// finite.
  static Sde vp(double beta_min = 0.1, double beta_max = 20);
  /// The same drift and alpha; sigma = 1 - exp(-B), g^2 = beta (1 - exp(-2B)): below VP's at every time.
  static Sde sub_vp(double beta_min = 0.1, double beta_max = 20);
  /// Variance exploding: no drift, sigma = sigma_min (sigma_max / sigma_min)^t, g^2 = 2 sigma^2 ln(sigma_max / sigma_min).
  /// At t = 0 the noise sigma_min is already there. Throws Error unless 0 < sigma_min < sigma_max, finite.
  static Sde ve(double sigma_min = 0.01, double sigma_max = 50);
  /// "vp", "sub-vp" or "ve" with the values above. Throws Error for other names.
  static Sde named(const std::string& name);

  Kind kind() const { return kind_; }  ///< which of them
  // All functions of the time throw Error for t outside [0, 1], where the formulas go on but mean nothing; 1e-6 beyond is rounding.
  double alpha(double t) const;       ///< of the data
  double sigma(double t) const;       ///< of the noise
  double drift(double t) const;       ///< f(t)
  double diffusion2(double t) const;  ///< g(t)^2
  double beta(double t) const;        ///< VP and sub-VP; VE: 0
  /// Kernel at t (B), floating, for samples of rank `rank`. t is taken as a constant.
  Kernel kernel(const Tensor& t, int rank) const;
  Tensor diffusion2(const Tensor& t) const;  ///< (B) -> (B)

  /// Deviation of the prior N(0, deviation^2 I) at t = 1: 1, or sigma_max.
  double prior_deviation() const { return kind_ == Kind::ve ? high_ : 1.0; }
  /// Where sampling ends: 1e-3, for VE 1e-5, as in the published code. Training and likelihoods begin at 1e-5.
  double sampling_end() const { return kind_ == Kind::ve ? 1e-5 : 1e-3; }

  /// n times for a loss: uniform in [start, 1) with weight 1, or, with `importance`, of density ~ g^2 / sigma^2, which takes the blow-up
  /// at t -> 0 out of the loss with lambda = g^2 (Song et al. 2021, arXiv 2101.09258). Closed forms, B the integral of beta: VP ln(e^B - 1)
  /// uniform, sub-VP ln sinh(B/2) uniform, VE t uniform. Throws Error unless 0 < start < 1.
  Times draw_times(std::int64_t n, DType dtype, Generator& generator, double start = 1e-5,
                   bool importance = false) const;

  /// The score of a network, as published: VP and sub-VP -net(x, 999 t) / sigma(t); VE net(x, sigma(t)) / sigma(t).
  TimeScore score_of(TimeScore network) const;

 private:
  Sde(Kind kind, double low, double high) : kind_(kind), low_(low), high_(high) {}
  Kind kind_;
  double low_, high_;  // beta_min and beta_max, or sigma_min and sigma_max
};

/// DDPM's chain: x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) z, t = 1 ... T, abar_t the product of 1 - beta_s, s <= t.
class DdpmSchedule {
 public:
  /// beta from beta_1 to beta_T in equal steps: 1e-4 to 0.02 for T = 1000. Throws Error unless T >= 1 and 0 < beta_1 <= beta_T < 1.
  explicit DdpmSchedule(std::int64_t steps = 1000, double first = 1e-4, double last = 0.02);

  std::int64_t steps() const { return static_cast<std::int64_t>(beta_.size()) - 1; }  ///< T
  double beta(std::int64_t t) const;       ///< t in 1 ... T; throws Error for others
  double alpha_bar(std::int64_t t) const;  ///< t in 0 ... T, abar_0 = 1; throws Error for others
  /// Kernel at t (B) i64, each in 0 ... T, for samples of rank `rank`. Throws Error for other t.
  Kernel kernel(const Tensor& t, int rank, DType dtype) const;

 private:
  std::vector<double> beta_, alpha_bar_;  // index t; beta_[0] = 0
};

}  // namespace stein::smld
