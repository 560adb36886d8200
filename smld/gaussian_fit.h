// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "smld/data/dataset.h"

namespace stein::smld {

/// The Gaussian fitted to a data set: what a linear score could reach at best.
class GaussianFit {
 public:
  /// Covariance of the samples, in f64. Where a sample has more than kDirect values, from the products of at most kSamples
  /// samples instead, which have the same eigenvalues but for zeros: d^3 steps would take minutes.
  /// Throws Error for fewer than two samples.
  explicit GaussianFit(const Dataset& data);
  /// From the eigenvalues of a covariance.
  explicit GaussianFit(std::vector<double> eigenvalues) : eigenvalues_(std::move(eigenvalues)) {}
  static constexpr std::int64_t kDirect = 3072;   ///< dimensions up to which the whole spectrum is computed
  static constexpr std::int64_t kSamples = 2048;  ///< samples from which it is estimated beyond

  /// Eigenvalues of the covariance, ascending, none below 0.
  const std::vector<double>& eigenvalues() const { return eigenvalues_; }
  /// The smallest sigma-weighted denoising loss of a score for this Gaussian, 1/2 sum_k l_k / (l_k + sigma^2).
  double denoising_loss(double sigma) const;

 private:
  std::vector<double> eigenvalues_;
};

}  // namespace stein::smld
