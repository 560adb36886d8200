// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <cmath>

#include "ops/ops.h"
#include "smld/diffusion_samplers.h"
#include "tests/smld/mixture_check.h"

using namespace stein;
using namespace stein::smld;

namespace {

constexpr double kVariance = 0.5;

/// E[z | x_t] for data N(0, 0.5).
NoiseModel gaussian_noise(const DdpmSchedule& schedule) {
  return [schedule](const Tensor& x, const Tensor& t) {
    const Kernel k = schedule.kernel(t, x.rank(), x.dtype());
    return k.sigma * x / (kVariance * square(k.alpha) + square(k.sigma));
  };
}

/// Variance of what a chain on data N(0, 0.5) returns: each step multiplies x_t by Cov(x_r, x_t) / V_t, for the model is exact and all
/// is Gaussian, and adds `noise(t)`, but not in the last step.
template <class Noise>
double chain_variance(const DdpmSchedule& schedule, Noise noise) {
  const auto v = [&](std::int64_t t) { return 1 - schedule.alpha_bar(t) * (1 - kVariance); };
  double out = 1;
  for (std::int64_t t = schedule.steps(); t >= 1; --t) {
    const double c = std::sqrt(1 - schedule.beta(t)) * v(t - 1) / v(t);
    out = c * c * out + (t > 1 ? noise(t) : 0);
  }
  return out;
}

}  // namespace

TEST_CASE("DDPM on a Gaussian: the variance of a short chain is what linear algebra says, for both choices") {
  const DdpmSchedule schedule(12, 0.02, 0.5);
  const std::int64_t n = 20000;
  Generator g(1);
  const auto run = [&](DdpmVariance variance) {
    DdpmOptions o;
    o.variance = variance;
    return var(ddpm(gaussian_noise(schedule), schedule, randn({n, 1}, g, f64), g, o)).item();
  };
  const double upper = chain_variance(schedule, [&](std::int64_t t) { return schedule.beta(t); });
  const double lower = chain_variance(schedule, [&](std::int64_t t) {
    return schedule.beta(t) * (1 - schedule.alpha_bar(t - 1)) / (1 - schedule.alpha_bar(t));
  });
  CHECK(upper > 1.15 * lower);
  CHECK(run(DdpmVariance::beta) == Approx(upper).epsilon(4 * std::sqrt(2.0 / n)));
  CHECK(run(DdpmVariance::posterior) == Approx(lower).epsilon(4 * std::sqrt(2.0 / n)));
}

TEST_CASE("DDPM and DDIM driven by the exact noise sample the mixture") {
  const DdpmSchedule schedule(100, 1e-3, 0.2);
  const NoiseModel noise = MixtureScore(ellipses()).noise_of(schedule);
  Generator g(5);
  const auto start = [&] { return randn({kSamples, 2}, g); };
  // 100 steps: beta_t leaves variances about right, the posterior's 6 % low
  DdpmOptions o;
  check_sample(ddpm(noise, schedule, start(), g, o), 0.03, 2e-4, 0.06);
  o.variance = DdpmVariance::beta;
  check_sample(ddpm(noise, schedule, start(), g, o), 0.03, 2e-4, 0.06);
  for (const double eta : {0.0, 0.5}) {
    DdimOptions d;
    d.eta = eta;
    check_sample(ddim(noise, schedule, start(), g, d), 0.03, 2e-4, 0.06);
  }
}

