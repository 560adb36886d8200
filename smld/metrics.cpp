// SPDX-License-Identifier: MIT
#include "smld/metrics.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "autograd/calculus/functional.h"
#include "ops/ops.h"
#include "tensor/error.h"
#include "tensor/recording.h"
#include "tensor/thread_pool.h"

namespace stein::smld {
namespace {

/// (n, d) as f64, row-major, on the cpu.
Tensor rows(const char* op, const Tensor& x, std::int64_t least) {
  if (x.rank() != 2 || !is_floating(x.dtype()) || x.size(0) < least || x.size(1) < 1)
    fail(op, "samples (n, d), f32 or f64, n >= " + std::to_string(least), describe(x));
  return x.detach().to(cpu).to(f64).contiguous();
}

void check_bandwidth(double h) {
  if (!(h > 0) || !std::isfinite(h)) fail("mmd2", "a bandwidth above 0", std::to_string(h));
}

double distance2(const double* a, const double* b, std::int64_t d) {
  double s = 0;
  for (std::int64_t i = 0; i < d; ++i) s += (a[i] - b[i]) * (a[i] - b[i]);
  return s;
}

/// Sum of the kernel over all pairs of a row of x with a row of y, or with `own` over the pairs i < j of x.
double kernel_sum(const Tensor& x, const Tensor& y, double h, bool own) {
  const std::int64_t n = x.size(0), m = y.size(0), d = x.size(1);
  const double scale = -0.5 / (h * h), *a = x.data<double>(), *b = y.data<double>();
  std::vector<double> sums(static_cast<std::size_t>(n));  // added up in order: the same for any number of threads
  parallel_for(n, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      double s = 0;
      for (std::int64_t j = own ? i + 1 : 0; j < m; ++j) s += std::exp(scale * distance2(a + i * d, b + j * d, d));
      sums[static_cast<std::size_t>(i)] = s;
    }
  });
  double total = 0;
  for (double s : sums) total += s;
  return total;
}

/// E k(x, x') over i != j.
double within(const Tensor& x, double h) {
  const double n = static_cast<double>(x.size(0));
  return 2 * kernel_sum(x, x, h, true) / (n * (n - 1));
}

/// sum_k w_k (2 pi h^2)^(d/2) N(x; mu_k, S_k + h^2 I), the kernel's mean over the mixture at each row of x, averaged.
double mean_kernel(const Tensor& x, const GaussianMixture& p, double h) {
  const double d = static_cast<double>(p.dimension());
  // in logarithms: in many dimensions the factor overflows and the density underflows
  return mean(exp(p.log_density(x, h) + d / 2 * std::log(2 * std::numbers::pi * h * h))).item();
}

/// The same over two draws of the mixture: x' ~ component b makes the law of x - x' that of N(mu_a - mu_b, S_a + S_b).
double mixture_with_itself(const GaussianMixture& p, double h) {
  double total = 0;
  const std::int64_t d = p.dimension();
  for (std::int64_t b = 0; b < p.components(); ++b) {
    const GaussianMixture wider(p.weights(), p.means(), p.covariances() + p.covariances()[b]);
    total += p.weights().data<double>()[b] * mean_kernel(reshape(p.means()[b], {1, d}), wider, h);
  }
  return total;
}

void check_dimension(const char* op, const Tensor& x, std::int64_t d) {
  if (x.size(1) != d) fail(op, "samples of " + std::to_string(d) + " dimensions", describe(x));
}

}  // namespace

double mmd2(const Tensor& samples, const GaussianMixture& p, double h) {
  NoGrad guard;
  const Tensor x = rows("mmd2", samples, 2);
  check_dimension("mmd2", x, p.dimension());
  check_bandwidth(h);
  return within(x, h) - 2 * mean_kernel(x, p, h) + mixture_with_itself(p, h);
}

double mmd2(const Tensor& a, const Tensor& b, double h) {
  NoGrad guard;
  const Tensor x = rows("mmd2", a, 2), y = rows("mmd2", b, 2);
  check_dimension("mmd2", y, x.size(1));
  check_bandwidth(h);
  const double pairs = static_cast<double>(x.size(0)) * static_cast<double>(y.size(0));
  return within(x, h) - 2 * kernel_sum(x, y, h, false) / pairs + within(y, h);
}

