// SPDX-License-Identifier: MIT
// What goes wrong silently: signs, scales, laws of probes, small noise. Each trap is shown to be seen.
#include <catch2/catch.hpp>
#include <numbers>

#include "nn/mlp.h"
#include "smld/objectives.h"
#include "tests/smld/support.h"

using namespace stein;
using namespace stein::smld;
using namespace stein::smld::test;

namespace {

const double kEps = 1e-3;  // of finite differences: their bias is far below the errors of the means

}  // namespace

TEST_CASE("the traps move the minimiser, and the test of minimisers sees each") {
  const Balls p = three_balls();
  const Tensor x = p.exact().sample(10000, 6);
  const double sigma = 0.4, root = std::numbers::sqrt2;
  const LevelScore plain = [&](const Tensor& y, const Tensor&) { return p.score(y); };
  const LevelScore smoothed = [&](const Tensor& y, const Tensor&) { return p.score(y, sigma); };
  // terms(score, x, generator) as an objective
  const auto with = [](auto terms) {
    return Objective([terms](const LevelScore& m, const Tensor& y, Generator& g) {
      return loss_of(terms([&](const Tensor& at) { return m(at, {}); }, y, g));
    });
  };
  const auto unit = [](const Tensor& y, Generator& g) { return unit_sphere(y.shape(), g, f64); };
  // the sign of the target
  const auto denoise = [&](double sign) {
    return with([=](const Score& s, const Tensor& y, Generator& g) {
      const Tensor z = randn(y.shape(), g, f64);
      return dsm_terms(s, y + sigma * z, z * (sign / sigma));
    });
  };
  CHECK(not_minimal(denoise(-1), smoothed, x) < 4);
  CHECK(not_minimal(denoise(+1), smoothed, x) > 20);
  // denoising finds the smoothed score, not that of the data
  CHECK(not_minimal(denoise(-1), plain, x) > 20);
  // probes on the unit sphere: SSM is only rescaled, the others are not
  const auto ssm = with([&](const Score& s, const Tensor& y, Generator& g) { return ssm_terms(s, y, unit(y, g)); });
  const auto vr = with([&](const Score& s, const Tensor& y, Generator& g) { return ssm_vr_terms(s, y, unit(y, g)); });
  const auto vr_d =
      with([&](const Score& s, const Tensor& y, Generator& g) { return ssm_vr_terms(s, y, root * unit(y, g)); });
  const auto fd =
      with([&](const Score& s, const Tensor& y, Generator& g) { return fd_ssm_terms(s, y, unit(y, g), kEps); });
  CHECK(not_minimal(ssm, plain, x) < 4);
  CHECK(not_minimal(vr, plain, x) > 20);
  CHECK(not_minimal(vr_d, plain, x) < 4);
  CHECK(not_minimal(fd, plain, x) > 20);
  Generator g1(1), g2(1);
  const Loss small = ssm(plain, x, g1), large = objective::ssm({ProbeLaw::sphere})(plain, x, g2);
  CHECK(small.value.item() == Approx(large.value.item() / 2).epsilon(1e-10));
  // |J^T v|^2 wants E v v^T = I as well
  Generator g3(2);
  const Tensor j2 = total(gradient_penalty_terms([&](const Tensor& y) { return p.score(y); }, x, unit(x, g3)));
  Generator g4(2);
  CHECK(2 * mean(j2).item() == Approx(objective::gradient_penalty({ProbeLaw::sphere})(plain, x, g4).value.item()));
}

