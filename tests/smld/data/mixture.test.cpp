// SPDX-License-Identifier: MIT
#include "smld/data/mixture.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>

#include "tensor/random.h"
#include "tests/smld/data/files.h"

using namespace stein;
using namespace stein::smld;
using stein::test::error_of;

namespace {

/// Three components in 3-D with full covariances.
GaussianMixture solid() {
  return GaussianMixture(tensor({1, 2, 3}, f64), from_vector<double>({0, 0, 0, 1, -1, 2, -2, 0.5, 0}, {3, 3}),
                         from_vector<double>({1,   0.3, 0.1, 0.3, 0.8, -0.2, 0.1, -0.2, 0.5,  //
                                              0.4, 0,   0,   0,   0.6, 0.1,  0,   0.1,  0.9,  //
                                              2,   -1,  0.4, -1,  1.5, 0,    0.4, 0,    0.7},
                                             {3, 3, 3}));
}

}  // namespace

TEST_CASE("one Gaussian's density and score are the textbook's", "[mixture]") {
  const GaussianMixture p(tensor({3}, f64), tensor({{1, -1}}, f64), from_vector<double>({2, 0.5, 0.5, 1}, {1, 2, 2}));
  const Tensor x = tensor({{0.5, 2}}, f64);
  // S = [[2, .5], [.5, 1]] + sigma^2 I with sigma^2 = 0.25; x - mu = (-0.5, 3).
  const double a = 2.25, b = 0.5, c = 1.25, det = a * c - b * b, u = -0.5, v = 3;
  const double square = (c * u * u - 2 * b * u * v + a * v * v) / det;
  CHECK(p.log_density(x, 0.5).item() ==
        Approx(-0.5 * square - std::log(2 * std::numbers::pi) - 0.5 * std::log(det)).epsilon(1e-13));
  const auto s = p.score(x, 0.5).to_vector<double>();
  CHECK(s[0] == Approx(-(c * u - b * v) / det).epsilon(1e-13));
  CHECK(s[1] == Approx(-(a * v - b * u) / det).epsilon(1e-13));
  CHECK(p.weights().item() == 1);
}

TEST_CASE("the mixture's score is the gradient of its log-density, smoothed or not", "[mixture]") {
  Generator generator(1);
  const GaussianMixture p = solid();
  const Tensor x = uniform({20, 3}, generator, -3, 3, f64);
  for (const double sigma : {0.0, 0.7}) {
    const auto s = p.score(x, sigma).to_vector<double>();
    for (int i = 0; i < 3; ++i) {
      Tensor up = x.clone(), down = x.clone();
      const double h = 1e-5;
      for (int b = 0; b < 20; ++b) {
        up.mutable_data<double>()[3 * b + i] += h;
        down.mutable_data<double>()[3 * b + i] -= h;
      }
      const auto high = p.log_density(up, sigma).to_vector<double>(),
                 low = p.log_density(down, sigma).to_vector<double>();
      for (std::size_t b = 0; b < 20; ++b)
        CHECK(s[3 * b + static_cast<std::size_t>(i)] ==
              Approx((high[b] - low[b]) / (2 * h)).epsilon(1e-7).margin(1e-8));
    }
    const auto r = p.responsibilities(x, sigma).to_vector<double>();
    for (std::size_t b = 0; b < 20; ++b) CHECK(r[3 * b] + r[3 * b + 1] + r[3 * b + 2] == Approx(1).epsilon(1e-14));
  }
  const Tensor far = full({1, 3}, 1e6, f64);  // log-sum-exp: nothing underflows to nan
  CHECK(std::isfinite(p.score(far).to_vector<double>()[0]));
  CHECK(std::isfinite(p.log_density(far).item()));
  // f32 in, f32 out, computed in f64.
  Tensor single = empty({20, 3});
  for (int i = 0; i < 60; ++i) single.mutable_data<float>()[i] = static_cast<float>(x.data<double>()[i]);
  const Tensor s32 = p.score(single);
  CHECK(s32.dtype() == f32);
  CHECK(s32.to_vector<float>()[7] == Approx(p.score(x).to_vector<double>()[7]).epsilon(1e-5));
}

