// SPDX-License-Identifier: MIT
// What all objectives share (shapes, dtypes, seeds, NoGrad, energies, errors), the penalty, and those with labels.
#include <catch2/catch.hpp>

#include "autograd/calculus/functional.h"
#include "autograd/grad.h"
#include "nn/mlp.h"
#include "smld/ladder.h"
#include "smld/objectives.h"
#include "tests/smld/support.h"

using namespace stein;
using namespace stein::smld;
using namespace stein::smld::test;
using Catch::Matchers::Contains;

namespace {

std::vector<std::pair<std::string, Objective>> every_objective(
    DType dtype = f64, const Score& truth = [](const Tensor& x) { return neg(x); }) {
  const Tensor ladder = geometric_ladder(1, 0.1, 3, dtype);
  return {{"explicit", objective::explicit_score_matching(truth)},
          {"implicit", objective::implicit()},
          {"hutchinson", objective::hutchinson(ProbeLaw::gaussian, 2)},
          {"ssm", objective::ssm()},
          {"ssm, 3", objective::ssm({ProbeLaw::gaussian, 3})},
          {"ssm-vr", objective::ssm_vr({ProbeLaw::orthogonal, 2})},
          {"fd-ssm", objective::fd_ssm(0.1, {ProbeLaw::sphere, 2})},
          {"dsm", objective::dsm()},
          {"dsm, laplace", objective::dsm({laplace_noise(0.3), true})},
          {"antithetic", objective::antithetic_dsm(0.2)},
          {"penalty", objective::gradient_penalty()},
          {"penalty, probes", objective::gradient_penalty({ProbeLaw::sphere, 2})},
          {"ncsn", objective::ncsn(ladder)},
          {"ncsn, ssm-vr", objective::ncsn_ssm_vr(ladder, {ProbeLaw::gaussian, 2})},
          {"ddpm", objective::ddpm(DdpmSchedule(20, 1e-3, 0.3))},
          {"vp", objective::sde(Sde::vp())},
          {"sub-vp, g2", objective::sde(Sde::sub_vp(), {Weighting::g2, true})},
          {"ve, 1", objective::sde(Sde::ve(), {Weighting::one})}};
}

}  // namespace

TEST_CASE("a loss: mean of per_sample, sum of parts, the same for the same seed, also without recording") {
  for (const DType dtype : {f32, f64})
    for (const Shape& shape : {Shape{6, 3}, Shape{4, 2, 3, 3}})
      for (const auto& [name, o] : every_objective(dtype)) {
        INFO(name << " on " << to_string(shape));
        Generator g(1);
        const Tensor w = (0.5 * ones({1}, dtype)).requires_grad_();
        const Tensor x = randn(shape, g, dtype);
        const LevelScore model = [&](const Tensor& y, const Tensor&) { return tanh(w * y) - y; };
        Generator a(2), b(2), c(3);
        const Loss loss = o(model, x, a), again = o(model, x, b), other = o(model, x, c);
        CHECK(loss.value.shape() == Shape{});
        CHECK(loss.value.dtype() == dtype);
        CHECK(loss.per_sample.shape() == Shape{shape[0]});
        CHECK(loss.value.item() == mean(loss.per_sample).item());
        double parts = 0;
        for (const auto& [part, value] : loss.parts) {
          CHECK(!part.empty());
          CHECK(!value.requires_grad());
          parts += value.item();
        }
        CHECK(parts == Approx(loss.value.item()).epsilon(dtype == f32 ? 1e-4 : 1e-11));
        CHECK(again.value.item() == loss.value.item());
        const bool draws = name != "explicit" && name != "implicit" && name != "penalty";
        CHECK((other.value.item() != loss.value.item()) == draws);
        CHECK(std::isfinite(grad(loss.value, w).item()));
        CHECK(!x.requires_grad());
        NoGrad guard;
        Generator again2(2);
        const Loss constant = o(model, x, again2);
        CHECK(!constant.value.requires_grad());
        CHECK(constant.value.item() == Approx(loss.value.item()).epsilon(dtype == f32 ? 1e-5 : 1e-12));
      }
}

