// SPDX-License-Identifier: MIT
#include "smld/samplers.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "ops/ops.h"
#include "smld/data/mixture.h"
#include "smld/ladder.h"
#include "tests/smld/mixture_check.h"

using namespace stein;
using namespace stein::smld;

TEST_CASE("Langevin on N(0, S): the full step's stationary variance is S / (1 - tau / (2 S))") {
  const double s = 0.8, tau = 0.3;
  const Score f = [&](const Tensor& x) { return x * (-1 / s); };
  Generator g(1);
  const Tensor x = langevin(f, randn({40000, 1}, g, f64), tau, 60, g);
  CHECK(var(x).item() == Approx(s / (1 - tau / (2 * s))).epsilon(0.03));
  // the half step of twice the size is the same chain
  Generator a(2), b(2);
  const Tensor start = randn({5, 2}, a, f64);
  b = a;
  CHECK(allclose(langevin(f, start, 0.1, 7, a, LangevinStep::full), langevin(f, start, 0.2, 7, b, LangevinStep::half),
                 1e-12));
}

TEST_CASE(
    "annealed Langevin finds the weights of a mixture whose modes lie far apart; denoising takes the last noise away") {
  const GaussianMixture p = GaussianMixture::named("two");  // 0.8 and 0.2, ten apart in each coordinate
  const Tensor ladder = geometric_ladder(20, 1, 10, f64);
  const LevelScore f = [&](const Tensor& x, const Tensor& level) {
    return p.score(x, ladder.to_vector<double>()[static_cast<std::size_t>(level.to_vector<std::int64_t>()[0])]);
  };
  const std::int64_t n = 3000;
  for (const bool denoise : {false, true}) {
    Generator g(4);
    AnnealedOptions options;
    options.steps_per_level = 40;
    options.denoise = denoise;
    const Tensor x = annealed_langevin(f, ladder, 20 * randn({n, 2}, g, f64), g, options);
    const Tensor right = (narrow(x, 1, 0, 1) > 0).to(f64);
    CHECK(mean(right).item() == Approx(0.8).margin(4 * std::sqrt(0.16 / static_cast<double>(n))));
    // Within a mode of variance S = 1 at sigma_L = 1: S + sigma_L^2 without denoising (inflated by the step size 0.2:
    // V / (1 - 0.2 / (2 V))), then times (S / (S + sigma_L^2))^2.
    const double v = 2 / (1 - 0.2 / 4), expected = denoise ? v * 0.25 : v;
    const Tensor mode = where(narrow(x, 1, 0, 1) > 0, narrow(x, 1, 1, 1) - 5, zeros({n, 1}, f64));
    CHECK(sum(square(mode)).item() / sum(right).item() == Approx(expected).epsilon(0.1));
  }
  CHECK_THROWS_WITH(langevin([](const Tensor& t) { return t; }, ones({1, 1}), 0, 1, default_generator()),
                    "[langevin] expected a finite step size above 0 and at least 0 steps; got 0.000000, 1");
}

TEST_CASE("annealed Langevin: the half step is the full step of half the size, by default and when named") {
  const Tensor ladder = tensor({2, 0.5}, f64);
  const LevelScore f = [&](const Tensor& x, const Tensor& level) {
    return neg(x) / (1 + square(unsqueeze(index_select(ladder, 0, level), 1)));
  };
  Generator g(7);
  const Tensor start = randn({4, 3}, g, f64);
  const auto run = [&](LangevinStep step, double epsilon) {
    Generator own(8);
    AnnealedOptions options;
    options.steps_per_level = 5;
    options.step = step;
    options.epsilon = epsilon;
    return annealed_langevin(f, ladder, start, own, options);
  };
  const Tensor full_step = run(LangevinStep::full, 0), half_step = run(LangevinStep::half, 0);
  CHECK(allclose(half_step, full_step, 1e-12));
  CHECK(equal(full_step, run(LangevinStep::full, 0.2 * 0.25)));
  CHECK(equal(half_step, run(LangevinStep::half, 0.4 * 0.25)));
  CHECK(!allclose(run(LangevinStep::half, 0.05), full_step, 1e-3));
  CHECK(allclose(run(LangevinStep::half, 0.06), run(LangevinStep::full, 0.03), 1e-12));
  Generator own(9);
  CHECK_THROWS_WITH(
      annealed_langevin(f, tensor({0.5, 2}, f64), start, own),
      "[annealed_langevin] expected finite noise levels above 0, the largest first; got 2.000000 as number 1");
  CHECK_THROWS_AS(annealed_langevin(f, tensor({1, 0}, f64), start, own), Error);
  CHECK_THROWS_AS(annealed_langevin(f, tensor({INFINITY, 1}, f64), start, own), Error);
  for (const double epsilon : {std::nan(""), double{INFINITY}, -0.1}) {
    AnnealedOptions options;
    options.epsilon = epsilon;
    CHECK_THROWS_WITH(
        annealed_langevin(f, ladder, start, own, options),
        Catch::StartsWith("[annealed_langevin] expected at least one level, one step a level and a finite "
                          "step size of at least 0; got f64 ("));
  }
  CHECK_THROWS_AS(langevin([](const Tensor& x) { return neg(x); }, start, INFINITY, 1, own), Error);
  CHECK_NOTHROW(annealed_langevin(f, tensor({0.5, 0.5}, f64), start, own));
}

