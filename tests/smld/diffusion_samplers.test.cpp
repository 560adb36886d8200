// SPDX-License-Identifier: MIT
#include "smld/diffusion_samplers.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "ops/ops.h"
#include "tests/smld/mixture_check.h"

using namespace stein;
using namespace stein::smld;

namespace {

const MixtureScore& exact_score() {
  static const MixtureScore m(ellipses());
  return m;
}

/// The score of N(1, 0.5) under the SDE's kernel.
TimeScore gaussian(const Sde& sde) {
  return [sde](const Tensor& x, const Tensor& t) {
    const Kernel k = sde.kernel(t, x.rank());
    return (k.alpha - x) / (0.5 * square(k.alpha) + square(k.sigma));
  };
}

struct Case {
  const char* sde;
  Predictor predictor;
  std::int64_t correctors;
  double w2, mmd,
      moments;  // bias of 100 steps, measured on 20000 samples: its W2 distance less the null, and the error of a variance
};

void run_cases(const std::vector<Case>& cases) {
  std::uint64_t seed = 20;
  for (const Case& c : cases) {
    INFO(c.sde << ", predictor " << static_cast<int>(c.predictor) << ", correctors " << c.correctors);
    Generator g(seed++);
    const Sde sde = std::string(c.sde) == "ve" ? Sde::ve(0.01, 20) : Sde::named(c.sde);
    ReverseSdeOptions o;
    o.steps = 100;
    o.predictor = c.predictor;
    o.corrector_steps = c.correctors;
    check_sample(reverse_sde(exact_score().score_of(sde), sde, prior_sample(sde, {kSamples, 2}, g), g, o), c.w2, c.mmd,
                 c.moments);
  }
}

}  // namespace

TEST_CASE("the reverse SDE driven by the exact score samples the mixture: VP and sub-VP") {
  run_cases({{"vp", Predictor::euler_maruyama, 0, 0.01, 0, 0.02},
             {"vp", Predictor::reverse_diffusion, 0, 0.01, 0, 0.03},
             {"vp", Predictor::ancestral, 0, 0.03, 2e-4, 0.06},
             {"sub-vp", Predictor::euler_maruyama, 0, 0.01, 0, 0.02},
             {"sub-vp", Predictor::reverse_diffusion, 0, 0.01, 0, 0.03}});
}

TEST_CASE("the reverse SDE driven by the exact score samples the mixture: VE, and with correctors") {
  run_cases({{"ve", Predictor::euler_maruyama, 0, 0.01, 0, 0.02},
             {"ve", Predictor::reverse_diffusion, 0, 0.03, 2e-4, 0.07},
             {"ve", Predictor::ancestral, 0, 0.03, 2e-4, 0.07},
             {"ve", Predictor::reverse_diffusion, 1, 0.01, 0, 0.01},
             {"vp", Predictor::reverse_diffusion, 1, 0.01, 0, 0.02}});
}

TEST_CASE("every predictor tends to the data's variance; a corrector shrinks the error of large steps", "[slow]") {
  const std::int64_t n = 10000;
  const double truth = 0.5;
  for (const char* name : {"vp", "sub-vp", "ve"}) {
    const Sde sde = std::string(name) == "ve" ? Sde::ve(0.01, 5) : Sde::named(name);
    for (const Predictor p : {Predictor::euler_maruyama, Predictor::reverse_diffusion, Predictor::ancestral}) {
      INFO(name << " " << static_cast<int>(p));
      Generator g(1);
      ReverseSdeOptions o;
      o.steps = 200;
      o.predictor = p;
      const Tensor x = reverse_sde(gaussian(sde), sde, prior_sample(sde, {n, 1}, g), g, o);
      // 4 standard errors, and 4 % of steps: h = 1 / 200 where g^2 is up to 20
      CHECK(var(x).item() == Approx(truth).margin(4 * truth * std::sqrt(2.0 / n) + 0.04 * truth));
      CHECK(mean(x).item() == Approx(1).margin(4 * std::sqrt(truth / n) + 0.03));  // VE's prior lacks the mean, 1 / 50
    }
  }
  const Sde sde = Sde::ve(0.01, 5);
  const auto error = [&](std::int64_t correctors, Predictor p) {
    Generator g(2);
    ReverseSdeOptions o;
    o.steps = 25;
    o.predictor = p;
    o.corrector_steps = correctors;
    return std::abs(var(reverse_sde(gaussian(sde), sde, prior_sample(sde, {n, 1}, g), g, o)).item() / truth - 1);
  };
  CHECK(error(0, Predictor::ancestral) > 0.1);
  CHECK(error(2, Predictor::ancestral) < 0.5 * error(0, Predictor::ancestral));
  CHECK(error(20, Predictor::none) < 0.1);  // annealed Langevin along the SDE's levels
}