TEST_CASE("an energy gives the losses of its score, and their gradients") {
  Balls p = three_balls();
  p.means.requires_grad_();
  const GaussianMixture exact = p.exact();
  const Tensor x = exact.sample(40, 1);
  const LevelEnergy energy = [&](const Tensor& y, const Tensor&) { return neg(p.log_density(y)); };
  const LevelScore score = [&](const Tensor& y, const Tensor&) { return p.score(y); };
  const Score truth = [exact](const Tensor& y) { return exact.score(y, 0.5); };
  for (const auto& [name, o] : every_objective(f64, truth)) {
    INFO(name);
    Generator g1(2), g2(2);
    const Tensor a = of_energy(o)(energy, x, g1).value, b = o(score, x, g2).value;
    CHECK(a.item() == Approx(b.item()).epsilon(1e-9));
    const Tensor ga = grad(a, p.means), gb = grad(b, p.means);
    CHECK(allclose(ga, gb, 1e-8, 1e-9));
    CHECK(amax(abs(ga)).item() > 1e-4);
    NoGrad guard;
    Generator g3(2);
    CHECK(of_energy(o)(energy, x, g3).value.item() == Approx(a.item()).epsilon(1e-12));
  }
}

TEST_CASE("finite differences of an energy are sliced score matching") {
  const Balls p = three_balls();
  const Tensor x = p.exact().sample(2000, 3);
  const LevelEnergy energy = [&](const Tensor& y, const Tensor&) { return neg(p.log_density(y)); };
  const LevelScore score = [&](const Tensor& y, const Tensor&) { return p.score(y); };
  const auto distance = [&](double eps) {
    Generator g1(4), g2(4);
    const objective::Probes probes{ProbeLaw::sphere, 2};
    const Tensor a = objective::fd_ssm_energy(eps, probes)(energy, x, g1).per_sample;
    const Tensor b = objective::ssm(probes)(score, x, g2).per_sample;
    return mean(abs(a - b)).item();
  };
  CHECK(distance(1e-3) < 1e-4);
  CHECK(distance(0.1) / distance(0.05) == Approx(4).epsilon(0.1));
  // a quadratic energy has no bias at any eps: f = x^T A x / 2 on N(0, I), 1/2 |A|^2 - tr A
  const Tensor a = tensor({{2, 0.5}, {0.5, 1}}, f64);
  Generator g(5);
  const Tensor z = randn({20000, 2}, g, f64);
  const LevelEnergy quadratic = [&](const Tensor& y, const Tensor&) { return 0.5 * per_sample(y * matmul(y, a)); };
  const Estimate e = estimate(objective::fd_ssm_energy(1)(quadratic, z, g).per_sample);
  CHECK(e.off(0.5 * (4 + 0.5 + 1) - 3) < 4);
  CHECK(e.error < 0.05);
}

TEST_CASE("gradient penalty: the Frobenius norm of the Jacobian; one probe is unbiased") {
  Generator g(6);
  nn::MLP net({3, 8, 3}, "tanh", g);
  net.to(f64);
  const Tensor one = randn({1, 3}, g, f64), x = one.expand({20000, 3}).clone();
  const LevelScore model = [&](const Tensor& y, const Tensor&) { return net(y); };
  const double expected = sum(square(jacobian(TensorFunction([&](const Tensor& y) { return net(y); }), one))).item();
  CHECK(objective::gradient_penalty()(model, one, g).value.item() == Approx(expected).epsilon(1e-12));
  for (const auto law : {ProbeLaw::gaussian, ProbeLaw::rademacher, ProbeLaw::sphere, ProbeLaw::orthogonal}) {
    const Estimate e = estimate(objective::gradient_penalty({law})(model, x, g).per_sample);
    CHECK(e.off(expected) < 4);
    CHECK(e.error < 0.02 * expected);
  }
}