TEST_CASE("DDIM with eta 1 and every step is DDPM with the posterior variance; with eta 0 it draws nothing") {
  const DdpmSchedule schedule(20, 0.01, 0.3);
  const NoiseModel noise = MixtureScore(ellipses()).noise_of(schedule);
  Generator draws(6);
  const Tensor x = randn({10, 2}, draws, f64);
  Generator a(7), b(7);
  DdimOptions all;
  all.eta = 1;
  all.steps = 20;
  CHECK(allclose(ddim(noise, schedule, x, a, all), ddpm(noise, schedule, x, b), 1e-9, 1e-9));
  CHECK(a.state() == b.state());
  DdpmOptions upper;
  upper.variance = DdpmVariance::beta;
  CHECK_FALSE(allclose(ddpm(noise, schedule, x, a, upper), ddpm(noise, schedule, x, b), 1e-3, 1e-3));

  all.eta = 0;
  Generator c(8), untouched(8), d(9);
  const Tensor once = ddim(noise, schedule, x, c, all);
  CHECK(equal(once, ddim(noise, schedule, x, d, all)));
  CHECK(c.state() == untouched.state());

  // A Gaussian is carried along its quantiles: DDIM is the probability flow's integrator and exact in the limit.
  const DdpmSchedule fine(1000);
  const Tensor z = tensor({-2, -1, 0.5}, f64).unsqueeze(1);
  const double top = std::sqrt(1 - fine.alpha_bar(1000) * (1 - kVariance));
  const auto error = [&](std::int64_t steps) {
    DdimOptions o;
    o.steps = steps;
    return amax(abs(ddim(gaussian_noise(fine), fine, top * z, c, o) / (std::sqrt(kVariance) * z) - 1.0)).item();
  };
  CHECK(error(1000) < 0.02);
  CHECK(error(250) / error(500) == Approx(2).margin(0.2));
}

TEST_CASE("DDIM visits the times it is given, or both ends evenly spaced; DDPM all; the texts of errors") {
  const DdpmSchedule schedule(10, 0.01, 0.3);
  std::vector<std::int64_t> seen;
  const NoiseModel spy = [&](const Tensor& x, const Tensor& t) {
    seen.push_back(t[0].item<std::int64_t>());
    return zeros_like(x);
  };
  Generator g(1);
  const Tensor x = ones({2, 1, 2}).requires_grad_();
  DdimOptions o;
  o.steps = 4;
  CHECK_FALSE(ddim(spy, schedule, x, g, o).requires_grad());
  CHECK(seen == std::vector<std::int64_t>{10, 7, 4, 1});
  seen.clear();
  o.times = {9, 2};
  // no noise predicted: each step is x0 = x_t / sqrt(abar_t), then sqrt(abar_r) x0, in all x / sqrt(abar_9)
  CHECK(allclose(ddim(spy, schedule, x, g, o), ones({2, 1, 2}) / std::sqrt(schedule.alpha_bar(9))));
  CHECK(seen == std::vector<std::int64_t>{9, 2});
  // eta 0.5 and noise of 1 in the only step that has any
  o.eta = 0.5;
  o.noise = [](const Tensor& like) { return ones_like(like); };
  const double at9 = schedule.alpha_bar(9), at2 = schedule.alpha_bar(2);
  const double w = 0.25 * (1 - at2) / (1 - at9) * (1 - at9 / at2);
  CHECK(allclose(ddim(spy, schedule, x, g, o), full({2, 1, 2}, 1 / std::sqrt(at9) + std::sqrt(w) / std::sqrt(at2))));
  seen.clear();
  std::int64_t steps = 0;
  DdpmOptions p;
  p.progress = [&](std::int64_t done, std::int64_t total) { return ++steps == done && total == 10; };
  CHECK_FALSE(ddpm(spy, schedule, x, g, p).requires_grad());
  CHECK(steps == 10);
  CHECK(seen == std::vector<std::int64_t>{10, 9, 8, 7, 6, 5, 4, 3, 2, 1});
  p.progress = [](std::int64_t, std::int64_t) { return false; };
  CHECK_THROWS_AS(ddpm(spy, schedule, x, g, p), Interrupted);
  o.times = {2, 9};
  CHECK_THROWS_WITH(ddim(spy, schedule, x, g, o), "[ddim] expected decreasing times in 1 ... 10; got 9 as number 1");
  o.times = {};
  o.steps = 11;
  CHECK_THROWS_WITH(ddim(spy, schedule, x, g, o), "[ddim] expected 1 to 10 steps; got 11; the schedule has 10");
  o.eta = 2;
  CHECK_THROWS_WITH(ddim(spy, schedule, x, g, o), "[ddim] expected eta in [0, 1]; got 2.000000");
}
