// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "smld/data/dataset.h"

namespace stein::smld {

/// The Gaussian fitted to a data set: what a linear score could reach at best.
class GaussianFit {
 public:
  /// Mean and covariance of all samples, in f64. Throws Error for fewer than two samples.
  explicit GaussianFit(const Dataset& data);

  /// Eigenvalues of the covariance, ascending, not below 0.
  const std::vector<double>& eigenvalues() const { return eigenvalues_; }
  /// The smallest sigma-weighted denoising loss of a score for this Gaussian, 1/2 sum_k l_k / (l_k + sigma^2).
  double denoising_loss(double sigma) const;

 private:
  std::vector<double> eigenvalues_;
};

}  // namespace stein::smld