TEST_CASE("weighted sums share the batch and keep the parts") {
  const Tensor x = ones({3, 2}, f64);
  const LevelScore model = [](const Tensor& y, const Tensor&) { return -2.0 * y; };
  Generator g(7);
  const Loss loss = weighted_sum({{1, objective::implicit()}, {0.1, objective::gradient_penalty()}})(model, x, g);
  CHECK(loss.value.item() == Approx(0.5 * 8 - 4 + 0.1 * 8));
  CHECK(loss.per_sample.shape() == Shape{3});
  REQUIRE(loss.parts.size() == 3);
  CHECK(loss.parts[1].first == "trace");
  CHECK(loss.parts[1].second.item() == Approx(-4));
  CHECK(loss.parts[2].second.item() == Approx(0.8));
}

namespace {

// Labels are components; p(label | x_t) is known, so cross-entropy is least there.
void check_classifier(const ClassifierObjective& o, const NoisyClassifier& truth, const Tensor& x,
                      const Tensor& label) {
  const auto losses = [&](double theta, const std::function<Tensor(const Tensor&)>& h) {
    Generator g(8);
    return o([&](const Tensor& y, const Tensor& t) { return truth(y, t) + theta * h(y); }, x, label, g).per_sample;
  };
  const std::vector<std::function<Tensor(const Tensor&)>> ways{
      [](const Tensor& y) {
        return concat({y, narrow(y, 1, 0, 1)}, 1);
      },
      [](const Tensor& y) {
        return concat({ones({y.size(0), 1}, f64), zeros({y.size(0), 2}, f64)}, 1);
      }};
  for (const auto& h : ways) {
    const Tensor up = losses(1e-3, h), middle = losses(0, h), down = losses(-1e-3, h);
    CHECK(estimate((up - down) / 2e-3).off(0) < 4);
    const Estimate curvature = estimate((up + down - 2 * middle) / 1e-6);
    CHECK(curvature.mean > 4 * curvature.error);
    // a classifier with swapped labels is seen
    CHECK(estimate((losses(1.001, h) - losses(0.999, h)) / 2e-3).off(0) > 6);
  }
}

}  // namespace

TEST_CASE("a classifier on noisy data learns p(label | x_t)") {
  const Balls p = three_balls();
  const std::int64_t n = 6000;
  Generator g(9);
  const Tensor u = uniform({n}, g, 0, 1, f64);
  const Tensor label = where(u < 0.5, scalar(0, f64), where(u < 0.8, scalar(1, f64), scalar(2, f64))).to(i64);
  const Tensor x =
      index_select(p.means, 0, label) + sqrt(unsqueeze(index_select(p.variances, 0, label), 1)) * randn({n, 2}, g, f64);
  const auto at = [&](const Tensor& y, const Kernel& k) { return p.logits(y, k.alpha, k.sigma); };
  const Tensor one = Balls::one(1);
  check_classifier(
      objective::classifier(0.5),
      [&](const Tensor& y, const Tensor& t) {
        CHECK(!t.defined());
        return at(y, {one, 0.5 * one});
      },
      x, label);
  const Tensor ladder = geometric_ladder(2, 0.1, 4, f64);
  check_classifier(
      objective::classifier(ladder),
      [&](const Tensor& y, const Tensor& t) {
        return at(y, {one, sigma_of(ladder, t, 2)});
      },
      x, label);
  const DdpmSchedule schedule(20, 1e-3, 0.1);
  check_classifier(
      objective::classifier(schedule),
      [&](const Tensor& y, const Tensor& t) { return at(y, schedule.kernel(t, 2, f64)); }, x, label);
  const Sde sde = Sde::vp(0.1, 3);
  check_classifier(
      objective::classifier(sde), [&](const Tensor& y, const Tensor& t) { return at(y, sde.kernel(t, 2)); }, x, label);
  // no noise, even odds: log 3
  const NoisyClassifier even = [](const Tensor& y, const Tensor&) { return zeros({y.size(0), 3}, f64); };
  CHECK(objective::classifier(0.0)(even, x, label, g).value.item() == Approx(std::log(3)));
}

