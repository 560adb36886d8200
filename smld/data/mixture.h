// SPDX-License-Identifier: MIT
// Gaussian mixtures: the yardstick whose density, score and smoothed score are known exactly.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "smld/data/dataset.h"

namespace stein::smld {

/// p(x) = sum_k w_k N(x; mu_k, S_k) in R^d. With sigma > 0 every function speaks of p smoothed by N(0, sigma^2 I), which is the
/// mixture with S_k + sigma^2 I. All arithmetic in f64, by the host: points on a device are fetched, and
/// values go back to it. What drives a sampler there is MixtureScore (smld/mixture_score.h).
class GaussianMixture {
 public:
  /// weights (K), positive, normalised here; means (K, d); covariances (K, d, d), symmetric and positive definite; all f64.
  /// Throws Error otherwise.
  GaussianMixture(const Tensor& weights, const Tensor& means, const Tensor& covariances);

  /// d = 2: "two" 0.8 N((5,5), I) + 0.2 N((-5,-5), I), of the NCSN paper's single-sigma failure; "ring" eight of deviation 0.2 at
  /// radius 2; "grid" nine of deviation 0.15 at {-1.5, 0, 1.5}^2; "ellipses" three that overlap, with full covariances.
  /// Throws Error for other names.
  static GaussianMixture named(std::string_view name);
  static bool is_name(std::string_view name);  ///< whether named() knows it

  std::int64_t components() const { return k_; }              ///< K
  std::int64_t dimension() const { return d_; }               ///< d
  const Tensor& weights() const { return weights_; }          ///< (K) f64, of sum 1
  const Tensor& means() const { return means_; }              ///< (K, d) f64
  const Tensor& covariances() const { return covariances_; }  ///< (K, d, d) f64

  /// The law of alpha x + sigma z, z ~ N(0, I): means alpha mu_k, covariances alpha^2 S_k + sigma^2 I. Throws Error unless
  /// sigma >= 0 and both are finite, and when the result is no mixture (alpha = sigma = 0).
  GaussianMixture perturbed(double alpha, double sigma) const;

  /// (n, d) f64 draws on the cpu: component by inverse transform, then mu_k + chol(S_k) z. Philox: the same seed gives the same draws.
  Tensor sample(std::int64_t n, std::uint64_t seed) const;
  /// log p(x): x (B, d), f32 or f64; returns (B) of x's dtype.
  Tensor log_density(const Tensor& x, double sigma = 0) const;
  /// grad log p(x) = sum_k r_k(x) S_k^-1 (mu_k - x), r the responsibilities: x (B, d); returns (B, d) of x's dtype.
  Tensor score(const Tensor& x, double sigma = 0) const;
  /// r_k(x) = w_k N(x; mu_k, S_k) / p(x): x (B, d); returns (B, K) of x's dtype.
  Tensor responsibilities(const Tensor& x, double sigma = 0) const;

  /// `count` draws as f32, every tenth held out.
  DataSplits dataset(const std::string& name, std::int64_t count, std::uint64_t seed) const;

 private:
  /// Row by row: calls visit(row, log p(x), responsibilities, the K vectors S_k^-1 (mu_k - x)).
  template <class Visit>
  void each_row(const char* op, const Tensor& x, double sigma, Visit visit) const;

  std::int64_t k_ = 0, d_ = 0;
  Tensor weights_, means_, covariances_;
};

}  // namespace stein::smld
