// SPDX-License-Identifier: MIT
// Does a sample come from the mixture "ellipses"? Three overlapping components, full covariances.
#pragma once

#include <catch2/catch.hpp>
#include <cmath>

#include "ops/ops.h"
#include "smld/metrics.h"
#include "smld/mixture_score.h"

namespace stein::smld {

constexpr std::int64_t kSamples = 1000;
constexpr double kBandwidth = 2.17;  // the median distance
// 99th percentiles over 200 draws of 1000 exact samples (mixture_score.test.cpp computes them again, with fewer draws).
constexpr double kNullW2 = 0.153;       // of sliced_w2 between two draws, 32 directions, generator 7
constexpr double kNullMmd = 1.07e-3;    // of mmd2 to the mixture, bandwidth kBandwidth
constexpr double kNullShape = 0.80e-3;  // the same, a quarter of the bandwidth

inline const GaussianMixture& ellipses() {
  static const GaussianMixture p = GaussianMixture::named("ellipses");
  return p;
}

/// Mean and covariance of the whole mixture.
inline std::pair<Tensor, Tensor> moments(const GaussianMixture& p) {
  const Tensor w = p.weights(), m = sum(w.unsqueeze(1) * p.means(), {0});
  const Tensor off = p.means() - m;
  const Tensor s = p.covariances() + off.unsqueeze(2) * off.unsqueeze(1);
  return {m, sum(w.unsqueeze(1).unsqueeze(2) * s, {0})};
}

/// x (1000, 2): moments, mode weights, and both distances. w2_bias, mmd_bias: what the sampler's step size adds; moment_bias its part of a
/// variance, relative.
inline void check_sample(const Tensor& sample, double w2_bias = 0, double mmd_bias = 0, double moment_bias = 0) {
  const GaussianMixture& p = ellipses();
  const Tensor x = sample.to(f64);
  REQUIRE(x.shape() == Shape{kSamples, 2});
  const double n = static_cast<double>(kSamples);
  const auto mw = mode_weights(x, p).to_vector<double>(), w = p.weights().to_vector<double>();
  for (std::size_t k = 0; k < w.size(); ++k) CHECK(mw[k] == Approx(w[k]).margin(4 * std::sqrt(w[k] * (1 - w[k]) / n)));
  const auto truth = moments(p);
  const Tensor m = mean(x, {0}), off = x - m, s = matmul(off.transpose(), off) / (n - 1);
  for (int i = 0; i < 2; ++i) {
    const double v = truth.second[i][i].item();
    CHECK(m[i].item() == Approx(truth.first[i].item()).margin(4 * std::sqrt(v / n)));
    CHECK(s[i][i].item() == Approx(v).margin(4 * v * std::sqrt(2 / n) + moment_bias * v));
  }
  Generator directions(7);
  CHECK(sliced_w2(x, p.sample(kSamples, 4321), directions, 32) < kNullW2 + w2_bias);
  CHECK(mmd2(x, p, kBandwidth) < kNullMmd + mmd_bias);
  CHECK(mmd2(x, p, kBandwidth / 4) < kNullShape + mmd_bias);
}

}  // namespace stein::smld