TEST_CASE("denoising = explicit at the smoothed density + C, for any model") {
  const Balls p = three_balls();
  const GaussianMixture exact = p.exact();
  const Tensor x = exact.sample(40000, 7);
  Generator g(8);
  nn::MLP net({2, 16, 2}, "softplus", g);
  net.to(f64);
  const Score model = [&](const Tensor& y) { return net(y); };
  NoGrad guard;
  for (const double sigma : {0.2, 0.7}) {
    const Tensor z = randn(x.shape(), g, f64), noisy = x + sigma * z;
    const Tensor dsm = total(dsm_terms(model, noisy, z / -sigma));
    const Tensor esm = total(explicit_terms(model, noisy, exact.score(noisy, sigma)));
    // C = tr Cov(x | x~) / (2 sigma^4), component by component: N(m_k, c_k I)
    const Tensor r = exact.responsibilities(noisy, sigma), v = p.variances, gain = v / (v + sigma * sigma);
    const Tensor mk = p.means + unsqueeze(unsqueeze(gain, 0), 2) * (unsqueeze(noisy, 1) - p.means);
    const Tensor centre = sum(unsqueeze(r, 2) * mk, {1}, true);
    const Tensor cov = sum(r * (2 * (sigma * sigma) * gain + sum(square(mk - centre), {2})), {1});
    const Estimate e = estimate(dsm - esm - cov / (2 * std::pow(sigma, 4)));
    INFO("sigma " << sigma << ": " << e.mean << " +- " << e.error);
    CHECK(e.off(0) < 4);
    CHECK(e.error < 0.02 * mean(dsm).item());
    // Tweedie's centre is that of the mixture
    CHECK(allclose(squeeze(centre, 1), noisy + (sigma * sigma) * exact.score(noisy, sigma), 1e-9, 1e-9));
  }
  // Gaussian data, C = 1/2 sum S_i / (sigma^2 (S_i + sigma^2)) is what denoising cannot go below; ~ d / (2 sigma^2)
  const Tensor s = tensor({0.5, 2}, f64), data = randn({40000, 2}, g, f64) * sqrt(s);
  for (const double sigma : {0.01, 0.3, 3.0}) {
    const double s2 = sigma * sigma, c = 0.5 * sum(s / (s2 * (s + s2))).item();
    const LevelScore best = [&](const Tensor& y, const Tensor&) { return neg(y / (s + s2)); };
    CHECK(estimate(objective::dsm({gaussian_noise(sigma)})(best, data, g).per_sample).off(c) < 4);
    if (sigma == 0.01) CHECK(c * s2 == Approx(1).epsilon(1e-3));
  }
}

TEST_CASE("the plain denoising loss blows up as sigma -> 0, the scaled and the antithetic ones do not") {
  const Balls p = three_balls();
  const Tensor x = p.exact().sample(20000, 9);
  const LevelScore s = [&](const Tensor& y, const Tensor&) { return p.score(y); };
  const double sigma = 1e-3, d = 2;
  Generator g(10);
  const Tensor plain = objective::dsm({gaussian_noise(sigma)})(s, x, g).per_sample;
  CHECK(mean(plain).item() == Approx(d / (2 * sigma * sigma)).epsilon(0.05));
  CHECK(std::sqrt(var(plain).item()) == Approx(std::sqrt(d / 2) / (sigma * sigma)).epsilon(0.05));
  const Tensor scaled = objective::dsm({gaussian_noise(sigma), true})(s, x, g).per_sample;
  CHECK(mean(scaled).item() == Approx(d / 2).epsilon(0.1));
  CHECK(var(scaled).item() == Approx(d / 2).epsilon(0.1));
  // antithetic: SSM-VR with v = z
  Generator g1(11), g2(11);
  const Tensor pair = objective::antithetic_dsm(sigma)(s, x, g1).per_sample;
  const Tensor sliced = objective::ssm_vr({ProbeLaw::gaussian})(s, x, g2).per_sample;
  CHECK(var(pair).item() == Approx(var(sliced).item()).epsilon(0.01));
  CHECK(mean(abs(pair - sliced)).item() < 1e-3);
  // importance takes the blow-up at t -> 0 out of lambda = g^2 and lambda = 1
  const LevelScore diffused = [&](const Tensor& y, const Tensor& t) {
    const Kernel k = Sde::vp().kernel(t, 2);
    return p.score(y, k.alpha, k.sigma);
  };
  const auto spread = [&](Weighting w, bool importance) {
    return var(objective::sde(Sde::vp(), {w, importance, 1e-3})(diffused, x, g).per_sample).item();
  };
  CHECK(spread(Weighting::one, true) * 20 < spread(Weighting::one, false));
  CHECK(spread(Weighting::g2, true) * 10 < spread(Weighting::g2, false));
}

TEST_CASE("finite differences: bias O(eps^2) in f64, rounding 1/eps in f32") {
  const auto error = [](double eps, DType dtype, std::int64_t d) {
    NoGrad guard;
    Generator g(12);
    const Tensor x = randn({64, d}, g, f64), v = rademacher(x.shape(), g, f64);
    const Score f = [](const Tensor& y) { return sin(y) - 1.5 * y; };
    const Tensor exact = total(ssm_vr_terms(f, x, v));
    const Tensor got = total(fd_ssm_terms(f, x.to(dtype), v.to(dtype), eps)).to(f64);
    return std::sqrt(mean(square(got - exact)).item());
  };
  CHECK(error(0.2, f64, 4) / error(0.1, f64, 4) == Approx(4).epsilon(0.05));
  CHECK(error(1e-3, f32, 784) > 10 * error(0.1, f32, 784));
  CHECK(error(0.1, f32, 784) < 1e-2);
}