double median_distance(const Tensor& samples, Generator& generator, std::int64_t pairs) {
  NoGrad guard;
  const Tensor x = rows("median_distance", samples, 2);
  if (pairs < 1) fail("median_distance", "at least one pair", std::to_string(pairs));
  const std::int64_t n = x.size(0), d = x.size(1);
  const auto first = integers(0, n, {pairs}, generator).to_vector<std::int64_t>();
  const auto ahead = integers(1, n, {pairs}, generator).to_vector<std::int64_t>();
  std::vector<double> distances(first.size());
  for (std::size_t i = 0; i < first.size(); ++i)
    distances[i] = distance2(x.data<double>() + first[i] * d, x.data<double>() + (first[i] + ahead[i]) % n * d, d);
  const auto middle = distances.begin() + static_cast<std::ptrdiff_t>(distances.size() / 2);
  std::nth_element(distances.begin(), middle, distances.end());
  return std::sqrt(*middle);
}

double sliced_w2(const Tensor& a, const Tensor& b, Generator& generator, std::int64_t directions) {
  NoGrad guard;
  const Tensor x = rows("sliced_w2", a, 1), y = rows("sliced_w2", b, 1);
  if (x.shape() != y.shape()) fail("sliced_w2", "two sets of one shape", describe(x) + " and " + describe(y));
  if (directions < 1) fail("sliced_w2", "at least one direction", std::to_string(directions));
  const Tensor u = unit_sphere({directions, x.size(1)}, generator, f64);
  Tensor px = matmul(u, x.transpose()).contiguous(), py = matmul(u, y.transpose()).contiguous();
  const std::int64_t n = x.size(0);
  double *p = px.mutable_data<double>(), *q = py.mutable_data<double>();
  std::vector<double> sums(static_cast<std::size_t>(directions));
  parallel_for(directions, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = begin; k < end; ++k) {
      std::sort(p + k * n, p + (k + 1) * n);
      std::sort(q + k * n, q + (k + 1) * n);
      sums[static_cast<std::size_t>(k)] = distance2(p + k * n, q + k * n, n);
    }
  });
  double total = 0;
  for (double s : sums) total += s;
  return std::sqrt(total / (static_cast<double>(directions) * static_cast<double>(n)));
}

Tensor mode_weights(const Tensor& samples, const GaussianMixture& p, Assignment assignment) {
  NoGrad guard;
  const Tensor r = p.responsibilities(rows("mode_weights", samples, 1));
  if (assignment == Assignment::soft) return mean(r, {0});
  const Tensor hits = index_add(ones({r.size(0)}, f64), 0, argmax(r, 1), p.components());
  return hits / static_cast<double>(r.size(0));
}

double fisher_divergence(const Score& score, const GaussianMixture& p, const Tensor& x, double sigma) {
  NoGrad guard;
  rows("fisher_divergence", x, 1);
  const Tensor s = score(x.detach());
  if (s.shape() != x.shape()) fail("fisher_divergence", "a score of the samples' shape, " + describe(x), describe(s));
  return mean(per_sample(square(s.to(f64) - p.score(x.detach().to(f64), sigma)))).item();
}

double curl_ratio(const Score& score, const Tensor& x, Generator& generator, std::int64_t probes) {
  if (x.rank() < 1 || x.numel() == 0 || !is_floating(x.dtype()))
    fail("curl_ratio", "samples (B, ...), f32 or f64", describe(x));
  if (probes < 1) fail("curl_ratio", "at least one probe", std::to_string(probes));
  NoGrad guard;
  double curl = 0, all = 0;
  for (std::int64_t i = 0; i < probes; ++i) {
    const Tensor v = randn_like(x, generator), at = x.detach();
    const Tensor forward = jvp(score, at, v).second;
    const Tensor backward = vjp(score, at).second(v);
    curl += sum(square((forward - backward).to(f64))).item() / 4;
    // E |J v|^2 = E |J^T v|^2: with both the ratio never leaves [0, 1].
    all += (sum(square(forward.to(f64))).item() + sum(square(backward.to(f64))).item()) / 2;
  }
  return all > 0 ? curl / all : 0;
}

}  // namespace stein::smld
