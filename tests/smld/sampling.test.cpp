// SPDX-License-Identifier: MIT
// Constraints and noise sources, and the samplers that take them.
#include "smld/sampling.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "ops/ops.h"
#include "smld/diffusion_samplers.h"
#include "smld/ladder.h"
#include "smld/mixture_score.h"
#include "smld/samplers.h"

using namespace stein;
using namespace stein::smld;

namespace {

/// Unit variances, correlation 0.9: given the first is 1.5, the second has the mean 1.35 and the variance 0.19.
const MixtureScore& correlated() {
  static const MixtureScore m(
      GaussianMixture(ones({1}, f64), zeros({1, 2}, f64), from_vector<double>({1, .9, .9, 1}, {1, 2, 2})));
  return m;
}
const Tensor kKnown = tensor({1.5, 0}), kMask = tensor({1, 0});

}  // namespace

TEST_CASE("inpainting by the reverse SDE: the bias of replacing, what rounds mend, and the known part exact") {
  const Sde sde = Sde::vp();
  const std::int64_t n = 1500;
  const auto run = [&](std::int64_t rounds, Predictor p) {
    Generator g(1);
    ReverseSdeOptions o;
    o.steps = 100;
    o.rounds = rounds;
    o.predictor = p;
    o.constraint = inpaint(kKnown, kMask, g);
    const Tensor x = reverse_sde(correlated().score_of(sde), sde, prior_sample(sde, {n, 2}, g), g, o);
    CHECK(equal(narrow(x, 1, 0, 1), full({n, 1}, 1.5)));
    return mean(narrow(x, 1, 1, 1)).item();
  };
  CHECK(run(1, Predictor::euler_maruyama) == Approx(0.95).margin(0.06));  // 4 standard errors, and steps' 0.01
  CHECK(run(5, Predictor::ancestral) == Approx(1.28).margin(0.05));
}

TEST_CASE("inpainting by annealed Langevin: its many steps a level do what rounds do") {
  const Tensor ladder = geometric_ladder(10, 0.05, 12);
  const auto run = [&](std::int64_t steps) {
    Generator g(2);
    AnnealedOptions o;
    o.steps_per_level = steps;
    o.constraint = inpaint(kKnown, kMask, g);
    const Tensor x = annealed_langevin(correlated().score_of(ladder), ladder, 10 * randn({1000, 2}, g), g, o);
    CHECK(equal(narrow(x, 1, 0, 1), full({1000, 1}, 1.5)));
    return x;
  };
  CHECK(mean(narrow(run(5), 1, 1, 1)).item() < 1.1);
  const Tensor rest = narrow(run(100), 1, 1, 1);
  CHECK(mean(rest).item() == Approx(1.35).margin(4 * std::sqrt(0.19 / 1000) + 0.01));
  CHECK(var(rest).item() == Approx(0.19).epsilon(4 * std::sqrt(2.0 / 1000)));
}

TEST_CASE("a constraint is called before each step with its level, and at the end without noise") {
  std::vector<std::pair<double, double>> calls;
  const Constraint spy = [&](const Tensor& x, double alpha, double sigma) {
    calls.emplace_back(alpha, sigma);
    return x;
  };
  const TimeScore zero = [](const Tensor& x, const Tensor&) { return zeros_like(x); };
  const Tensor x = ones({2, 1});
  Generator g(1);
  ReverseSdeOptions s;
  s.constraint = spy;
  s.steps = 2;
  s.end = 0.5;
  s.rounds = 2;
  const Sde sde = Sde::vp();
  reverse_sde(zero, sde, x, g, s);
  REQUIRE(calls.size() == 5);
  CHECK(calls[0] == std::pair{sde.alpha(1), sde.sigma(1)});
  CHECK(calls[1] == calls[0]);
  CHECK(calls[2] == std::pair{sde.alpha(0.5), sde.sigma(0.5)});
  CHECK(calls[4] == std::pair{1.0, 0.0});
  calls.clear();
  AnnealedOptions a;
  a.constraint = spy;
  a.steps_per_level = 1;
  annealed_langevin(zero, tensor({3, 1}, f64), x, g, a);
  CHECK(calls == std::vector<std::pair<double, double>>{{1, 3}, {1, 1}, {1, 0}});
  calls.clear();
  DdimOptions d;
  d.constraint = spy;
  d.times = {7, 3};
  const DdpmSchedule schedule(10, 0.01, 0.3);
  ddim(zero, schedule, x, g, d);
  REQUIRE(calls.size() == 3);
  CHECK(calls[1].first == Approx(std::sqrt(schedule.alpha_bar(3))));
  CHECK(calls[1].second == Approx(std::sqrt(1 - schedule.alpha_bar(3))));
}

