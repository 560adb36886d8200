// SPDX-License-Identifier: MIT
#include "smld/gaussian_fit.h"

#include <algorithm>
#include <numeric>

#include "ops/ops.h"
#include "tensor/lapack.h"
#include "tensor/recording.h"

namespace stein::smld {

GaussianFit::GaussianFit(const Dataset& data) {
  const auto n = data.size();
  if (n < 2) fail("gaussian_fit", "at least 2 samples", std::to_string(n));
  NoGrad guard;
  const auto d = numel(data.sample_shape());
  constexpr std::int64_t kChunk = 4096;
  const auto rows = [&](std::int64_t begin) {
    std::vector<std::int64_t> index(static_cast<std::size_t>(std::min(kChunk, n - begin)));
    std::iota(index.begin(), index.end(), begin);
    return reshape(data.batch(index), {-1, d}).to(f64);
  };
  Tensor mu = zeros({d}, f64), covariance = zeros({d, d}, f64);
  for (std::int64_t i = 0; i < n; i += kChunk) mu = mu + sum(rows(i), {0});
  mu = mu / static_cast<double>(n);
  for (std::int64_t i = 0; i < n; i += kChunk) {
    const Tensor x = rows(i) - mu;
    covariance = covariance + matmul(transpose(x), x);
  }
  covariance = covariance / static_cast<double>(n);
  eigenvalues_.resize(static_cast<std::size_t>(d));
  if (const auto bad = symmetric_eigenvalues(d, covariance.mutable_data<double>(), eigenvalues_.data()))
    fail("gaussian_fit", "eigenvalues that converge",
         std::to_string(bad) + " of " + std::to_string(d) + " that do not");
  for (auto& l : eigenvalues_) l = std::max(l, 0.0);
}

double GaussianFit::denoising_loss(double sigma) const {
  double s = 0;
  for (double l : eigenvalues_) s += l / (l + sigma * sigma);
  return s / 2;
}

}  // namespace stein::smld
