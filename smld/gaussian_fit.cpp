// SPDX-License-Identifier: MIT
#include "smld/gaussian_fit.h"

#include <algorithm>
#include <numeric>

#include "ops/ops.h"
#include "tensor/lapack.h"
#include "tensor/recording.h"

namespace stein::smld {
namespace {

std::vector<double> eigenvalues_of(Tensor symmetric) {
  const auto n = symmetric.size(0);
  std::vector<double> values(static_cast<std::size_t>(n));
  if (const auto bad = symmetric_eigenvalues(n, symmetric.mutable_data<double>(), values.data()))
    fail("gaussian_fit", "eigenvalues that converge",
         std::to_string(bad) + " of " + std::to_string(n) + " that do not");
  for (auto& l : values) l = std::max(l, 0.0);
  return values;
}

}  // namespace

GaussianFit::GaussianFit(const Dataset& data) {
  NoGrad guard;
  const auto d = numel(data.sample_shape()), n = d > kDirect ? std::min(data.size(), kSamples) : data.size();
  if (n < 2) fail("gaussian_fit", "at least 2 samples", std::to_string(n));
  constexpr std::int64_t kChunk = 4096;
  const auto rows = [&](std::int64_t begin) {
    std::vector<std::int64_t> index(static_cast<std::size_t>(std::min(kChunk, n - begin)));
    std::iota(index.begin(), index.end(), begin);
    return reshape(data.batch(index), {-1, d}).to(f64);
  };
  const auto count = static_cast<double>(n);
  Tensor mu = zeros({d}, f64);
  for (std::int64_t i = 0; i < n; i += kChunk) mu = mu + sum(rows(i), {0});
  mu = mu / count;
  if (d > kDirect) {
    const Tensor x = rows(0) - mu;
    eigenvalues_ = eigenvalues_of(matmul(x, transpose(x)) / count);
    return;
  }
  Tensor covariance = zeros({d, d}, f64);
  for (std::int64_t i = 0; i < n; i += kChunk) {
    const Tensor x = rows(i) - mu;
    covariance = covariance + matmul(transpose(x), x);
  }
  eigenvalues_ = eigenvalues_of(covariance / count);
}

double GaussianFit::denoising_loss(double sigma) const {
  double s = 0;
  for (double l : eigenvalues_) s += l / (l + sigma * sigma);
  return s / 2;
}

}  // namespace stein::smld
