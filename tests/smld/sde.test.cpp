// SPDX-License-Identifier: MIT
// The kernels against the moment equations of their SDEs, the draws of times against their density.
#include "smld/sde.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "ops/ops.h"
#include "tests/smld/support.h"

using namespace stein;
using namespace stein::smld;
using namespace stein::smld::test;
using Catch::Matchers::Contains;

namespace {

struct Named {
  std::string name;
  Sde sde;
};
std::vector<Named> sdes() {
  return {{"vp", Sde::vp()},
          {"vp, constant beta", Sde::vp(2, 2)},
          {"vp from 0", Sde::vp(0, 10)},
          {"sub-vp", Sde::sub_vp()},
          {"sub-vp, other", Sde::sub_vp(1, 5)},
          {"ve", Sde::ve()},
          {"ve, other", Sde::ve(0.1, 5)}};
}

// Mean and variance of dx = f x dt + g dw from x_0 = 1 and `start` variance: m' = f m, V' = 2 f V + g^2, by Runge-Kutta of order 4.
std::pair<double, double> moments(const Sde& sde, double start, double t, int steps) {
  double m = 1, v = start;
  const double h = t / steps;
  const auto slope = [&](double at, double mean, double variance) {
    return std::pair(sde.drift(at) * mean, 2 * sde.drift(at) * variance + sde.diffusion2(at));
  };
  for (int i = 0; i < steps; ++i) {
    const double at = i * h;
    const auto a = slope(at, m, v), b = slope(at + h / 2, m + h / 2 * a.first, v + h / 2 * a.second),
               c = slope(at + h / 2, m + h / 2 * b.first, v + h / 2 * b.second),
               d = slope(at + h, m + h * c.first, v + h * c.second);
    m += h / 6 * (a.first + 2 * b.first + 2 * c.first + d.first);
    v += h / 6 * (a.second + 2 * b.second + 2 * c.second + d.second);
  }
  return {m, v};
}

// The integral of g^2 / sigma^2 from a to b by Simpson's rule in log t.
double integral(const Sde& sde, double a, double b) {
  const int n = 2000;
  double sum = 0;
  for (int i = 0; i <= n; ++i) {
    const double t = a * std::pow(b / a, static_cast<double>(i) / n), s = sde.sigma(t);
    sum += (i == 0 || i == n ? 1 : i % 2 ? 4 : 2) * t * sde.diffusion2(t) / (s * s);
  }
  return sum * std::log(b / a) / (3.0 * n);
}

}  // namespace

TEST_CASE("the kernels are the moments of their SDEs") {
  for (const auto& [name, sde] : sdes())
    for (const double t : {1e-3, 0.1, 0.5, 1.0}) {
      INFO(name << " at " << t);
      const double at_0 = sde.kind() == Sde::Kind::ve ? sde.sigma(0) * sde.sigma(0) : 0;
      const auto [m, v] = moments(sde, at_0, t, 4000);
      CHECK(sde.alpha(t) == Approx(m).epsilon(1e-9));
      CHECK(sde.sigma(t) * sde.sigma(t) == Approx(v).epsilon(1e-8));
    }
}

TEST_CASE("closed forms of the published SDEs") {
  const Sde vp = Sde::vp(), sub = Sde::sub_vp(), ve = Sde::ve();
  for (const double t : {1e-5, 1e-3, 0.2, 1.0}) {
    const double a = vp.alpha(t), s = vp.sigma(t);
    CHECK(a * a + s * s == Approx(1).epsilon(1e-14));
    CHECK(sub.alpha(t) == a);
    CHECK(sub.sigma(t) == Approx(s * s).epsilon(1e-14));  // 1 - alpha^2
    CHECK(vp.beta(t) == Approx(0.1 + 19.9 * t));
    CHECK(vp.diffusion2(t) == Approx(vp.beta(t)));
    CHECK(sub.diffusion2(t) <= vp.diffusion2(t));
    CHECK(ve.sigma(t) == Approx(0.01 * std::pow(5000, t)));
    CHECK(ve.drift(t) == 0);
  }
  CHECK(vp.alpha(1) == Approx(std::exp(-0.5 * 10.05)));
  CHECK(vp.prior_deviation() == 1);
  CHECK(ve.prior_deviation() == 50);
  CHECK(ve.sigma(1) == Approx(50));
  CHECK(vp.sampling_end() == 1e-3);
  CHECK(ve.sampling_end() == 1e-5);
}

