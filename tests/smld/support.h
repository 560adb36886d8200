// SPDX-License-Identifier: MIT
// Yardsticks for the tests of objectives: estimates with their errors, a mixture whose score can be differentiated, and the test that
// the minimiser of a loss is the true score.
#pragma once

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "ops/ops.h"
#include "smld/data/mixture.h"
#include "smld/objectives.h"
#include "tensor/recording.h"

namespace stein::smld::test {

struct Estimate {
  double mean, error;  // standard error of the mean
  /// Distance from `value` in standard errors; what is exact may be off by rounding.
  double off(double value) const { return std::abs(mean - value) / (error + 1e-12 * (1 + std::abs(value))); }
};

inline Estimate estimate(const Tensor& values) {
  const Tensor v = values.detach();
  return {mean(v).item(), std::sqrt(var(v).item() / static_cast<double>(v.numel()))};
}

/// sum_k w_k N(mu_k, v_k I) seen through the kernel x -> alpha x + sigma z, in recorded ops: its energy and its score.
struct Balls {
  Tensor weights, means, variances;  // (K), (K, d), (K), f64

  GaussianMixture exact() const {
    const auto d = means.size(1);
    return {weights.detach(), means.detach(),
            reshape(variances.detach(), {-1, 1, 1}) * reshape(eye(d, f64), {1, d, d})};
  }
  /// alpha and sigma: (B, 1) or numbers of shape (1, 1).
  Tensor log_density(const Tensor& x, const Tensor& alpha, const Tensor& sigma) const {
    return logsumexp(logits(x, alpha, sigma), {1});
  }
  Tensor score(const Tensor& x, const Tensor& alpha, const Tensor& sigma) const {
    const Tensor r = softmax(logits(x, alpha, sigma), 1) / spread(alpha, sigma);
    return neg(sum(unsqueeze(r, 2) * from_means(x, alpha), {1}));
  }
  Tensor score(const Tensor& x, double sigma = 0) const { return score(x, one(1), one(sigma)); }
  Tensor log_density(const Tensor& x, double sigma = 0) const { return log_density(x, one(1), one(sigma)); }

  /// log w_k N(x; alpha mu_k, alpha^2 v_k + sigma^2), (B, K).
  Tensor logits(const Tensor& x, const Tensor& alpha, const Tensor& sigma) const {
    const Tensor v = spread(alpha, sigma);
    const auto d = static_cast<double>(x.size(1));
    return log(weights) - 0.5 * d * log(6.283185307179586 * v) - 0.5 * sum(square(from_means(x, alpha)), {2}) / v;
  }
  static Tensor one(double v) { return full({1, 1}, v, f64); }

 private:
  Tensor spread(const Tensor& alpha, const Tensor& sigma) const { return square(alpha) * variances + square(sigma); }
  Tensor from_means(const Tensor& x, const Tensor& alpha) const {  // (B, K, d)
    return unsqueeze(x, 1) - unsqueeze(alpha, 2) * means;
  }
};

inline Balls three_balls() {
  return {tensor({0.5, 0.3, 0.2}, f64), tensor({{0.5, 0}, {-1, 1}, {0, -1.5}}, f64), tensor({0.4, 0.7, 0.25}, f64)};
}

/// Fields that a score may be wrong by: (x, s(x)) -> (B, d).
inline std::vector<std::function<Tensor(const Tensor& x, const Tensor& s)>> wrong_ways() {
  return {[](const Tensor& x, const Tensor&) { return x; },
          [](const Tensor& x, const Tensor&) {
            return sin(matmul(x, tensor({{1, 0.7}, {-0.4, 1.3}}, f64)) + 0.3);
          },
          [](const Tensor& x, const Tensor&) {
            return ones_like(x) * tensor({0.6, -0.8}, f64);
          },
          [](const Tensor&, const Tensor& s) { return s; }};
}

/// What the loss of model + theta h says about theta = 0: slope and curvature, a sample each. The losses of scores are quadratic in
/// theta, so the differences are exact; others take a small `step`.
struct Bend {
  Estimate slope, curvature;
};
inline Bend bend(const Objective& objective, const LevelScore& model,
                 const std::function<Tensor(const Tensor&, const Tensor&)>& h, const Tensor& x, double step = 1) {
  NoGrad guard;
  const auto losses = [&](double theta) {
    Generator g(77);
    return objective(
               [&](const Tensor& y, const Tensor& t) {
                 const Tensor s = model(y, t);
                 return s + theta * h(y, s);
               },
               x, g)
        .per_sample;
  };
  const Tensor down = losses(-step), middle = losses(0), up = losses(step);
  return {estimate((up - down) / (2 * step)), estimate((up + down - 2 * middle) / (step * step))};
}

/// The largest slope over the wrong ways, in standard errors; infinite when the loss does not rise on both sides.
inline double not_minimal(const Objective& objective, const LevelScore& truth, const Tensor& x, double step = 1) {
  double worst = 0;
  for (const auto& h : wrong_ways()) {
    const Bend b = bend(objective, truth, h, x, step);
    if (!(b.curvature.mean > 4 * b.curvature.error)) return std::numeric_limits<double>::infinity();
    worst = std::max(worst, b.slope.off(0));
  }
  return worst;
}

}  // namespace stein::smld::test
