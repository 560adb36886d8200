// SPDX-License-Identifier: MIT
// The objectives against each other and against a mixture whose score is known: identities of docs/07_ncsn.md and of tools/lab/equivalence.cpp.
#include "smld/losses.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "autograd/grad.h"
#include "nn/mlp.h"
#include "nn/optim.h"
#include "ops/ops.h"
#include "smld/data/mixture.h"
#include "smld/ladder.h"
#include "smld/trace.h"
#include "tensor/recording.h"

using namespace stein;
using namespace stein::smld;

namespace {

struct Estimate {
  double mean, error;  // standard error of the mean
};

Estimate estimate(const Tensor& values) {
  const auto n = static_cast<double>(values.numel());
  return {mean(values).item(), std::sqrt(var(values).item() / n)};
}

// A score network with parameters in f64.
nn::MLP network(std::uint64_t seed, std::vector<std::int64_t> sizes = {2, 24, 24, 2}) {
  Generator g(seed);
  nn::MLP net(sizes, "softplus", g);
  net.to(f64);
  return net;
}

Score score_of(const nn::MLP& net) {
  return [net](const Tensor& x) { return net(x); };
}

// E |s - grad log p|^2 on fresh samples of the mixture, smoothed by N(0, sigma^2 I).
double fisher_divergence(const Score& s, const GaussianMixture& p, double sigma) {
  NoGrad guard;
  Generator g(98);
  const Tensor x = p.sample(4000, 99) + sigma * randn({4000, 2}, g, f64);
  return mean(per_sample(square(s(x) - p.score(x, sigma)))).item();
}

}  // namespace

TEST_CASE("implicit + 1/2 E|grad log p|^2 = explicit, on a mixture") {
  const GaussianMixture p = GaussianMixture::named("ellipses");
  const nn::MLP net = network(1);
  const Tensor x = p.sample(20000, 5), target = p.score(x);
  NoGrad guard;
  const auto [s, t] = value_and_trace(score_of(net), x);
  const Tensor difference =
      (0.5 * per_sample(square(s)) + t + 0.5 * per_sample(square(target)) - 0.5 * per_sample(square(s - target)))
          .detach();
  const auto [m, e] = estimate(difference);
  INFO("difference " << m << " +- " << e);
  CHECK(std::abs(m) < 4 * e);
  CHECK(e < 0.05);
}

TEST_CASE("the loss functions are the formulas") {
  const GaussianMixture p = GaussianMixture::named("ring");
  const nn::MLP net = network(2);
  const Score f = score_of(net);
  Generator g(3);
  const Tensor x = p.sample(7, 1), v = rademacher({7, 2}, g, f64), z = randn({7, 2}, g, f64);
  // tr J and v^T J v from the full Jacobian, row by row
  Tensor leaf = x.detach().requires_grad_();
  const Tensor s = f(leaf);
  Tensors rows;
  for (int i = 0; i < 2; ++i) {
    Tensor e = zeros({7, 2}, f64);
    narrow(e, 1, i, 1).fill_(1);
    rows.push_back(grad(s, leaf, {.cotangents = {e}, .retain_graph = true}));
  }
  const Tensor j = stack(rows, 1);  // (B, 2, 2): j[b, i, k] = d s_i / d x_k
  const Tensor trace = sum(diagonal(j), {-1}), vjv = reshape(matmul(matmul(unsqueeze(v, 1), j), unsqueeze(v, 2)), {7});
  const Tensor half = 0.5 * sum(square(s.detach()), {1});
  CHECK(implicit_loss(f, x).item() == Approx(mean(half + trace).item()).epsilon(1e-12));
  CHECK(ssm_vr_loss(f, x, v).item() == Approx(mean(half + vjv).item()).epsilon(1e-12));
  CHECK(ssm_loss(f, x, v).item() == Approx(mean(0.5 * square(sum(s.detach() * v, {1})) + vjv).item()).epsilon(1e-12));
  const double sigma = 0.3;
  CHECK(dsm_loss(f, x, z, sigma).item() ==
        Approx(mean(0.5 * sum(square(f(x + sigma * z) + z / sigma), {1})).item()).epsilon(1e-12));
  // the multi-level loss is sigma^2 times the denoising loss of each sample's level
  const Tensor ladder = geometric_ladder(1, 0.01, 4, f64);
  const Tensor level = integers(0, 4, {7}, g);
  const LevelScore lf = [&](const Tensor& t, const Tensor&) { return f(t); };
  const Tensor sig = sigma_of(ladder, level, 2);
  const Tensor direct = mean(square(reshape(sig, {-1})) * 0.5 * sum(square(f(x + sig * z) + z / sig), {1}));
  CHECK(ncsn_loss(lf, x, level, z, ladder).item() == Approx(direct.item()).epsilon(1e-12));
}

