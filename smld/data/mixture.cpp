// SPDX-License-Identifier: MIT
#include "smld/data/mixture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "ops/ops.h"
#include "tensor/detail/names.h"
#include "tensor/random.h"

namespace stein::smld {
namespace {

/// Lower Cholesky factor of S + shift I, (d, d) row-major, in `l`; false unless positive definite.
bool cholesky(const double* s, double shift, std::int64_t d, double* l) {
  for (std::int64_t i = 0; i < d; ++i)
    for (std::int64_t j = 0; j <= i; ++j) {
      double v = s[i * d + j] + (i == j ? shift : 0.0);
      for (std::int64_t k = 0; k < j; ++k) v -= l[i * d + k] * l[j * d + k];
      if (i != j) {
        l[i * d + j] = v / l[j * d + j];
      } else {
        if (!(v > 0) || !std::isfinite(v)) return false;
        l[i * d + i] = std::sqrt(v);
      }
    }
  return true;
}

double read(const Tensor& x, std::int64_t i) {
  return x.dtype() == f64 ? x.data<double>()[i] : static_cast<double>(x.data<float>()[i]);
}

void write(Tensor& x, std::int64_t i, double v) {
  if (x.dtype() == f64)
    x.mutable_data<double>()[i] = v;
  else
    x.mutable_data<float>()[i] = static_cast<float>(v);
}

/// (n) equal weights, isotropic covariances.
GaussianMixture equal(const std::vector<double>& means, double variance) {
  const auto n = static_cast<std::int64_t>(means.size() / 2);
  Tensor s = zeros({n, 2, 2}, f64);
  for (std::int64_t k = 0; k < n; ++k) s.mutable_data<double>()[4 * k] = s.mutable_data<double>()[4 * k + 3] = variance;
  return GaussianMixture(ones({n}, f64), from_vector(means, {n, 2}), s);
}

}  // namespace

GaussianMixture::GaussianMixture(const Tensor& weights, const Tensor& means, const Tensor& covariances) {
  if (means.rank() != 2 || means.dtype() != f64 || means.numel() == 0)
    fail("mixture", "f64 means (K, d)", describe(means));
  k_ = means.size(0);
  d_ = means.size(1);
  if (weights.shape() != Shape{k_} || weights.dtype() != f64)
    fail("mixture", fmt::format("f64 weights ({},)", k_), describe(weights));
  if (covariances.shape() != Shape{k_, d_, d_} || covariances.dtype() != f64)
    fail("mixture", fmt::format("f64 covariances ({}, {}, {})", k_, d_, d_), describe(covariances));
  weights_ = weights.detach().clone();
  means_ = means.detach().clone();
  covariances_ = covariances.detach().clone();
  double* w = weights_.mutable_data<double>();
  double total = 0;
  for (std::int64_t k = 0; k < k_; ++k) {
    if (!(w[k] > 0) || !std::isfinite(w[k]))
      fail("mixture", "positive weights", fmt::format("{} as weight {}", w[k], k));
    total += w[k];
  }
  std::for_each(w, w + k_, [&](double& v) { v /= total; });
  std::vector<double> factor(static_cast<std::size_t>(d_ * d_));
  for (std::int64_t k = 0; k < k_; ++k) {
    const double* s = covariances_.data<double>() + k * d_ * d_;
    for (std::int64_t i = 0; i < d_ * d_; ++i)
      if (const double mirror = s[i % d_ * d_ + i / d_];
          !(std::abs(s[i] - mirror) <= 1e-12 * (std::abs(s[i]) + std::abs(mirror))))
        fail("mixture", "symmetric covariances",
             fmt::format("{} and {} across the diagonal of covariance {}", s[i], mirror, k));
    if (!cholesky(s, 0, d_, factor.data()))
      fail("mixture", "positive definite covariances", fmt::format("covariance {} is not", k));
  }
}

namespace {

GaussianMixture two() {
  return GaussianMixture(tensor({0.8, 0.2}, f64), tensor({{5, 5}, {-5, -5}}, f64),
                         from_vector<double>({1, 0, 0, 1, 1, 0, 0, 1}, {2, 2, 2}));
}

GaussianMixture ring() {
  std::vector<double> means;
  for (int k = 0; k < 8; ++k) {
    const double angle = k * std::numbers::pi / 4;
    means.insert(means.end(), {2 * std::cos(angle), 2 * std::sin(angle)});
  }
  return equal(means, 0.04);
}

GaussianMixture grid() {
  std::vector<double> means;
  for (int k = 0; k < 9; ++k) means.insert(means.end(), {1.5 * (k / 3 - 1), 1.5 * (k % 3 - 1)});
  return equal(means, 0.0225);
}

GaussianMixture ellipses() {
  return GaussianMixture(tensor({0.5, 0.3, 0.2}, f64), tensor({{0, 0}, {2, 1}, {-1, 2}}, f64),
                         from_vector<double>({1, 0.6, 0.6, 0.8, 0.3, -0.1, -0.1, 0.5, 0.2, 0, 0, 1.2}, {3, 2, 2}));
}

constexpr stein::detail::Named<GaussianMixture (*)()> kMixtures[] = {
    {"two", two}, {"ring", ring}, {"grid", grid}, {"ellipses", ellipses}};

}  // namespace

bool GaussianMixture::is_name(std::string_view name) {
  return std::any_of(std::begin(kMixtures), std::end(kMixtures), [&](const auto& m) { return m.name == name; });
}

GaussianMixture GaussianMixture::named(std::string_view name) {
  return stein::detail::by_name("mixture", kMixtures, name)();
}

GaussianMixture GaussianMixture::perturbed(double alpha, double sigma) const {
  if (!(sigma >= 0) || !std::isfinite(sigma) || !std::isfinite(alpha))
    fail("mixture.perturbed", "finite alpha and sigma >= 0", fmt::format("{}, {}", alpha, sigma));
  return GaussianMixture(weights_, alpha * means_, alpha * alpha * covariances_ + sigma * sigma * eye(d_, f64));
}

template <class Visit>
void GaussianMixture::each_row(const char* op, const Tensor& input, double sigma, Visit visit) const {
  if (input.rank() != 2 || input.size(1) != d_ || !is_floating(input.dtype()))
    fail(op, fmt::format("f32 or f64 points (B, {})", d_), describe(input));
  if (!(sigma >= 0) || !std::isfinite(sigma)) fail(op, "sigma >= 0", std::to_string(sigma));
  const Tensor x = input.detach().to(cpu).contiguous();
  const std::int64_t dd = d_ * d_;
  std::vector<double> factors(static_cast<std::size_t>(k_ * dd)), constant(static_cast<std::size_t>(k_));
  for (std::int64_t k = 0; k < k_; ++k) {
    double* l = factors.data() + k * dd;
    if (!cholesky(covariances_.data<double>() + k * dd, sigma * sigma, d_, l))
      fail(op, "a sigma of reasonable size", std::to_string(sigma));
    double c = std::log(weights_.data<double>()[k]) - 0.5 * static_cast<double>(d_) * std::log(2 * std::numbers::pi);
    for (std::int64_t i = 0; i < d_; ++i) c -= std::log(l[i * d_ + i]);
    constant[static_cast<std::size_t>(k)] = c;
  }
  std::vector<double> pull(static_cast<std::size_t>(k_ * d_)), r(static_cast<std::size_t>(k_));
  for (std::int64_t b = 0; b < x.size(0); ++b) {
    double top = -std::numeric_limits<double>::infinity();
    for (std::int64_t k = 0; k < k_; ++k) {
      const double* l = factors.data() + k * dd;
      double* u = pull.data() + k * d_;  // L^-1 (mu - x), then S^-1 (mu - x)
      double square = 0;
      for (std::int64_t i = 0; i < d_; ++i) {
        double v = means_.data<double>()[k * d_ + i] - read(x, b * d_ + i);
        for (std::int64_t j = 0; j < i; ++j) v -= l[i * d_ + j] * u[j];
        u[i] = v / l[i * d_ + i];
        square += u[i] * u[i];
      }
      for (std::int64_t i = d_ - 1; i >= 0; --i) {
        for (std::int64_t j = i + 1; j < d_; ++j) u[i] -= l[j * d_ + i] * u[j];
        u[i] /= l[i * d_ + i];
      }
      r[static_cast<std::size_t>(k)] = constant[static_cast<std::size_t>(k)] - 0.5 * square;
      top = std::max(top, r[static_cast<std::size_t>(k)]);
    }
    double total = 0;
    for (double& v : r) total += v = std::exp(v - top);
    for (double& v : r) v /= total;
    visit(b, top + std::log(total), r, pull);
  }
}

Tensor GaussianMixture::log_density(const Tensor& x, double sigma) const {
  Tensor out = empty({x.rank() ? x.size(0) : 0}, is_floating(x.dtype()) ? x.dtype() : f64);
  each_row("mixture.log_density", x, sigma,
           [&](std::int64_t b, double value, const auto&, const auto&) { write(out, b, value); });
  return out.to(x.device());
}

Tensor GaussianMixture::score(const Tensor& x, double sigma) const {
  Tensor out = empty(x.shape(), is_floating(x.dtype()) ? x.dtype() : f64);
  each_row("mixture.score", x, sigma, [&](std::int64_t b, double, const auto& r, const auto& pull) {
    for (std::int64_t i = 0; i < d_; ++i) {
      double s = 0;
      for (std::int64_t k = 0; k < k_; ++k)
        s += r[static_cast<std::size_t>(k)] * pull[static_cast<std::size_t>(k * d_ + i)];
      write(out, b * d_ + i, s);
    }
  });
  return out.to(x.device());
}

Tensor GaussianMixture::responsibilities(const Tensor& x, double sigma) const {
  Tensor out = empty({x.rank() ? x.size(0) : 0, k_}, is_floating(x.dtype()) ? x.dtype() : f64);
  each_row("mixture.responsibilities", x, sigma, [&](std::int64_t b, double, const auto& r, const auto&) {
    for (std::int64_t k = 0; k < k_; ++k) write(out, b * k_ + k, r[static_cast<std::size_t>(k)]);
  });
  return out.to(x.device());
}

Tensor GaussianMixture::sample(std::int64_t n, std::uint64_t seed) const {
  if (n < 0) fail("mixture.sample", "n >= 0", std::to_string(n));
  Generator generator(seed);
  const Tensor u = uniform({n}, generator, 0, 1, f64), z = randn({n, d_}, generator, f64);
  std::vector<double> factors(static_cast<std::size_t>(k_ * d_ * d_));
  for (std::int64_t k = 0; k < k_; ++k)
    cholesky(covariances_.data<double>() + k * d_ * d_, 0, d_, factors.data() + k * d_ * d_);
  Tensor out = empty({n, d_}, f64);
  double* to = out.mutable_data<double>();
  for (std::int64_t b = 0; b < n; ++b) {
    std::int64_t k = 0;
    for (double rest = u.data<double>()[b]; k < k_ - 1 && rest >= weights_.data<double>()[k]; ++k)
      rest -= weights_.data<double>()[k];
    for (std::int64_t i = 0; i < d_; ++i) {
      double v = means_.data<double>()[k * d_ + i];
      for (std::int64_t j = 0; j <= i; ++j)
        v += factors[static_cast<std::size_t>((k * d_ + i) * d_ + j)] * z.data<double>()[b * d_ + j];
      to[b * d_ + i] = v;
    }
  }
  return out;
}

DataSplits GaussianMixture::dataset(const std::string& name, std::int64_t count, std::uint64_t seed) const {
  const Tensor x = sample(count, seed);
  Tensor out = empty(x.shape());
  std::transform(x.data<double>(), x.data<double>() + x.numel(), out.mutable_data<float>(),
                 [](double v) { return static_cast<float>(v); });
  return split_every_tenth(Dataset(name, out));
}

}  // namespace stein::smld