TEST_CASE("dropped labels: the share asked for, the others kept") {
  const std::int64_t n = 20000;
  Generator g(10);
  const Tensor x = randn({n, 2}, g, f64), label = integers(0, 3, {n}, g);
  const auto drop = [&](double p) {
    Tensor seen;
    Generator own(11);
    const Loss loss = label_dropped(objective::dsm(), 3, p)(
        [&](const Tensor& y, const Tensor&, const Tensor& l) {
          seen = l;
          return neg(y);
        },
        x, label, own);
    CHECK(loss.per_sample.shape() == Shape{n});
    const Tensor changed = ne(seen, label);
    CHECK(!any(changed && ne(seen, full({n}, 3, i64))).item<bool>());
    return estimate(changed.to(f64));
  };
  CHECK(drop(0.15).off(0.15) < 4);
  CHECK(drop(0).mean == 0);
  CHECK(drop(1).mean == 1);
}

TEST_CASE("dropped labels live as long as a checkpoint that runs the model again in the backward pass") {
  Generator g(13);
  const Tensor x = randn({4, 3}, g, f64), label = from_vector<std::int64_t>({0, 1, 2, 0}, {4});
  const auto slope = [&](const TraceOptions& trace) {
    const Tensor w = full({4, 1}, 0.5, f64).requires_grad_();
    Generator own(14);
    Loss loss;
    {  // nothing but the loss outlives this block
      const ConditionalScore model = [w, own_gain = ones({1}, f64)](const Tensor& y, const Tensor&, const Tensor& l) {
        return sin(index_select(w, 0, l) * y * sum(y, {1}, true)) * own_gain;
      };
      loss = label_dropped(objective::implicit(trace), 3, 0.5)(model, x, label, own);
    }
    return grad(loss.value, w);
  };
  const Tensor chunked = slope({.method = TraceMethod::chunked, .memory = 1});
  CHECK(allclose(chunked, slope({.method = TraceMethod::naive}), 1e-10, 1e-12));
  CHECK(std::abs(chunked[3].item()) > 1e-3);  // some are dropped
}

TEST_CASE("every objective takes samples that are numbers, (B), and empty batches") {
  Generator g(15);
  const Tensor w = full({1}, 0.5, f64).requires_grad_();
  const LevelScore model = [&](const Tensor& y, const Tensor&) { return tanh(w * y) - y; };
  const Tensor x = randn({5}, g, f64);
  for (const auto& [name, o] : every_objective()) {
    INFO(name);
    // the same as for samples (B, 1)
    Generator a(16), b(16);
    const bool orthogonal = name == "ssm-vr";  // two probes of one dimension cannot be
    if (orthogonal) {
      CHECK_THROWS_WITH(o(model, x, a),
                        Contains("[draw_probes] expected at least 1 probe, of orthogonal ones at most 1"));
    } else {
      const Loss loss = o(model, x, a);
      CHECK(loss.per_sample.shape() == Shape{5});
      CHECK(allclose(loss.per_sample, o(model, reshape(x, {5, 1}), b).per_sample, 1e-12, 1e-12));
      CHECK(std::isfinite(grad(loss.value, w).item()));
    }
    for (const Shape& none : {Shape{0}, Shape{0, 3}, Shape{0, 2, 4, 4}}) {
      if (orthogonal && none.rank() == 1) continue;
      INFO(to_string(none));
      const Loss empty_loss = o(model, zeros(none, f64), g);
      CHECK(empty_loss.per_sample.shape() == Shape{0});
      CHECK(empty_loss.per_sample.dtype() == f64);
    }
  }
}

