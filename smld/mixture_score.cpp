// SPDX-License-Identifier: MIT
#include "smld/mixture_score.h"

#include <cmath>
#include <numbers>

#include "ops/ops.h"
#include "smld/conversions.h"
#include "smld/ladder.h"
#include "tensor/error.h"

namespace stein::smld {
namespace {

/// Jacobi's rotations on a symmetric a (d x d, row-major): its diagonal becomes the eigenvalues, the columns of v (identity
/// before) the eigenvectors.
void diagonalise(double* a, double* v, std::int64_t d) {
  const auto at = [d](double* m, std::int64_t i, std::int64_t j) -> double& { return m[i * d + j]; };
  for (int sweep = 0; sweep < 60; ++sweep) {
    double off = 0, all = 0;
    for (std::int64_t i = 0; i < d; ++i)
      for (std::int64_t j = 0; j < d; ++j) (i == j ? all : off) += at(a, i, j) * at(a, i, j);
    if (off <= 1e-32 * all) return;
    for (std::int64_t p = 0; p < d; ++p)
      for (std::int64_t q = p + 1; q < d; ++q) {
        if (at(a, p, q) == 0) continue;
        const double theta = (at(a, q, q) - at(a, p, p)) / (2 * at(a, p, q));
        const double t = std::copysign(1, theta) / (std::abs(theta) + std::sqrt(1 + theta * theta));
        const double c = 1 / std::sqrt(1 + t * t), s = t * c;
        const auto turn = [c, s](double& x, double& y) {
          const double old = x;
          x = c * old - s * y;
          y = s * old + c * y;
        };
        for (std::int64_t i = 0; i < d; ++i) turn(at(a, i, p), at(a, i, q));
        for (std::int64_t i = 0; i < d; ++i) turn(at(a, p, i), at(a, q, i));
        for (std::int64_t i = 0; i < d; ++i) turn(at(v, i, p), at(v, i, q));
      }
  }
}

}  // namespace

/// In the eigenvectors' axes, (B, K, d): the deviation from the components' means, mean - x, the variances there, and
/// their quotient; log w_k N(x; ...), (B, K).
struct MixtureScore::Parts {
  Tensor variances, pull, logits;
  Tensor alpha, sigma, axes, means, eigenvalues;  // of x's dtype; alpha and sigma (B, 1, 1), or numbers
  /// sum_k r_k (axes_k u_k), (B, d), for u (B, K, d).
  Tensor average(const Tensor& u) const { return sum(softmax(logits, 1).unsqueeze(2) * back(u), {1}); }
  Tensor back(const Tensor& u) const {  // (B, K, d) -> (B, K, d)
    return matmul(axes, u.unsqueeze(3)).squeeze(3);
  }
};

MixtureScore::MixtureScore(const GaussianMixture& p)
    : log_weights_(log(p.weights())), means_(p.means()), variances_(zeros(p.means().shape(), f64)) {
  const std::int64_t k = p.components(), d = p.dimension();
  Tensor work = p.covariances().clone();
  axes_ = eye(d, f64).expand({k, d, d}).clone();
  for (std::int64_t i = 0; i < k; ++i) {
    double* a = work.mutable_data<double>() + i * d * d;
    diagonalise(a, axes_.mutable_data<double>() + i * d * d, d);
    for (std::int64_t j = 0; j < d; ++j) variances_.mutable_data<double>()[i * d + j] = a[j * d + j];
  }
}

MixtureScore::Parts MixtureScore::parts(const Tensor& x, const Kernel& k) const {
  const std::int64_t d = means_.size(1);
  if (x.rank() != 2 || x.size(1) != d || !is_floating(x.dtype()))
    fail("mixture_score", "f32 or f64 points (B, " + std::to_string(d) + ")", describe(x));
  const auto wide = [&](const Tensor& t) {
    if (t.dtype() != x.dtype() || (t.numel() != 1 && t.numel() != x.size(0)))
      fail("mixture_score", "a kernel of the points' dtype, for each of them or for all",
           describe(t) + " for " + describe(x));
    return t.rank() == 0 ? t : reshape(t, {-1, 1, 1});  // a number from the cpu joins any device
  };
  Parts out;
  out.alpha = wide(k.alpha);
  out.sigma = wide(k.sigma);
  const auto beside = [&](const Tensor& t) { return t.to(x.dtype()).to(x.device()); };
  out.axes = beside(axes_);
  out.means = beside(means_);
  out.eigenvalues = beside(variances_);
  out.variances = square(out.alpha) * out.eigenvalues + square(out.sigma);
  const Tensor off = matmul((out.alpha * out.means - x.unsqueeze(1)).unsqueeze(2), out.axes).squeeze(2);
  out.pull = off / out.variances;
  out.logits = beside(log_weights_) - 0.5 * sum(off * out.pull + log(out.variances), {2});
  return out;
}

Tensor MixtureScore::log_density(const Tensor& x, const Kernel& k) const {
  const double d = static_cast<double>(means_.size(1));
  return logsumexp(parts(x, k).logits, {1}) - 0.5 * d * std::log(2 * std::numbers::pi);
}

Tensor MixtureScore::score(const Tensor& x, const Kernel& k) const {
  const Parts p = parts(x, k);
  return p.average(p.pull);
}

Tensor MixtureScore::responsibilities(const Tensor& x, const Kernel& k) const { return softmax(parts(x, k).logits, 1); }

Tensor MixtureScore::denoised(const Tensor& x, const Kernel& k) const {
  // E[x_0 | x_t, component] = mu - alpha S (alpha^2 S + sigma^2)^-1 (alpha mu - x)
  const Parts p = parts(x, k);
  const Tensor m = p.means - p.alpha * p.back(p.eigenvalues * p.pull);
  return sum(softmax(p.logits, 1).unsqueeze(2) * m, {1});
}

TimeScore MixtureScore::score_of(const Sde& sde) const {
  return [p = *this, sde](const Tensor& x, const Tensor& t) { return p.score(x, sde.kernel(t, 2)); };
}

LevelScore MixtureScore::score_of(const Tensor& ladder) const {
  return [p = *this, ladder](const Tensor& x, const Tensor& level) {
    return p.score(x, {scalar(1, x.dtype()), sigma_of(ladder.to(x.dtype()), level, 2)});
  };
}

Score MixtureScore::score_at(double sigma) const {
  return [p = *this, sigma](const Tensor& x) { return p.score(x, kernel(1, sigma, x.dtype())); };
}

NoiseModel MixtureScore::noise_of(const DdpmSchedule& schedule) const {
  return [p = *this, schedule](const Tensor& x, const Tensor& t) {
    const Kernel k = schedule.kernel(t, 2, x.dtype());
    return noise_from_score(p.score(x, k), k);
  };
}

}  // namespace stein::smld
