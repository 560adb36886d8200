// SPDX-License-Identifier: MIT
// Laws of noise: draws against density, densities smoothed by them against numerical convolution.
#include "smld/noise.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "tests/smld/support.h"

using namespace stein;
using namespace stein::smld;
using namespace stein::smld::test;
using Catch::Matchers::Contains;

namespace {

Tensor column(const std::vector<double>& v) { return from_vector(v, {static_cast<std::int64_t>(v.size()), 1}); }

GaussianMixture line() {  // on the line, three deviations
  return {tensor({0.5, 0.3, 0.2}, f64), column({-1, 0.5, 4}), from_vector<double>({0.04, 1, 0.25}, {3, 1, 1})};
}

GaussianMixture boxes() {  // diagonal, in the plane
  return {tensor({0.6, 0.4}, f64), tensor({{0.5, -1}, {-1, 1}}, f64),
          from_vector<double>({0.3, 0, 0, 0.8, 1.2, 0, 0, 0.1}, {2, 2, 2})};
}

// The convolution of a density on the line with the Laplace law, by the trapezium rule split at the kink.
double convolved(const GaussianMixture& p, double y, double b) {
  const int n = 20000;
  std::vector<double> points;
  const double reach = 40 * b, h = reach / n;
  for (int i = 0; i <= n; ++i) points.push_back(y - i * h), points.push_back(y + i * h);
  const Tensor density = exp(p.log_density(from_vector(points, {2 * (n + 1), 1})));
  double sum = 0;
  for (int i = 0; i <= n; ++i) {
    const double law = std::exp(-i * h / b) / (2 * b) * (i == 0 || i == n ? 0.5 : 1);
    sum += law * (density.data<double>()[2 * i] + density.data<double>()[2 * i + 1]);
  }
  return sum * h;
}

}  // namespace

TEST_CASE("draws of noise have the moments of their laws; Stein's identity ties them to their scores") {
  const std::int64_t n = 40000;
  const GaussianMixture q = boxes();
  struct Law {
    Noise noise;
    double variance, size;  // E u^2 and E |u| of dimension 0
  };
  const double pi = 3.14159265358979;
  const std::vector<Law> laws{{gaussian_noise(0.7), 0.49, 0.7 * std::sqrt(2 / pi)},
                              {laplace_noise(0.7), 0.98, 0.7},
                              {mixture_noise(q), 0.6 * 0.55 + 0.4 * 2.2, -1}};
  for (const auto& [noise, variance, size] : laws) {
    INFO(noise.name);
    Generator g(1), again(1);
    const Tensor u = noise.draw(zeros({n, 2}, f64), g), first = narrow(u, 1, 0, 1);
    CHECK(equal(u, noise.draw(zeros({n, 2}, f64), again)));
    CHECK(!equal(u, noise.draw(zeros({n, 2}, f64), g)));
    CHECK(estimate(square(first)).off(variance) < 4);
    if (size > 0) CHECK(estimate(abs(first)).off(size) < 4);
    // E u score^T = -I, E score = 0
    const Tensor s = noise.score(u);
    CHECK(estimate(first * narrow(s, 1, 0, 1)).off(-1) < 4);
    CHECK(estimate(first * narrow(s, 1, 1, 1)).off(0) < 4);
    CHECK(estimate(narrow(s, 1, 0, 1)).off(0) < 4);
    CHECK(noise.draw(zeros({4, 2}, f32), g).dtype() == f32);
    CHECK(all_of(isfinite(u)).item<bool>());
  }
  CHECK(laws[0].noise.scale == 0.7);
  CHECK(laws[1].noise.scale == 0.7);
  CHECK(laws[2].noise.scale == Approx(std::sqrt((0.6 * (0.25 + 1 + 1.1) + 0.4 * (2 + 1.3)) / 2)));
  // images, and the shape of the Laplace law: a share e^-2 beyond 2 b
  Generator g(2);
  CHECK(laplace_noise(1).draw(zeros({2, 3, 4, 4}), g).shape() == Shape{2, 3, 4, 4});
  const Tensor far = (abs(laplace_noise(0.5).draw(zeros({n}, f64), g)) > full({n}, 1, f64)).to(f64);
  CHECK(estimate(far).off(std::exp(-2.0)) < 4);
}

TEST_CASE("erfcx against long double, everywhere") {
  const auto reference = [](double x) {
    const long double l = x;
    return static_cast<double>(std::exp(l * l) * std::erfc(l));
  };
  double worst = 0;
  for (double x = -26; x < 100; x += 0.0137) worst = std::max(worst, std::abs(erfcx(x) / reference(x) - 1));
  INFO(worst);
  CHECK(worst < 1e-13);
  // Abramowitz and Stegun, table 7.1, and a computer algebra system
  CHECK(erfcx(0) == 1);
  CHECK(erfcx(1) == Approx(0.427583576155807).epsilon(1e-14));
  CHECK(erfcx(10) == Approx(0.0561409927438226).epsilon(1e-14));
  CHECK(erfcx(1e10) == Approx(1e-10 / std::sqrt(3.141592653589793)).epsilon(1e-14));
  CHECK(erfcx(-30) == std::numeric_limits<double>::infinity());
  CHECK(std::isnan(erfcx(std::nan(""))));
  for (const double x : {-1e8, -30.0, -3.0, -0.1, 0.0, 2.0, 50.0, 1e100}) {
    INFO(x);
    CHECK(std::isfinite(log_erfcx(x)));
    if (x > -20 && x < 60) CHECK(log_erfcx(x) == Approx(std::log(reference(x))).epsilon(1e-12));
  }
  CHECK(log_erfcx(-30) == Approx(900 + std::log(2)));
}