TEST_CASE("kernels of tensors: those of numbers, also in f32 at small t") {
  const Tensor t = tensor({1e-5, 1e-3, 0.3, 1}, f64);
  for (const auto& [name, sde] : sdes()) {
    INFO(name);
    const Kernel k = sde.kernel(t, 4), k32 = sde.kernel(t.to(f32), 4);
    CHECK(k.sigma.shape() == Shape{4, 1, 1, 1});
    CHECK(k32.alpha.dtype() == f32);
    const Tensor g2 = sde.diffusion2(t);
    for (std::int64_t i = 0; i < 4; ++i) {
      const double at = t[i].item();
      CHECK(k.alpha[i].item() == Approx(sde.alpha(at)).epsilon(1e-14));
      CHECK(k.sigma[i].item() == Approx(sde.sigma(at)).epsilon(1e-14));
      CHECK(k32.sigma[i].item() == Approx(sde.sigma(at)).epsilon(1e-5));
      CHECK(g2[i].item() == Approx(sde.diffusion2(at)).epsilon(1e-13));
    }
  }
}

TEST_CASE("times outside [0, 1] and steps outside 1 ... T are errors; rounding is not") {
  for (const auto& [name, sde] : sdes()) {
    INFO(name);
    for (const double t : {-0.01, 1.01, 2.0, double(NAN)}) {
      CHECK_THROWS_WITH(sde.alpha(t), Catch::Matchers::Contains("[sde] expected times in [0, 1]; got "));
      CHECK_THROWS_AS(sde.sigma(t), Error);
      CHECK_THROWS_AS(sde.beta(t), Error);
      CHECK_THROWS_AS(sde.drift(t), Error);
      CHECK_THROWS_AS(sde.diffusion2(t), Error);
      CHECK_THROWS_AS(sde.kernel(tensor({0.5, t}, f64), 2), Error);
      CHECK_THROWS_AS(sde.kernel(tensor({t}, f32), 2), Error);
      CHECK_THROWS_AS(sde.diffusion2(tensor({0.5, t}, f64)), Error);
    }
    for (const double t : {0.0, 1.0, 1 + 1e-7}) {
      CHECK_NOTHROW(sde.kernel(tensor({t}, f32), 2));
      CHECK_NOTHROW(sde.kernel(tensor({t}, f64), 2));
      CHECK_NOTHROW(sde.sigma(t));
    }
    CHECK(sde.kernel(zeros({0}, f64), 3).sigma.shape() == Shape{0, 1, 1});
  }
  CHECK_THROWS_WITH(Sde::vp().sigma(2), "[sde] expected times in [0, 1]; got 2.000000");
  const DdpmSchedule schedule(10);
  CHECK_NOTHROW(schedule.beta(10));
  CHECK(schedule.alpha_bar(0) == 1);
  CHECK_THROWS_WITH(schedule.beta(0), "[ddpm] expected a step in 1 ... 10; got 0");
  CHECK_THROWS_WITH(schedule.beta(11), "[ddpm] expected a step in 1 ... 10; got 11");
  CHECK_THROWS_WITH(schedule.alpha_bar(-1), "[ddpm] expected a step in 0 ... 10; got -1");
  CHECK_THROWS_WITH(schedule.alpha_bar(11), "[ddpm] expected a step in 0 ... 10; got 11");
}

TEST_CASE("times by importance have the density g^2 / sigma^2 and weights that make up for it") {
  const std::int64_t n = 20000;
  for (const auto& [name, sde] : sdes())
    for (const double start : {1e-5, 1e-2}) {
      INFO(name << " from " << start);
      Generator g(1);
      const Times times = sde.draw_times(n, f64, g, start, true);
      const auto t = times.t.to_vector<double>(), w = times.weight.to_vector<double>();
      CHECK(*std::min_element(t.begin(), t.end()) >= start);
      CHECK(*std::max_element(t.begin(), t.end()) <= 1);
      const double all = integral(sde, start, 1);
      if (sde.kind() == Sde::Kind::ve) {
        CHECK(estimate(times.t).off((1 + start) / 2) < 4);
        CHECK(amax(abs(times.weight - 1.0)).item() == 0);
      }
      // weight = uniform density / density
      for (std::size_t i = 0; i < 5; ++i) {
        const double s = sde.sigma(t[i]), density = sde.diffusion2(t[i]) / (s * s) / all;
        CHECK(w[i] == Approx(1 / ((1 - start) * density)).epsilon(1e-5));
      }
      // shares below some times, against the integral
      for (const double upper : {2 * start, 0.05, 0.5}) {
        const double share = integral(sde, start, upper) / all;
        std::vector<double> below;
        for (double at : t) below.push_back(at < upper);
        const double got = mean(from_vector(below, {n})).item();
        CHECK(std::abs(got - share) < 4 * std::sqrt(share * (1 - share) / n) + 1e-9);
      }
      // the means are those of uniform times
      CHECK(estimate(times.weight).off(1) < 4);
      CHECK(estimate(times.weight * times.t).off((1 + start) / 2) < 4);
    }
}