TEST_CASE("the 2-D mixtures integrate to one, and their smoothing is the convolution", "[mixture]") {
  for (const char* name : {"ring", "grid", "ellipses", "two"}) {
    CHECK(GaussianMixture::is_name(name));
    const GaussianMixture p = GaussianMixture::named(name);
    const int n = 401;
    const double half = 10, h = 2 * half / (n - 1);
    Tensor points = empty({n * n, 2}, f64);
    for (int i = 0; i < n * n; ++i) {
      points.mutable_data<double>()[2 * i] = -half + h * (i / n);
      points.mutable_data<double>()[2 * i + 1] = -half + h * (i % n);
    }
    const auto density = p.log_density(points).to_vector<double>();
    double total = 0, smooth = 0;
    const double sigma = 0.6, at[2] = {0.3, 1.1};
    for (int i = 0; i < n * n; ++i) {
      const double dx = points.data<double>()[2 * i] - at[0], dy = points.data<double>()[2 * i + 1] - at[1];
      const double value = std::exp(density[static_cast<std::size_t>(i)]) * h * h;
      total += value;
      smooth += value * std::exp(-(dx * dx + dy * dy) / (2 * sigma * sigma)) / (2 * std::numbers::pi * sigma * sigma);
    }
    INFO(name);
    CHECK(total == Approx(1).epsilon(1e-6));
    CHECK(p.log_density(tensor({{at[0], at[1]}}, f64), sigma).item() == Approx(std::log(smooth)).epsilon(1e-6));
  }
}

TEST_CASE("draws from a mixture have its moments, and repeat with the seed", "[mixture]") {
  const GaussianMixture p = GaussianMixture::named("ellipses");
  const int n = 40000;
  const Tensor x = p.sample(n, 9);
  CHECK(equal(x, p.sample(n, 9)));
  CHECK_FALSE(equal(x, p.sample(n, 10)));
  // E x = 0.5 (0,0) + 0.3 (2,1) + 0.2 (-1,2) = (0.4, 0.7); E x0 x1 = 0.5 0.6 + 0.3 (2 - 0.1) + 0.2 (-2) = 0.47.
  double mean[2] = {0, 0}, cross = 0, squares[3] = {0, 0, 0};
  for (int i = 0; i < n; ++i) {
    const double a = x.data<double>()[2 * i], b = x.data<double>()[2 * i + 1];
    mean[0] += a / n, mean[1] += b / n, cross += a * b / n;
    squares[0] += a * a / n, squares[1] += b * b / n, squares[2] += a * b * a * b / n;
  }
  CHECK(std::abs(mean[0] - 0.4) < 4 * std::sqrt((squares[0] - mean[0] * mean[0]) / n));
  CHECK(std::abs(mean[1] - 0.7) < 4 * std::sqrt((squares[1] - mean[1] * mean[1]) / n));
  CHECK(std::abs(cross - 0.47) < 4 * std::sqrt((squares[2] - cross * cross) / n));
  const DataSplits data = p.dataset("ellipses", 100, 9);
  CHECK(data.train.sample_shape() == Shape{2});
  CHECK(data.train.size() == 90);
  CHECK(data.train.first(1).to_vector<float>()[1] == static_cast<float>(p.sample(100, 9).to_vector<double>()[1]));
}

TEST_CASE("wrong mixtures and points are refused", "[mixture]") {
  const Tensor w = tensor({1, 1}, f64), m = zeros({2, 2}, f64),
               s = from_vector<double>({1, 0, 0, 1, 1, 0, 0, 1}, {2, 2, 2});
  CHECK(error_of([&] {
          GaussianMixture(w, zeros({2, 2}), s);
        }) == "[mixture] expected f64 means (K, d); got f32 (2, 2)");
  CHECK(error_of([&] { GaussianMixture(tensor({1}, f64), m, s); }) ==
        "[mixture] expected f64 weights (2,); got f64 (1,)");
  CHECK(error_of([&] {
          GaussianMixture(w, m, zeros({2, 2}, f64));
        }) == "[mixture] expected f64 covariances (2, 2, 2); got f64 (2, 2)");
  CHECK(error_of([&] {
          GaussianMixture(tensor({1, -1}, f64), m, s);
        }) == "[mixture] expected positive weights; got -1 as weight 1");
  Tensor bad = s.clone();
  bad.mutable_data<double>()[5] = 0.5;
  CHECK(error_of([&] { GaussianMixture(w, m, bad); }) ==
        "[mixture] expected symmetric covariances; got 0.5 and 0 across the diagonal of covariance 1");
  bad.mutable_data<double>()[6] = 0.5;
  bad.mutable_data<double>()[7] = 0.25;
  CHECK(error_of([&] { GaussianMixture(w, m, bad); }) ==
        "[mixture] expected positive definite covariances; got covariance 1 is not");
  const GaussianMixture p(w, m, s);
  CHECK(error_of([&] {
          p.score(zeros({3, 3}));
        }) == "[mixture.score] expected f32 or f64 points (B, 2); got f32 (3, 3)");
  CHECK(error_of([&] {
          p.log_density(zeros({3, 2}, i64));
        }) == "[mixture.log_density] expected f32 or f64 points (B, 2); got i64 (3, 2)");
  CHECK(error_of([&] { p.score(zeros({3, 2}), -1); }) == "[mixture.score] expected sigma >= 0; got -1.000000");
  CHECK(error_of([] { GaussianMixture::named("moons"); }) ==
        "[mixture] expected one of two, ring, grid, ellipses; got 'moons'");
}