TEST_CASE("densities smoothed by Laplace noise: numerical convolution, and the score is their gradient") {
  const GaussianMixture p = line();
  for (const double b : {0.05, 0.4, 2.0})
    for (const double y : {-3.0, -1.0, 0.2, 1.7, 4.0, 9.0}) {
      INFO("b " << b << ", y " << y);
      const Tensor at = full({1, 1}, y, f64);
      CHECK(std::exp(laplace_log_density(p, at, b).item()) == Approx(convolved(p, y, b)).epsilon(1e-4));
    }
  const GaussianMixture q = boxes();
  Generator g(3);
  const Tensor x = 2.0 * randn({50, 2}, g, f64);
  const double h = 1e-5;
  for (const double b : {0.1, 1.0}) {
    const Tensor s = laplace_score(q, x, b);
    for (int i = 0; i < 2; ++i) {
      const Tensor e = i == 0 ? tensor({h, 0}, f64) : tensor({0, h}, f64);
      const Tensor slope = (laplace_log_density(q, x + e, b) - laplace_log_density(q, x - e, b)) / (2 * h);
      CHECK(allclose(reshape(narrow(s, 1, i, 1), {-1}), slope, 1e-6, 1e-6));
    }
    // f32 in, f32 out
    CHECK(laplace_score(q, x.to(f32), b).dtype() == f32);
    CHECK(allclose(laplace_score(q, x.to(f32), b).to(f64), s, 1e-4, 1e-4));
  }
}

TEST_CASE("far out and at extreme scales the smoothed score is finite and right") {
  const GaussianMixture one(ones({1}, f64), column({0}), ones({1, 1, 1}, f64));
  // tails are those of the noise: -sign / b
  CHECK(laplace_score(one, column({1e3, -1e3}), 0.5).to_vector<double>() == std::vector<double>{-2, 2});
  // hardly any noise: the Gaussian's own score
  CHECK(laplace_score(one, column({1.5}), 1e-4).item() == Approx(-1.5).epsilon(1e-6));
  CHECK(laplace_log_density(one, column({1.5}), 1e-4).item() == Approx(one.log_density(column({1.5})).item()));
  // hardly any data: the law of the noise
  const GaussianMixture point(ones({1}, f64), column({0}), full({1, 1, 1}, 1e-12, f64));
  CHECK(laplace_log_density(point, column({0.7}), 0.5).item() == Approx(-1.4).margin(1e-3));
  CHECK(laplace_score(point, column({0.7}), 0.5).item() == Approx(-2));
}

TEST_CASE("the sum of two mixtures") {
  const GaussianMixture p = boxes(), q = GaussianMixture::named("ellipses"), both = convolve(p, q);
  CHECK(both.components() == 6);
  CHECK(sum(both.weights()).item() == Approx(1));
  // smoothing by one ball is GaussianMixture's own
  const GaussianMixture ball(ones({1}, f64), zeros({1, 2}, f64), reshape(0.25 * eye(2, f64), {1, 2, 2}));
  Generator g(4);
  const Tensor x = randn({20, 2}, g, f64);
  CHECK(allclose(convolve(p, ball).score(x), p.score(x, 0.5), 1e-12, 1e-12));
  CHECK(allclose(convolve(ball, p).log_density(x), p.log_density(x, 0.5), 1e-12, 1e-12));
  // moments of x + u, and E score(x + u) (x + u)^T = -I: the score belongs to the draws
  const Tensor y = p.sample(20000, 5) + q.sample(20000, 6), s = both.score(y);
  for (int i = 0; i < 2; ++i) {
    CHECK(estimate(narrow(s, 1, i, 1)).off(0) < 4);
    CHECK(estimate(narrow(s, 1, i, 1) * narrow(y, 1, i, 1)).off(-1) < 4);
    CHECK(estimate(narrow(s, 1, i, 1) * sin(2.0 * narrow(y, 1, i, 1)) + 2.0 * cos(2.0 * narrow(y, 1, i, 1))).off(0) <
          4);
  }
}

TEST_CASE("noise refuses what makes no sense") {
  Generator g(7);
  CHECK_THROWS_WITH(gaussian_noise(0), "[gaussian_noise] expected sigma above 0; got 0.000000");
  CHECK_THROWS_WITH(laplace_noise(-1), "[laplace_noise] expected a scale b above 0; got -1.000000");
  CHECK_THROWS_WITH(mixture_noise(boxes()).draw(zeros({3, 4}), g),
                    "[mixture_noise] expected samples (B, 2); got f32 (3, 4)");
  CHECK_THROWS_WITH(convolve(boxes(), line()), "[convolve] expected mixtures of one dimension; got 2 and 1");
  CHECK_THROWS_WITH(laplace_score(GaussianMixture::named("ellipses"), zeros({1, 2}), 1),
                    Contains("[laplace_score] expected a mixture with diagonal covariances; got a full one"));
  CHECK_THROWS_WITH(laplace_log_density(line(), zeros({1, 2}), 1),
                    "[laplace_log_density] expected f32 or f64 points (B, 1); got f32 (1, 2)");
}