TEST_CASE("the round back is the forward transition: rounds leave the law of an exact chain as it is") {
  // Data N(0, 1) under VP is N(0, 1) at every level: any error of the way back's mean or variance would add up over the rounds.
  for (const char* name : {"vp", "ve"}) {
    const Sde sde = std::string(name) == "ve" ? Sde::ve(0.01, 5) : Sde::vp();
    const TimeScore f = [&](const Tensor& x, const Tensor& t) {
      const Kernel k = sde.kernel(t, 2);
      return neg(x) / (square(k.alpha) + square(k.sigma));
    };
    Generator g(3);
    ReverseSdeOptions o;
    o.steps = 100;
    o.rounds = 4;
    o.predictor = Predictor::ancestral;
    const Tensor start = std::string(name) == "ve" ? std::sqrt(26.0) * randn({4000, 1}, g) : randn({4000, 1}, g);
    CHECK(var(reverse_sde(f, sde, start, g, o)).item() == Approx(1).epsilon(4 * std::sqrt(2.0 / 4000) + 0.04));
  }
}

TEST_CASE("interpolation: frames share two fields, each frame's noise is standard normal, the ends are plain samples") {
  const double half_pi = std::acos(0.0);
  const Tensor u = linspace(0, half_pi, 5, f64);
  Generator g(4), again(4);
  const NoiseSource source = interpolation_noise(u, g);
  const Tensor z = source(zeros({5, 3, 4}));
  const Tensor p = randn({1, 3, 4}, again), q = randn({1, 3, 4}, again);
  CHECK(allclose(narrow(z, 0, 0, 1), p));
  CHECK(allclose(narrow(z, 0, 4, 1), q, 1e-5, 1e-6));
  CHECK(allclose(narrow(z, 0, 2, 1), std::sqrt(0.5) * (p + q), 1e-5, 1e-6));
  const Tensor many = interpolation_noise(full({1}, 0.7, f64), g)(zeros({1, 20000}));
  CHECK(var(many).item() == Approx(1).epsilon(0.04));
  CHECK_THROWS_WITH(source(zeros({4, 2})),
                    "[interpolation_noise] expected a sample for each angle of f64 (5,); got f32 (4, 2)");

  // A chain of frames: neighbours stay close although every step draws noise; frames of equal angle are equal.
  const Tensor ladder = geometric_ladder(5, 0.1, 8);
  AnnealedOptions o;
  o.steps_per_level = 5;
  o.noise = interpolation_noise(concat({linspace(0, half_pi, 40, f64), zeros({1}, f64)}), g);
  const Tensor start = 5 * o.noise(zeros({41, 2}));
  const Tensor x = annealed_langevin(correlated().score_of(ladder), ladder, start, g, o);
  CHECK(allclose(x[0], x[40], 1e-5, 1e-5));
  const Tensor jump = amax(norm(narrow(x, 0, 1, 39) - narrow(x, 0, 0, 39), 2, {1}));
  CHECK(jump.item() < 0.35 * norm(x[0] - x[39]).item() + 0.05);
}

TEST_CASE("hooks of the wrong shape are errors in the sampler's name") {
  const Score f = [](const Tensor& x) { return neg(x); };
  Generator g(1);
  SamplerHooks h;
  h.noise = [](const Tensor&) { return zeros({1}); };
  CHECK_THROWS_WITH(langevin(f, zeros({2, 3}), 0.1, 1, g, LangevinStep::full, h),
                    "[langevin] expected noise f32 (2, 3); got f32 (1,)");
  CHECK_THROWS_WITH(inpaint(ones({4, 3}), ones({3}), g)(zeros({2, 3}), 1, 0),
                    Catch::Contains("expected") && Catch::Contains("(4, 3)"));
  CHECK_THROWS_WITH(inpaint(ones({3}, f64), ones({3}), g)(zeros({2, 3}), 1, 0),
                    "[inpaint] expected known values of the samples' dtype, f32 (2, 3); got f64 (3,)");
  CHECK_THROWS_WITH(inpaint(ones({5, 2, 3}), ones({3}), g)(zeros({2, 3}), 1, 0),
                    "[inpaint] expected known values and a mask that broadcast to the samples, f32 (2, 3); got f32 (5, "
                    "2, 3) and bool (3,)");
}