TEST_CASE("MALA has no bias of the step size, and accepts what the law of a Gaussian says") {
  const double s = 0.8, tau = 0.8;  // plain Langevin: S / (1 - tau / (2 S)) = 2 S
  const Score f = [&](const Tensor& x) { return x * (-1 / s); };
  const auto log_density = [&](const Tensor& x) { return per_sample(square(x)) * (-0.5 / s); };
  Generator g(1);
  const std::int64_t n = 20000;
  const Tensor start = std::sqrt(s) * randn({n, 1}, g, f64);
  const Tensor plain = langevin(f, start, tau, 40, g);
  CHECK(var(plain).item() == Approx(2 * s).epsilon(0.05));
  const MalaResult r = mala(log_density, f, start, tau, 40, g);
  CHECK(var(r.x).item() == Approx(s).epsilon(4 * std::sqrt(2.0 / static_cast<double>(n))));
  CHECK(mean(r.x).item() == Approx(0).margin(4 * std::sqrt(s / static_cast<double>(n))));
  // From x with x' = c x + sqrt(2 tau) z, c = 1 - tau / S, the log of the ratio is (x^2 - x'^2) tau / (4 S^2): its mean over both by quadrature.
  double expected = 0, total = 0;
  for (double a = -6; a <= 6; a += 0.05)
    for (double b = -6; b <= 6; b += 0.05) {
      const double x = std::sqrt(s) * a, y = (1 - tau / s) * x + std::sqrt(2 * tau) * b;
      const double weight = std::exp(-0.5 * (a * a + b * b));
      expected += weight * std::min(1.0, std::exp((x * x - y * y) * tau / (4 * s * s)));
      total += weight;
    }
  CHECK(r.acceptance == Approx(expected / total).margin(0.005));
  // A wrong score costs acceptance, not correctness; a tiny step is nearly always taken.
  const MalaResult crooked = mala(
      log_density, [](const Tensor& x) { return 0.3 * x; }, start, 0.3, 60, g);
  CHECK(var(crooked.x).item() == Approx(s).epsilon(0.05));
  CHECK(mala(log_density, f, start, 1e-4, 5, g).acceptance > 0.999);
}

TEST_CASE("Langevin family on the mixture: MALA reaches it, annealed Langevin the mixture smoothed by the last level") {
  const MixtureScore m(ellipses());
  Generator g(2);
  const auto density = [&](const Tensor& x) { return m.log_density(x, {scalar(1, x.dtype()), scalar(0, x.dtype())}); };
  const MalaResult r = mala(density, m.score_at(), 2 * randn({kSamples, 2}, g), 0.4, 200, g);
  check_sample(r.x);
  CHECK(r.acceptance > 0.6);
  const Tensor ladder = geometric_ladder(8, 0.1, 12);
  AnnealedOptions o;
  o.steps_per_level = 15;
  check_sample(annealed_langevin(m.score_of(ladder), ladder, 8 * randn({kSamples, 2}, g), g, o), 0.03, 2e-4, 0.05);
  // Langevin at one step size, long enough for this overlapping mixture.
  check_sample(langevin(m.score_at(), 2 * randn({kSamples, 2}, g), 0.03, 400, g), 0.02, 0, 0.05);
}

TEST_CASE("denoising maps a mode's variance S to S^2 / (S + sigma_L^2); MALA's and Langevin's texts of errors") {
  // At the last level's equilibrium, S + sigma^2 = 2 with S = sigma = 1; epsilon so small that its own bias is 0.5 %.
  const Tensor ladder = tensor({1}, f64);
  const LevelScore f = [](const Tensor& x, const Tensor&) { return -0.5 * x; };
  const std::int64_t n = 20000;
  for (const bool denoise : {false, true}) {
    Generator g(3);
    AnnealedOptions o;
    o.steps_per_level = 20;
    o.epsilon = 0.02;
    o.denoise = denoise;
    const Tensor x = annealed_langevin(f, ladder, std::sqrt(2.0) * randn({n, 1}, g, f64), g, o);
    CHECK(var(x).item() == Approx(denoise ? 0.5 : 2).epsilon(4 * std::sqrt(2.0 / static_cast<double>(n)) + 0.005));
  }
  Generator g(1);
  const Score s = [](const Tensor& x) { return neg(x); };
  const auto per_element = [](const Tensor& x) { return square(x); };
  CHECK_THROWS_WITH(mala(per_element, s, ones({2, 3}), 0.1, 1, g),
                    "[mala] expected a log-density (2,) of the samples' dtype; got f32 (2, 3)");
  CHECK_THROWS_WITH(mala(per_element, s, ones({2, 3}), -1, 1, g),
                    "[mala] expected a finite step size above 0 and at least 0 steps; got -1.000000, 1");
  CHECK_THROWS_WITH(langevin([](const Tensor& x) { return sum(x); }, ones({2, 3}), 0.1, 1, g),
                    "[langevin] expected a score of the samples' shape and dtype, f32 (2, 3); got f32 ()");
  SamplerHooks stop;
  stop.progress = [](std::int64_t done, std::int64_t total) { return done < total; };
  CHECK_THROWS_AS(langevin(s, ones({2, 3}), 0.1, 3, g, LangevinStep::full, stop), Interrupted);
}
