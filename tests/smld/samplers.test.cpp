// SPDX-License-Identifier: MIT
#include "smld/samplers.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "ops/ops.h"
#include "smld/data/mixture.h"
#include "smld/ladder.h"

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
                    "[langevin] expected a step size above 0 and at least 0 steps; got 0.000000, 1");
}
