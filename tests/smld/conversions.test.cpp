// SPDX-License-Identifier: MIT
#include "smld/conversions.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "ops/ops.h"
#include "smld/mixture_score.h"

using namespace stein;
using namespace stein::smld;

TEST_CASE("score, noise, denoised mean and posterior mean follow from each other") {
  Generator g(1);
  const DdpmSchedule schedule(50, 1e-3, 0.3);
  const Tensor x = randn({5, 2, 3}, g, f64), s = randn({5, 2, 3}, g, f64);
  const Tensor t = from_vector<std::int64_t>({2, 50, 17, 33, 8}, {5});
  const Kernel k = schedule.kernel(t, 3, f64), b = schedule.kernel(t - 1.0, 3, f64);
  const Tensor eps = noise_from_score(s, k), x0 = denoised_from_score(x, s, k);
  const auto same = [](const Tensor& p, const Tensor& q) { return allclose(p, q, 1e-10, 1e-10); };
  CHECK(same(score_from_noise(eps, k), s));
  CHECK(same(score_from_denoised(x, x0, k), s));
  CHECK(same(denoised_from_noise(x, eps, k), x0));
  CHECK(same(noise_from_denoised(x, x0, k), eps));
  CHECK(same(k.alpha * x0 + k.sigma * eps, x));
  const Tensor m = posterior_mean_from_denoised(x, x0, k, b);
  CHECK(same(posterior_mean_from_score(x, s, k, b), m));
  CHECK(same(posterior_mean_from_noise(x, eps, k, b), m));
  CHECK(allclose(denoised_from_posterior_mean(x, m, k, b), x0, 1e-7, 1e-7));
  // DDPM's own notation, sample by sample
  for (std::int64_t i = 0; i < 5; ++i) {
    const std::int64_t step = t[i].item<std::int64_t>();
    const double beta = schedule.beta(step), bar = schedule.alpha_bar(step), before = schedule.alpha_bar(step - 1);
    CHECK(same(m[i], (x[i] + beta * s[i]) / std::sqrt(1 - beta)));
    CHECK(same(m[i], (x[i] - beta / std::sqrt(1 - bar) * eps[i]) / std::sqrt(1 - beta)));
    CHECK(same(m[i], (std::sqrt(before) * beta * x0[i] + std::sqrt(1 - beta) * (1 - before) * x[i]) / (1 - bar)));
    CHECK(posterior_variance(k, b)[i].item() == Approx(beta * (1 - before) / (1 - bar)));
  }
}

TEST_CASE("the posterior mean is the conditional expectation: on Gaussians by linear regression") {
  // x_0 ~ N(0, 2): E[x_r | x_t] = Cov(x_r, x_t) / Var(x_t) x_t, Cov(x_r, x_t) = alpha_t / alpha_r Var(x_r)
  const double vr = 0.81 * 2 + 0.19, vt = 0.25 * 2 + 0.75;
  const Kernel now = kernel(0.5, std::sqrt(0.75), f64), before = kernel(0.9, std::sqrt(0.19), f64);
  const Tensor x = tensor({-1, 0.3, 2}, f64), s = x / -vt;
  CHECK(allclose(posterior_mean_from_score(x, s, now, before), (0.5 / 0.9) * vr / vt * x, 1e-12));
  // with x_0 known: the variance by the precisions of x_r from both sides
  const double a = 0.25 / 0.81, v = 0.75 - a * 0.19;
  CHECK(posterior_variance(now, before).item() == Approx(1 / (1 / 0.19 + a / v)));
}

TEST_CASE("Tweedie's denoised mean is the mixture's posterior mean, on VE, VP and DDPM's chain; models convert") {
  const MixtureScore m(GaussianMixture::named("ring"));
  Generator g(2);
  const Tensor x = 2 * randn({20, 2}, g, f64), t = uniform({20}, g, 0.05, 0.6, f64);
  for (const Sde& sde : {Sde::vp(), Sde::sub_vp(), Sde::ve(0.01, 20)}) {
    const Kernel k = sde.kernel(t, 2);
    CHECK(allclose(denoised_from_score(x, m.score_of(sde)(x, t), k), m.denoised(x, k), 1e-8, 1e-8));
  }
  const DdpmSchedule schedule(100, 1e-3, 0.2);
  const Tensor step = integers(1, 101, {20}, g);
  const Kernel k = schedule.kernel(step, 2, f64);
  const NoiseModel noise = m.noise_of(schedule);
  CHECK(allclose(denoised_from_noise(x, noise(x, step), k), m.denoised(x, k), 1e-6, 1e-6));
  CHECK(allclose(score_of(noise, schedule)(x, step), m.score(x, k), 1e-10, 1e-10));
  CHECK(allclose(noise_of(score_of(noise, schedule), schedule)(x, step), noise(x, step), 1e-12, 1e-12));
}
