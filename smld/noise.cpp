// SPDX-License-Identifier: MIT
#include "smld/noise.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "ops/ops.h"
#include "smld/detail/checks.h"
#include "tensor/recording.h"

namespace stein::smld {
namespace {

using detail::check_positive;

/// sqrt(tr Cov / d) of a mixture about 0: the root of E |u|^2 / d.
double size_of_mixture(const GaussianMixture& q) {
  const auto k = q.components(), d = q.dimension();
  double total = 0;
  for (std::int64_t c = 0; c < k; ++c) {
    double e = 0;
    for (std::int64_t i = 0; i < d; ++i) {
      const double m = q.means().data<double>()[c * d + i];
      e += m * m + q.covariances().data<double>()[(c * d + i) * d + i];
    }
    total += q.weights().data<double>()[c] * e;
  }
  return std::sqrt(total / static_cast<double>(d));
}

/// Visits row b with log q and the score of p smoothed by Laplace noise.
template <class Visit>
void each_laplace_row(const char* op, const GaussianMixture& p, const Tensor& input, double b, Visit visit) {
  check_positive(op, "a scale b", b);
  const auto k = p.components(), d = p.dimension();
  if (input.rank() != 2 || input.size(1) != d || !is_floating(input.dtype()))
    fail(op, "f32 or f64 points (B, " + std::to_string(d) + ")", describe(input));
  for (std::int64_t i = 0; i < k * d * d; ++i)
    if (i / d % d != i % d && p.covariances().data<double>()[i] != 0)
      fail(op, "a mixture with diagonal covariances", "a full one", "Laplace noise is smoothed dimension by dimension");
  NoGrad guard;
  const Tensor x = input.detach().to(cpu).to(f64).contiguous();
  std::vector<double> log_q(static_cast<std::size_t>(k)), s(static_cast<std::size_t>(k * d)), score;
  for (std::int64_t row = 0; row < x.size(0); ++row) {
    double top = -std::numeric_limits<double>::infinity();
    for (std::int64_t c = 0; c < k; ++c) {
      double l = std::log(p.weights().data<double>()[c]);
      for (std::int64_t i = 0; i < d; ++i) {
        const double variance = p.covariances().data<double>()[(c * d + i) * d + i], deviation = std::sqrt(variance);
        const double u = x.data<double>()[row * d + i] - p.means().data<double>()[c * d + i];
        const double a1 = log_erfcx((deviation / b - u / deviation) / std::numbers::sqrt2);
        const double b1 = log_erfcx((deviation / b + u / deviation) / std::numbers::sqrt2);
        const double high = std::max(a1, b1);
        l += -u * u / (2 * variance) - std::log(4 * b) + high + std::log1p(std::exp(std::min(a1, b1) - high));
        s[static_cast<std::size_t>(c * d + i)] = std::tanh((b1 - a1) / 2) / b;  // (B - A) / (b (A + B))
      }
      log_q[static_cast<std::size_t>(c)] = l;
      top = std::max(top, l);
    }
    double sum = 0;
    for (double l : log_q) sum += std::exp(l - top);
    score.assign(static_cast<std::size_t>(d), 0);
    for (std::int64_t c = 0; c < k; ++c)
      for (std::int64_t i = 0; i < d; ++i)
        score[static_cast<std::size_t>(i)] +=
            std::exp(log_q[static_cast<std::size_t>(c)] - top) / sum * s[static_cast<std::size_t>(c * d + i)];
    visit(row, top + std::log(sum), score);
  }
}

}  // namespace

Noise gaussian_noise(double sigma) {
  check_positive("gaussian_noise", "sigma", sigma);
  return {"gaussian", sigma, [sigma](const Tensor& like, Generator& g) { return sigma * randn_like(like.detach(), g); },
          [sigma](const Tensor& u) { return u / (-sigma * sigma); }};
}

Noise laplace_noise(double b) {
  check_positive("laplace_noise", "a scale b", b);
  const auto draw = [b](const Tensor& like, Generator& g) {
    const Tensor signs = rademacher(like.shape(), g, like.dtype(), like.device());
    return (-b) * signs * log1p(neg(uniform(like.shape(), g, 0, 1, like.dtype(), like.device())));
  };
  return {"laplace", b, draw, [b](const Tensor& u) { return sign(u) / (-b); }};
}

Noise mixture_noise(const GaussianMixture& q) {
  const auto draw = [q](const Tensor& like, Generator& g) {
    if (like.rank() != 2 || like.size(1) != q.dimension())
      fail("mixture_noise", "samples (B, " + std::to_string(q.dimension()) + ")", describe(like));
    const auto seed =
        static_cast<std::uint64_t>(integers(0, std::numeric_limits<std::int64_t>::max(), {1}, g).item<std::int64_t>());
    return q.sample(like.size(0), seed).to(like.dtype()).to(like.device());
  };
  return {"mixture", size_of_mixture(q), draw, [q](const Tensor& u) { return q.score(u.detach()); }};
}

GaussianMixture convolve(const GaussianMixture& p, const GaussianMixture& q) {
  if (p.dimension() != q.dimension())
    fail("convolve", "mixtures of one dimension",
         std::to_string(p.dimension()) + " and " + std::to_string(q.dimension()));
  const auto k = p.components(), l = q.components(), d = p.dimension();
  return GaussianMixture(reshape(unsqueeze(p.weights(), 1) * unsqueeze(q.weights(), 0), {k * l}),
                         reshape(unsqueeze(p.means(), 1) + unsqueeze(q.means(), 0), {k * l, d}),
                         reshape(unsqueeze(p.covariances(), 1) + unsqueeze(q.covariances(), 0), {k * l, d, d}));
}

Tensor laplace_log_density(const GaussianMixture& p, const Tensor& x, double b) {
  std::vector<double> out;
  each_laplace_row("laplace_log_density", p, x, b,
                   [&](std::int64_t, double l, const std::vector<double>&) { out.push_back(l); });
  return from_vector(out, {x.size(0)}).to(x.dtype()).to(x.device());
}

Tensor laplace_score(const GaussianMixture& p, const Tensor& x, double b) {
  std::vector<double> out;
  each_laplace_row("laplace_score", p, x, b, [&](std::int64_t, double, const std::vector<double>& s) {
    out.insert(out.end(), s.begin(), s.end());
  });
  return from_vector(out, x.shape()).to(x.dtype()).to(x.device());
}

// To 10 exp(x^2) erfc(x), the rounding error of x^2 carried along; above by the asymptotic series
// 1 / (x sqrt pi) sum_k (-1)^k (2k - 1)!! / (2 x^2)^k (Abramowitz and Stegun 7.1.23), whose twelfth term is below 1e-15 there.
double erfcx(double x) {
  if (x < 10) {
    const double square = x * x, rest = std::fma(x, x, -square);
    return std::erfc(x) * std::exp(square) * (1 + rest);
  }
  const double y = 1 / (2 * x * x);
  double term = 1, sum = 1;
  for (int k = 1; k <= 12; ++k) sum += term *= -(2 * k - 1) * y;
  return sum / (x * std::sqrt(std::numbers::pi));
}

double log_erfcx(double x) { return x < 0 ? x * x + std::log(std::erfc(x)) : std::log(erfcx(x)); }

}  // namespace stein::smld