TEST_CASE("Hutchinson's estimate is unbiased and has the variance of its law") {
  // One point, many probes: Gaussian 2|S|^2, Rademacher 2(|S|^2 - sum J_ii^2), sphere 2d/(d+2)(|S|^2 - tr^2/d).
  const std::int64_t d = 4, n = 40000;
  const nn::MLP net = network(4, {d, 16, d});
  Generator g(6);
  const Tensor point = randn({1, d}, g, f64);
  Tensor x1 = point.detach().requires_grad_();
  const Tensor s1 = net(x1);
  const Tensor j = reshape(grad(s1, x1, {.cotangents = {reshape(eye(d, f64), {d, 1, d})}, .batched = 1}), {d, d});
  const Tensor sym = 0.5 * (j + transpose(j));
  const double trace = sum(diagonal(j)).item(), s2 = sum(square(sym)).item(), diag2 = sum(square(diagonal(j))).item();
  const double dd = static_cast<double>(d);
  struct Law {
    const char* name;
    Tensor v;
    double variance;
  };
  const Law laws[] = {
      {"gaussian", randn({n, d}, g, f64), 2 * s2},
      {"rademacher", rademacher({n, d}, g, f64), 2 * (s2 - diag2)},
      {"sphere", std::sqrt(dd) * unit_sphere({n, d}, g, f64), 2 * dd / (dd + 2) * (s2 - trace * trace / dd)}};
  for (const auto& law : laws) {
    INFO(law.name);
    Tensor x = expand(point, {n, d}).clone().requires_grad_();
    const Tensor t = hutchinson_trace(net(x), x, law.v).detach();
    const auto [m, e] = estimate(t);
    CHECK(std::abs(m - trace) < 4 * e);
    CHECK(var(t).item() == Approx(law.variance).epsilon(0.05));
  }
}

TEST_CASE("an MLP learns the score of a mixture by exact trace, by Hutchinson and by denoising", "[slow]") {
  const GaussianMixture p = GaussianMixture::named("ellipses");
  const Tensor data = p.sample(20000, 8);
  for (const std::string method : {"implicit", "hutchinson", "dsm"}) {
    INFO(method);
    const nn::MLP net = network(10, {2, 64, 64, 2});
    const Score f = score_of(net);
    nn::Adam adam(net, {.lr = 3e-3});
    const double sigma = method == "dsm" ? 0.3 : 0, before = fisher_divergence(f, p, sigma);
    Generator g(11);
    for (int step = 0; step < 600; ++step) {
      const Tensor x = index_select(data, 0, integers(0, data.size(0), {128}, g));
      const Tensor v = randn({128, 2}, g, f64);
      const Tensor loss = method == "implicit"     ? implicit_loss(f, x)
                          : method == "hutchinson" ? ssm_vr_loss(f, x, v)
                                                   : dsm_loss(f, x, v, sigma);
      adam.step(grad({loss}, net.parameters()));
    }
    const double after = fisher_divergence(f, p, sigma);
    INFO("Fisher divergence " << before << " -> " << after);
    CHECK(after < 0.25 * before);
  }
}

TEST_CASE("losses refuse what does not fit") {
  const Score f = [](const Tensor& x) { return x; };
  CHECK_THROWS_WITH(dsm_loss(f, ones({2, 2}), ones({2, 3}), 1),
                    "[dsm_loss] expected noise of f32 (2, 2); got f32 (2, 3)");
  CHECK_THROWS_WITH(dsm_loss(f, ones({2, 2}), ones({2, 2}), 0),
                    "[dsm_loss] expected a noise level above 0; got 0.000000");
  const Score wrong = [](const Tensor& x) { return narrow(x, 1, 0, 1); };
  CHECK_THROWS_WITH(dsm_loss(wrong, ones({2, 2}), ones({2, 2}), 1),
                    "[dsm_loss] expected a score of f32 (2, 2); got f32 (2, 1)");
  CHECK_THROWS_WITH(explicit_loss(wrong, ones({2, 2}), ones({2, 2})),
                    "[explicit_loss] expected a score of f32 (2, 2); got f32 (2, 1)");
  const LevelScore level_score = [&](const Tensor& x, const Tensor&) { return wrong(x); };
  const Tensor ladder = geometric_ladder(1, 0.1, 2), level = zeros({2}, i64);
  CHECK_THROWS_WITH(ncsn_loss(level_score, ones({2, 2}), level, ones({2, 2}), ladder),
                    "[ncsn_loss] expected a score of f32 (2, 2); got f32 (2, 1)");
  CHECK_THROWS_WITH(ncsn_loss(level_score, ones({2, 2}), zeros({1}, i64), ones({2, 2}), ladder),
                    "[ncsn_loss] expected a level i64 for each of 2 samples; got i64 (1,)");
  CHECK_THROWS_WITH(
      geometric_ladder(0.01, 1, 10),
      "[geometric_ladder] expected sigma_max >= sigma_min > 0 and at least 1 level; got 0.010000, 1.000000, 10");
}
