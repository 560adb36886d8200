// SPDX-License-Identifier: MIT
#include "smld/mixture_score.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "autograd/calculus/functional.h"
#include "ops/ops.h"
#include "smld/conversions.h"
#include "smld/ladder.h"
#include "tests/smld/mixture_check.h"

using namespace stein;
using namespace stein::smld;

namespace {

GaussianMixture three_d() {
  Generator g(8);
  const Tensor r = randn({2, 3, 3}, g, f64);
  return GaussianMixture(tensor({0.3, 0.7}, f64), randn({2, 3}, g, f64), matmul(r, r.transpose()) + 0.1 * eye(3, f64));
}

}  // namespace

TEST_CASE("the mixture's recorded score agrees with the mixture perturbed, and with the derivative of its density") {
  for (const GaussianMixture& p : {GaussianMixture::named("ring"), ellipses(), three_d()}) {
    const MixtureScore m(p);
    Generator g(3);
    const Tensor x = 2 * randn({50, p.dimension()}, g, f64);
    for (const auto& [alpha, sigma] : {std::pair{1.0, 0.0}, {0.6, 0.8}, {1.0, 3.0}, {1e-3, 1.0}}) {
      const Kernel k = kernel(alpha, sigma, f64);
      const GaussianMixture q = p.perturbed(alpha, sigma);
      CHECK(allclose(m.score(x, k), q.score(x), 1e-10, 1e-10));
      CHECK(allclose(m.log_density(x, k), q.log_density(x), 1e-12, 1e-12));
      CHECK(allclose(m.responsibilities(x, k), q.responsibilities(x), 1e-10, 1e-12));
      CHECK(
          allclose(gradient([&](const Tensor& y) { return sum(m.log_density(y, k)); }, x), m.score(x, k), 1e-9, 1e-9));
      CHECK(allclose(m.score(x.to(f32), kernel(alpha, sigma)).to(f64), q.score(x), 1e-3, 1e-3));
      // Tweedie: the posterior mean, known from the components, and by the score.
      if (sigma > 0 && alpha > 0.1)
        CHECK(allclose(m.denoised(x, k), denoised_from_score(x, m.score(x, k), k), 1e-9, 1e-9));
    }
  }
}

TEST_CASE("the mixture's score takes a level for each sample, as time, level or step") {
  const MixtureScore m(ellipses());
  Generator g(3);
  const Tensor x = randn({4, 2}, g, f64);
  const auto row = [&](int i) { return narrow(x, 0, i, 1); };
  const Tensor t = tensor({0.01, 0.3, 0.7, 1}, f64);
  for (const char* name : {"vp", "sub-vp", "ve"}) {
    const Sde sde = Sde::named(name);
    const Tensor s = m.score_of(sde)(x, t);
    for (int i = 0; i < 4; ++i) {
      const double time = t[i].item();
      CHECK(allclose(narrow(s, 0, i, 1), ellipses().perturbed(sde.alpha(time), sde.sigma(time)).score(row(i)), 1e-9));
    }
  }
  const Tensor ladder = tensor({3, 1, 0.1}, f64), level = from_vector<std::int64_t>({2, 0, 1, 0}, {4});
  const DdpmSchedule schedule(100, 1e-3, 0.2);
  const Tensor step = from_vector<std::int64_t>({1, 100, 50, 7}, {4});
  const Tensor s = m.score_of(ladder)(x, level), eps = m.noise_of(schedule)(x, step);
  for (int i = 0; i < 4; ++i) {
    const double bar = schedule.alpha_bar(step[i].item<std::int64_t>());
    CHECK(allclose(narrow(s, 0, i, 1), ellipses().score(row(i), ladder[level[i].item<std::int64_t>()].item()), 1e-9));
    CHECK(allclose(narrow(eps, 0, i, 1),
                   -std::sqrt(1 - bar) * ellipses().perturbed(std::sqrt(bar), std::sqrt(1 - bar)).score(row(i)), 1e-9));
  }
  CHECK(allclose(m.score_at(0.3)(x), ellipses().score(x, 0.3), 1e-10));
  CHECK_THROWS_WITH(m.score(ones({2, 3}), kernel(1, 1)),
                    "[mixture_score] expected f32 or f64 points (B, 2); got f32 (2, 3)");
  CHECK_THROWS_WITH(
      m.score(ones({2, 2}, f64), kernel(1, 1)),
      "[mixture_score] expected a kernel of the points' dtype, for each of them or for all; got f32 () for f64 (2, 2)");
  CHECK_THROWS_AS(ellipses().perturbed(0, 0), Error);
  CHECK_THROWS_WITH(ellipses().perturbed(1, -1), "[mixture.perturbed] expected finite alpha and sigma >= 0; got 1, -1");
}

TEST_CASE("the null percentiles that samplers are held against are those of exact draws") {
  const GaussianMixture& p = ellipses();
  const std::size_t draws = 40;  // a fifth of what the constants were made with
  std::vector<double> w2, mmd, shape;
  for (std::size_t i = 0; i < draws; ++i) {
    const Tensor x = p.sample(kSamples, 2 * i), y = p.sample(kSamples, 2 * i + 1);
    Generator directions(7);
    w2.push_back(sliced_w2(x, y, directions, 32));
    mmd.push_back(mmd2(x, p, kBandwidth));
    shape.push_back(mmd2(x, p, kBandwidth / 4));
  }
  const auto beyond = [](const std::vector<double>& v, double limit) {
    return std::count_if(v.begin(), v.end(), [limit](double d) { return d > limit; });
  };
  // 40 draws: 2 beyond a 99th percentile have probability 0.06, 4 have 6e-4; and the 90th percentile is not far below.
  CHECK(beyond(w2, kNullW2) <= 2);
  CHECK(beyond(mmd, kNullMmd) <= 2);
  CHECK(beyond(shape, kNullShape) <= 2);
  CHECK(beyond(w2, 0.7 * kNullW2) >= 1);
  CHECK(beyond(mmd, 0.3 * kNullMmd) >= 1);
  CHECK(beyond(shape, 0.3 * kNullShape) >= 1);
}