TEST_CASE("uniform times: in [start, 1), weight 1") {
  Generator g(2);
  const Times times = Sde::vp().draw_times(5000, f32, g, 0.2);
  CHECK(times.t.dtype() == f32);
  CHECK(amin(times.t).item() >= 0.2f);
  CHECK(amax(times.t).item() <= 1);
  CHECK(estimate(times.t.to(f64)).off(0.6) < 4);
  CHECK(amax(abs(times.weight - 1.0)).item() == 0);
  CHECK_THROWS_WITH(Sde::vp().draw_times(3, f32, g, 0), "[sde] expected a first time between 0 and 1; got 0.000000");
}

TEST_CASE("the score of a network as published") {
  const Tensor x = ones({2, 3}, f64), t = tensor({0.25, 0.5}, f64);
  Tensor seen;
  const TimeScore net = [&](const Tensor& y, const Tensor& at) {
    seen = at;
    return 2.0 * y;
  };
  for (const auto& [name, sde] : sdes()) {
    INFO(name);
    const Tensor s = sde.score_of(net)(x, t);
    const bool ve = sde.kind() == Sde::Kind::ve;
    for (std::int64_t i = 0; i < 2; ++i) {
      const double sigma = sde.sigma(t[i].item());
      CHECK(s[i][1].item() == Approx((ve ? 2 : -2) / sigma));
      CHECK(seen[i].item() == Approx(ve ? sigma : 999 * t[i].item()));
    }
  }
}

TEST_CASE("DDPM's chain: betas in equal steps, the kernel of the product, VP in the limit") {
  const DdpmSchedule s;
  CHECK(s.steps() == 1000);
  CHECK(s.beta(1) == Approx(1e-4));
  CHECK(s.beta(1000) == Approx(0.02));
  CHECK(s.beta(500) - s.beta(499) == Approx(s.beta(2) - s.beta(1)));
  CHECK(s.alpha_bar(0) == 1);
  double product = 1;
  for (std::int64_t t = 1; t <= 1000; ++t) CHECK(s.alpha_bar(t) == Approx(product *= 1 - s.beta(t)));
  const Kernel k = s.kernel(tensor({0, 1, 1000}, f64).to(i64), 3, f64);
  CHECK(k.alpha.shape() == Shape{3, 1, 1});
  CHECK(k.alpha[0].item() == 1);
  CHECK(k.sigma[0].item() == 0);
  CHECK(k.sigma[1].item() == Approx(0.01));
  CHECK(k.alpha[2].item() == Approx(std::sqrt(product)));
  for (const std::int64_t t : {100, 500, 1000})
    CHECK(std::log(s.alpha_bar(t)) ==
          Approx(2 * std::log(Sde::vp().alpha(static_cast<double>(t) / 1000))).epsilon(0.02));
  CHECK(DdpmSchedule(1, 0.3, 0.3).beta(1) == 0.3);
}

TEST_CASE("diffusions refuse what makes no sense") {
  CHECK_THROWS_WITH(Sde::vp(-1, 2),
                    "[vp] expected 0 <= beta_min <= beta_max, beta_max above 0 and finite; got -1.000000, 2.000000");
  CHECK_THROWS_WITH(Sde::sub_vp(3, 2), Contains("[sub_vp] expected 0 <= beta_min <= beta_max"));
  CHECK_THROWS_WITH(Sde::ve(2, 1), "[ve] expected 0 < sigma_min < sigma_max, finite; got 2.000000, 1.000000");
  CHECK_THROWS_WITH(Sde::vp(0.1, INFINITY),
                    "[vp] expected 0 <= beta_min <= beta_max, beta_max above 0 and finite; got 0.100000, inf");
  CHECK_THROWS_WITH(Sde::ve(0.01, INFINITY), "[ve] expected 0 < sigma_min < sigma_max, finite; got 0.010000, inf");
  CHECK_THROWS_WITH(Sde::named("edm"), "[sde] expected one of vp, sub-vp, ve; got 'edm'");
  CHECK(Sde::named("sub-vp").kind() == Sde::Kind::sub_vp);
  CHECK_THROWS_WITH(Sde::vp().kernel(zeros({2}, i64), 2), "[sde] expected times (B), f32 or f64; got i64 (2,)");
  CHECK_THROWS_WITH(DdpmSchedule(0), Contains("[ddpm] expected at least one step and 0 < beta_1 <= beta_T < 1; got 0"));
  CHECK_THROWS_WITH(DdpmSchedule(10, 0.1, 1), Contains("[ddpm] expected at least one step"));
  CHECK_THROWS_AS(DdpmSchedule(10).kernel(full({1}, 11, i64), 2, f32), Error);
}