TEST_CASE("objectives refuse what would be silently wrong") {
  const LevelScore model = [](const Tensor& y, const Tensor&) { return neg(y); };
  const Tensor x = ones({2, 2}, f64);
  Generator g(12);
  CHECK_THROWS_WITH(
      objective::sde(Sde::vp(), {Weighting::one}),
      "[sde] expected sigma(start) >= 0.01 for the weighting 1; got 0.001000; the loss goes like 1/sigma^2: "
      "start later (VP: 1e-3), or weight by sigma2 or g2, or with VP draw t by importance");
  CHECK_NOTHROW(objective::sde(Sde::vp(), {Weighting::one, false, 1e-3}));
  CHECK_NOTHROW(objective::sde(Sde::vp(), {Weighting::one, true}));
  CHECK_NOTHROW(objective::sde(Sde::ve(), {Weighting::one}));
  CHECK_THROWS_WITH(objective::sde(Sde::sub_vp(), {Weighting::one, true, 1e-3}), Contains("sigma(start) >= 0.01"));
  CHECK_THROWS_WITH(objective::sde(Sde::vp(), {.start = 0}), Contains("[sde] expected a first time between 0 and 1"));
  CHECK_THROWS_WITH(objective::fd_ssm(0), "[fd_ssm] expected eps above 0; got 0.000000");
  CHECK_THROWS_WITH(objective::antithetic_dsm(-1), "[antithetic_dsm] expected a noise level above 0; got -1.000000");
  CHECK_THROWS_WITH(objective::ncsn(ones({2, 2})), "[ncsn] expected a ladder of noise levels (L); got f32 (2, 2)");
  CHECK_THROWS_WITH(objective::classifier(-0.5), Contains("[classifier] expected a noise level of at least 0"));
  CHECK_THROWS_WITH(objective::classifier(0.0)(model, x, zeros({3}, i64), g),
                    "[classifier_loss] expected logits (B, classes) and labels i64 (B); got f64 (2, 2) and i64 (3,)");
  CHECK_THROWS_WITH(objective::ssm({ProbeLaw::orthogonal, 3})(model, x, g),
                    Contains("[draw_probes] expected at least 1 probe, of orthogonal ones at most 2; got 3"));
  CHECK_THROWS_WITH(ssm_terms([](const Tensor& y) { return y; }, x, ones({3}, f64)),
                    "[ssm_loss] expected a probe of f64 (2, 2), or m of them along a first axis; got f64 (3,)");
  CHECK_THROWS_WITH(
      weighting("sigma"),
      "[weighting] expected one of 1, sigma2, sigma2/alpha2, sigma4/alpha2, g2; got 'sigma'; did you mean sigma2?");
  CHECK_THROWS_WITH(label_dropped(objective::dsm(), 3, 1.5), Contains("[label_dropped] expected a probability"));
  const auto at_step = [&](std::int64_t t) {
    return ddpm_terms(model, x, full({2}, static_cast<double>(t), i64), ones({2, 2}, f64), DdpmSchedule(20));
  };
  CHECK_NOTHROW(at_step(1));
  CHECK_NOTHROW(at_step(20));
  CHECK_THROWS_WITH(at_step(0), "[ddpm_loss] expected steps in 1 ... 20; got 0");
  CHECK_THROWS_WITH(at_step(21), "[ddpm_loss] expected steps in 1 ... 20; got 21");
  CHECK_THROWS_WITH(weighted_sum({}), "[weighted_sum] expected at least one objective; got none");
  const LevelScore narrow_model = [](const Tensor& y, const Tensor&) { return narrow(y, 1, 0, 1); };
  for (const auto& [name, o] : every_objective()) {
    INFO(name);
    CHECK_THROWS_WITH(o(narrow_model, x, g), Contains("expected") && Contains("f64 (2, 2); got f64 (2, 1)"));
  }
}
