// SPDX-License-Identifier: MIT
#include "smld/metrics.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "ops/ops.h"
#include "smld/mixture_score.h"

using namespace stein;
using namespace stein::smld;

namespace {

const GaussianMixture& pair_of_modes() {
  static const GaussianMixture p(tensor({0.6, 0.4}, f64), tensor({{1, 0}, {-1, 0.5}}, f64),
                                 from_vector<double>({.5, .2, .2, .4, .3, 0, 0, .6}, {2, 2, 2}));
  return p;
}

GaussianMixture with_weights(double first) {
  return GaussianMixture(tensor({first, 1 - first}, f64), pair_of_modes().means(), pair_of_modes().covariances());
}

}  // namespace

TEST_CASE("MMD against a mixture: its closed forms agree with Monte Carlo and with numbers by hand") {
  const GaussianMixture& p = pair_of_modes();
  // Two points, one Gaussian in one dimension: all three terms by hand.
  const GaussianMixture normal(ones({1}, f64), full({1, 1}, 0.5, f64), full({1, 1, 1}, 2, f64));
  const double h = 0.7, v = 2 + h * h, w = 4 + h * h;
  const auto at = [&](double x) { return h / std::sqrt(v) * std::exp(-0.5 * (x - 0.5) * (x - 0.5) / v); };
  const double by_hand = std::exp(-0.5 * 9 / (h * h)) - (at(-1) + at(2)) + h / std::sqrt(w);
  CHECK(mmd2(tensor({-1, 2}, f64).unsqueeze(1), normal, h) == Approx(by_hand));
  // Several components: unbiased, so the mean over exact draws is 0; and against many draws.
  double mean_coarse = 0, mean_fine = 0;
  for (std::uint64_t i = 0; i < 20; ++i) {
    const Tensor draw = p.sample(200, 100 + i);
    mean_coarse += mmd2(draw, p, 1) / 20;
    mean_fine += mmd2(draw, p, 0.3) / 20;
  }
  CHECK(std::abs(mean_coarse) < 1.5e-3);  // about 4 standard errors
  CHECK(std::abs(mean_fine) < 1e-3);
  const Tensor x = with_weights(0.2).sample(200, 1), y = p.sample(3000, 2);
  const double far = mmd2(x, p, 1);
  CHECK(far > 0.1);
  CHECK(mmd2(x, y, 1) == Approx(far).margin(0.02));
  CHECK(mmd2(y, x, 1) == Approx(mmd2(x, y, 1)));
  CHECK(mmd2(x.to(f32), p, 1) == Approx(far).margin(1e-6));
}

TEST_CASE("MMD against a mixture in many dimensions, where (2 pi h^2)^(d/2) overflows and densities underflow") {
  for (const std::int64_t d : {200, 784})
    for (const double h : {1.0, 30.0}) {
      INFO(d << " dimensions, h " << h);
      // N(0, v I): every term in closed form
      const double v = 2, dd = static_cast<double>(d);
      const GaussianMixture p(ones({1}, f64), zeros({1, d}, f64), (v * eye(d, f64)).unsqueeze(0));
      const Tensor x = concat({zeros({1, d}, f64), full({1, d}, 0.2, f64)}, 0);
      const double far = 0.04 * dd, s = v + h * h;
      const double scale = std::exp(dd / 2 * std::log(h * h / s));
      const double expected = std::exp(-0.5 * far / (h * h)) - scale * (1 + std::exp(-0.5 * far / s)) +
                              std::exp(dd / 2 * std::log(h * h / (2 * v + h * h)));
      CHECK(mmd2(x, p, h) == Approx(expected).epsilon(1e-10));
    }
}

