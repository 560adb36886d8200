// SPDX-License-Identifier: MIT
#include "smld/likelihood.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>

#include "ops/ops.h"
#include "smld/diffusion_samplers.h"
#include "smld/mixture_score.h"

using namespace stein;
using namespace stein::smld;

TEST_CASE("the likelihood by a mixture's own score and the exact divergence is the mixture's") {
  for (const char* name : {"ring", "grid"}) {
    const GaussianMixture p = GaussianMixture::named(name);
    const MixtureScore m(p);
    const Tensor x = p.sample(60, 1);
    for (const char* kind : {"vp", "sub-vp", "ve"}) {
      const bool ve = std::string(kind) == "ve";
      const Sde sde = ve ? Sde::ve(0.01, 20) : Sde::named(kind);
      const Likelihood l = log_likelihood(m.score_of(sde), sde, x);
      INFO(name << " " << kind);
      // VE begins with the noise sigma_min; what is left on VE is the prior's mismatch
      CHECK(amax(abs(l.log_p - p.log_density(x, ve ? 0.01 : 0))).item() < (ve ? 0.035 : 0.005));
      CHECK(l.latent.shape() == x.shape());
      CHECK(l.evaluations > 20);
      CHECK(l.evaluations < 400);
    }
  }
}

TEST_CASE("the likelihood of images and of single precision; the latent is the flow's; nothing is recorded") {
  // N(0, 0.25) in each of 12 pixels
  const Sde sde = Sde::vp();
  const Tensor scale = full({1}, 0.25).requires_grad_();
  const TimeScore f = [&](const Tensor& x, const Tensor& t) {
    const Kernel k = sde.kernel(t, x.rank());
    return neg(x) / (scale * square(k.alpha) + square(k.sigma));
  };
  Generator g(2);
  const Tensor x = 0.5 * randn({5, 3, 2, 2}, g);
  const Likelihood l = log_likelihood(f, sde, x);
  const Tensor truth = per_sample(-2.0 * square(x) - 0.5 * std::log(2 * std::numbers::pi * 0.25));
  CHECK(allclose(l.log_p, truth, 0, 0.01));
  CHECK(l.log_p.dtype() == f32);
  CHECK_FALSE(l.log_p.requires_grad());
  CHECK(allclose(l.latent, probability_flow(f, sde, x, 1e-5, 1).y, 1e-3, 1e-3));
}

TEST_CASE("Hutchinson's likelihood holds its probes along the path and is unbiased") {
  const GaussianMixture p = GaussianMixture::named("ellipses");
  const Sde sde = Sde::vp();
  const TimeScore f = MixtureScore(p).score_of(sde);
  const std::int64_t n = 400;
  const Tensor x = tensor({{0.7, -0.4}}, f64).expand({n, 2}).clone();
  const double truth = log_likelihood(f, sde, narrow(x, 0, 0, 1)).log_p.item();
  Generator g(3), again(3);
  LikelihoodOptions o;
  o.trace.method = TraceMethod::hutchinson;
  o.trace.law = ProbeLaw::gaussian;
  o.trace.generator = &g;
  const Likelihood l = log_likelihood(f, sde, x, o);
  const double deviation = std::sqrt(var(l.log_p).item());
  CHECK(deviation > 0.05);  // an estimate, with a probe for each sample
  CHECK(mean(l.log_p).item() == Approx(truth).margin(4 * deviation / std::sqrt(static_cast<double>(n))));
  // With fresh probes at every evaluation no step would meet the tolerance, and the noise would average out.
  CHECK(l.evaluations < 200);
  o.trace.generator = &again;
  CHECK(equal(log_likelihood(f, sde, x, o).log_p, l.log_p));
  CHECK_FALSE(equal(log_likelihood(f, sde, x, o).log_p, l.log_p));  // the generator went on
}

TEST_CASE("bits per dimension and dequantisation") {
  // Uniform levels cost 8 bits: log p(u) = 0 on [0, 1)^d, log p(2 u - 1) = -d ln 2
  CHECK(bits_per_dim(zeros({3}), 12, PixelRange::unit)[0].item() == Approx(8));
  CHECK(bits_per_dim(full({3}, -12 * std::numbers::ln2, f64), 12, PixelRange::symmetric)[0].item() == Approx(8));
  Generator g(4);
  const Tensor k = arange(256).expand({40, 256}).clone();
  for (const DType dtype : {f32, f64}) {
    const Tensor u = dequantise(k.to(dtype), PixelRange::unit, g, dtype);
    CHECK(equal(floor(256.0 * u), k.to(dtype)));
    CHECK(amax(u).item() < 1);
    CHECK(mean(256.0 * u - k.to(dtype)).item() == Approx(0.5).margin(0.02));
    CHECK(var(256.0 * u - k.to(dtype)).item() == Approx(1.0 / 12).margin(0.005));
    const Tensor s = dequantise(k.to(u8), PixelRange::symmetric, g, dtype);
    CHECK(equal(floor(128.0 * (s + 1.0)), k.to(dtype)));
    CHECK(amax(s).item() < 1);
  }
  CHECK_THROWS_WITH(dequantise(full({2}, 0.5), PixelRange::unit, g),
                    "[dequantise] expected whole numbers in 0 ... 255; got f32 (2,) with others");
  CHECK_THROWS_AS(dequantise(full({2}, 256), PixelRange::unit, g), Error);
  CHECK_THROWS_AS(bits_per_dim(zeros({3}), 0, PixelRange::unit), Error);
  const TimeScore f = [](const Tensor& x, const Tensor&) { return neg(x); };
  CHECK_THROWS_WITH(log_likelihood(f, Sde::vp(), ones({2, 2}), {.start = 0.0}),
                    "[log_likelihood] expected a start in (0, 1); got 0.000000");
}