TEST_CASE("the last step's noise is left out, and the steps are those of the papers") {
  // One step from t = 1, and the score of a constant: what is written out is algorithm 2 and 3's predictor, by hand.
  const TimeScore ones_score = [](const Tensor& x, const Tensor&) { return ones_like(x); };
  const Tensor x = full({3, 2}, 2, f64);
  Generator g(1), untouched(1);
  ReverseSdeOptions o;
  o.steps = 1;
  const Sde vp = Sde::vp(), ve = Sde::ve(0.01, 20);
  // from t = 1 to alpha = 1: beta_1 = 1 - alpha(1)^2
  const double a = vp.alpha(1) * vp.alpha(1), beta = 1 - a;
  CHECK(allclose(reverse_sde(ones_score, vp, x, g, o), full({3, 2}, (2 - std::sqrt(a)) * 2 + beta, f64), 1e-12));
  CHECK(allclose(reverse_sde(ones_score, ve, x, g, o), full({3, 2}, 2 + 400, f64), 1e-12));
  o.predictor = Predictor::ancestral;
  CHECK(allclose(reverse_sde(ones_score, vp, x, g, o), full({3, 2}, (2 + beta) / std::sqrt(a), f64), 1e-12));
  o.predictor = Predictor::euler_maruyama;
  CHECK(
      allclose(reverse_sde(ones_score, vp, x, g, o), full({3, 2}, 2 + 10 * 2 + 20, f64), 1e-12));  // f = -10, g^2 = 20
  CHECK(g.state() == untouched.state());
  // Two steps, VE, the noise given: 1 -> end -> 0. The corrector goes first, at the same time: full step with
  // tau = 2 (snr |z| / |s|)^2, |z| = 3 |s|.
  o.steps = 2;
  o.end = 0.5;
  o.corrector_steps = 1;
  o.predictor = Predictor::ancestral;
  std::vector<double> drawn;
  o.noise = [&](const Tensor& like) {
    drawn.push_back(like[0][0].item());
    return full(like.shape(), 3, like.dtype());
  };
  const double s1 = 400, s2 = 0.01 * 20, tau = 2 * 0.16 * 0.16 * 9, w = s1 - s2, lone = std::sqrt(2 * tau) * 3;
  const double middle = 2 + tau + lone + w + 3 * std::sqrt(w * s2 / s1);
  CHECK(allclose(reverse_sde(ones_score, ve, x, g, o), full({3, 2}, middle + tau + lone + s2, f64), 1e-12));
  CHECK(drawn.size() == 3);
  o.predictor = Predictor::none;  // correctors alone: the last one's mean
  CHECK(allclose(reverse_sde(ones_score, ve, x, g, o), full({3, 2}, 2 + tau + lone + tau, f64), 1e-12));
}