TEST_CASE("MMD, sliced W2 and mode weights see what differs: weights, scale, a shift; and nothing where nothing does") {
  const GaussianMixture& p = pair_of_modes();
  const std::int64_t n = 2000;
  const Tensor x = p.sample(n, 3), off = with_weights(0.75).sample(n, 3), y = p.sample(n, 4);
  Generator g(5);
  const double h = median_distance(x, g);
  CHECK(h == Approx(1.75).margin(0.15));
  CHECK(std::abs(mmd2(x, p, h)) < 1e-3);
  CHECK(mmd2(off, p, h) > 3e-3);
  CHECK(mmd2(1.3 * x, p, h / 4) > 3e-3);
  const auto sliced = [&](const Tensor& a, const Tensor& b) {
    Generator directions(6);
    return sliced_w2(a, b, directions);
  };
  CHECK(sliced(x, y) < 0.1);
  CHECK(sliced(x, x) == 0);
  // a shift d moves every projection by u.d: sqrt(E (u.d)^2) = |d| / sqrt(2) in the plane
  CHECK(sliced(x, x + tensor({3, 4}, f64)) == Approx(5 / std::sqrt(2)).epsilon(0.1));
  // a scale c of a set of second moment E|x|^2 = M: |c - 1| sqrt(M / 2)
  CHECK(sliced(x, 2.0 * x) == Approx(std::sqrt(mean(sum(square(x), {1})).item() / 2)).epsilon(0.1));
  for (const Assignment a : {Assignment::hard, Assignment::soft}) {
    const Tensor w = mode_weights(x, p, a);
    CHECK(w.shape() == Shape{2});
    CHECK(sum(w).item() == Approx(1));
  }
  CHECK(mode_weights(x, p)[0].item() == Approx(0.6).margin(4 * std::sqrt(0.24 / static_cast<double>(n))));
  const Tensor apart = tensor({{1, 0}, {1.1, 0}, {-1, 0.5}, {1, 0.1}}, f64);
  CHECK(mode_weights(apart, p, Assignment::hard)[0].item() == 0.75);
  CHECK(std::abs(mode_weights(apart, p)[0].item() - 0.75) > 1e-5);
}

TEST_CASE("the Fisher divergence of a score, and the curl of a field that is no gradient") {
  const GaussianMixture& p = pair_of_modes();
  const MixtureScore m(p);
  const Tensor x = p.sample(500, 7);
  CHECK(fisher_divergence(m.score_at(), p, x) < 1e-20);
  CHECK(fisher_divergence(m.score_at(0.5), p, x, 0.5) < 1e-20);
  const Score off = [&](const Tensor& y) { return m.score_at()(y) + tensor({0.3, 0.4}, f64); };
  CHECK(fisher_divergence(off, p, x) == Approx(0.25));
  Generator g(8);
  CHECK(curl_ratio(m.score_at(), x, g) < 1e-20);
  // s = M x: |A|^2 / |M|^2, A = (M - M^T) / 2
  const Tensor matrix = tensor({{1, 3}, {-1, 0.5}}, f64);
  const Score linear = [&](const Tensor& y) { return matmul(y, matrix.transpose()); };
  CHECK(curl_ratio(linear, zeros({20000, 2}, f64), g, 2) == Approx(2 * 4 / (1 + 9 + 1 + 0.25)).epsilon(0.03));
  const Score rotation = [](const Tensor& y) { return concat({neg(narrow(y, 1, 1, 1)), narrow(y, 1, 0, 1)}, 1); };
  CHECK(curl_ratio(rotation, x, g) == Approx(1));
  CHECK(curl_ratio([](const Tensor& y) { return zeros_like(y); }, x, g) == 0);
}

TEST_CASE("metrics name what they cannot take") {
  const GaussianMixture& p = pair_of_modes();
  Generator g(1);
  CHECK_THROWS_WITH(mmd2(ones({1, 2}), p, 1), "[mmd2] expected samples (n, d), f32 or f64, n >= 2; got f32 (1, 2)");
  CHECK_THROWS_WITH(mmd2(ones({3, 3}), p, 1), "[mmd2] expected samples of 2 dimensions; got f64 (3, 3)");
  CHECK_THROWS_WITH(mmd2(ones({3, 2}), p, 0), "[mmd2] expected a bandwidth above 0; got 0.000000");
  CHECK_THROWS_WITH(sliced_w2(ones({3, 2}), ones({4, 2}), g),
                    "[sliced_w2] expected two sets of one shape; got f64 (3, 2) and f64 (4, 2)");
  CHECK_THROWS_AS(median_distance(ones({3, 2}), g, 0), Error);
  CHECK_THROWS_AS(curl_ratio([](const Tensor& y) { return y; }, ones({0, 2}), g), Error);
}