TEST_CASE("the probability flow carries a Gaussian exactly, both ways, by both methods") {
  const Tensor z = linspace(-2, 2, 9, f64).unsqueeze(1);
  for (const char* name : {"vp", "sub-vp", "ve"}) {
    INFO(name);
    const Sde sde = std::string(name) == "ve" ? Sde::ve(0.01, 5) : Sde::named(name);
    const auto along = [&](double t) {  // the flow keeps each point at its quantile
      const double a = sde.alpha(t), s = sde.sigma(t);
      return a + std::sqrt(0.5 * a * a + s * s) * z;
    };
    const double end = sde.sampling_end();
    const OdeResult back = probability_flow(gaussian(sde), sde, along(1), 1, end);
    CHECK(allclose(back.y, along(end), 0, 5e-4));
    CHECK(allclose(probability_flow(gaussian(sde), sde, along(end), end, 1).y, along(1), 0, 2e-3));
    const double coarse =
        amax(abs(probability_flow(gaussian(sde), sde, along(1), 1, end, {.steps = 200}).y - along(end))).item();
    const double fine =
        amax(abs(probability_flow(gaussian(sde), sde, along(1), 1, end, {.steps = 400}).y - along(end))).item();
    CHECK(fine < 2e-3);
    CHECK(coarse / fine == Approx(4).margin(0.8));
  }
}

TEST_CASE("the probability flow driven by the exact score samples the mixture") {
  std::uint64_t seed = 40;
  for (const char* name : {"vp", "sub-vp", "ve"}) {
    INFO(name);
    Generator g(seed++);
    const Sde sde = std::string(name) == "ve" ? Sde::ve(0.01, 20) : Sde::named(name);
    check_sample(probability_flow(exact_score().score_of(sde), sde, prior_sample(sde, {kSamples, 2}, g)));
    if (sde.kind() == Sde::Kind::vp)
      check_sample(
          probability_flow(exact_score().score_of(sde), sde, prior_sample(sde, {kSamples, 2}, g), {.steps = 60}));
  }
}

TEST_CASE("the diffusion samplers record nothing, may be stopped, and name what is wrong") {
  const Sde sde = Sde::vp();
  const Tensor weight = full({1}, -1).requires_grad_();
  const TimeScore f = [&](const Tensor& x, const Tensor&) { return weight * x; };
  Generator g(1);
  const Tensor x = randn({4, 2, 3}, g).requires_grad_();
  ReverseSdeOptions o;
  o.steps = 5;
  std::int64_t steps = 0;
  o.progress = [&](std::int64_t done, std::int64_t total) { return ++steps == done && total == 5; };
  CHECK_FALSE(reverse_sde(f, sde, x, g, o).requires_grad());
  CHECK(steps == 5);
  CHECK_FALSE(probability_flow(f, sde, x).requires_grad());
  o.progress = [](std::int64_t done, std::int64_t) { return done < 2; };
  CHECK_THROWS_AS(reverse_sde(f, sde, x, g, o), Interrupted);
  CHECK_THROWS_AS(probability_flow(f, sde, x, {.progress = o.progress}), Interrupted);
  const auto with = [&](auto change) {
    ReverseSdeOptions bad;
    change(bad);
    return reverse_sde(f, sde, x, g, bad);
  };
  CHECK_THROWS_WITH(
      with([](ReverseSdeOptions& b) { b.steps = 0; }),
      "[reverse_sde] expected at least one step, one round and no negative number of corrector steps; got 0, 1, 0");
  CHECK_THROWS_WITH(with([](ReverseSdeOptions& b) { b.end = 1; }),
                    "[reverse_sde] expected an end in (0, 1); got 1.000000");
  CHECK_THROWS_WITH(with([](ReverseSdeOptions& b) { b.predictor = Predictor::none; }),
                    "[reverse_sde] expected a predictor or corrector steps; got neither");
  CHECK_THROWS_WITH(reverse_sde([](const Tensor& y, const Tensor&) { return y[0]; }, sde, x, g, {}),
                    "[reverse_sde] expected a score of the samples' shape and dtype, f32 (4, 2, 3); got f32 (2, 3)");
  CHECK_THROWS_WITH(predictor("euler"),
                    "[predictor] expected one of euler-maruyama, reverse-diffusion, ancestral, none; got 'euler'; "
                    "did you mean euler-maruyama?");
  CHECK_THROWS_AS(probability_flow(f, sde, x, 2, 0), Error);
}
