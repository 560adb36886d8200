// SPDX-License-Identifier: MIT
#include "smld/guidance.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "ops/ops.h"
#include "smld/diffusion_samplers.h"
#include "smld/mixture_score.h"
#include "tensor/recording.h"

using namespace stein;
using namespace stein::smld;

namespace {

/// Two classes, a Gaussian each, that overlap.
const GaussianMixture& both() {
  static const GaussianMixture p(tensor({0.7, 0.3}, f64), tensor({{1, 0}, {-1, 1}}, f64),
                                 from_vector<double>({1, .4, .4, .6, .5, 0, 0, .9}, {2, 2, 2}));
  return p;
}
GaussianMixture only(std::int64_t k) {
  return GaussianMixture(ones({1}, f64), narrow(both().means(), 0, k, 1), narrow(both().covariances(), 0, k, 1));
}
/// log p(y | x_t), exactly.
NoisyClassifier classifier(const Sde& sde) {
  return [m = MixtureScore(both()), sde](const Tensor& x, const Tensor& t) {
    return log(m.responsibilities(x, sde.kernel(t, 2)));
  };
}
/// The scores of the classes, and of the whole for label 2.
ConditionalScore conditional(const Sde& sde) {
  const std::vector<MixtureScore> m{MixtureScore(only(0)), MixtureScore(only(1)), MixtureScore(both())};
  return [m, sde](const Tensor& x, const Tensor& t, const Tensor& y) {
    Tensor s = zeros_like(x);
    for (std::size_t k = 0; k < m.size(); ++k)
      s = s + eq(y, static_cast<double>(k)).to(x.dtype()).unsqueeze(1) * m[k].score(x, sde.kernel(t, 2));
    return s;
  };
}

}  // namespace

TEST_CASE(
    "guidance of weight 1 is the conditional score, of weight 0 the unconditional one, linear between and beyond") {
  const Sde sde = Sde::vp();
  Generator g(1);
  const Tensor x = randn({6, 2}, g, f64), t = uniform({6}, g, 0.01, 1, f64);
  const Tensor y = from_vector<std::int64_t>({0, 1, 1, 0, 0, 1}, {6});
  const TimeScore plain = MixtureScore(both()).score_of(sde);
  const ConditionalScore by_class = conditional(sde);
  const Tensor s = plain(x, t), sy = by_class(x, t, y);
  for (const double w : {0.0, 1.0, 3.5}) {
    const Tensor expected = s + w * (sy - s);
    CHECK(allclose(classifier_guidance(plain, classifier(sde), y, w)(x, t), expected, 1e-8, 1e-9));
    CHECK(allclose(classifier_free_guidance(by_class, y, 2, w)(x, t), expected, 1e-12, 1e-12));
    NoGrad guard;  // inside a sampler
    CHECK(allclose(classifier_guidance(plain, classifier(sde), y, w)(x, t), expected, 1e-8, 1e-9));
  }
  // one label for all; logits as well as log-probabilities
  const Tensor one = from_vector<std::int64_t>({1}, {1});
  const NoisyClassifier logits = [&](const Tensor& p, const Tensor& time) {
    return classifier(sde)(p, time) + 3.0 * sum(square(p), {1}, true);
  };
  const Tensor all_one = plain(x, t) + (by_class(x, t, full({6}, 1, i64)) - s);
  CHECK(allclose(classifier_guidance(plain, logits, one)(x, t), all_one, 1e-8, 1e-9));
  CHECK(allclose(classifier_free_guidance(by_class, one, 2)(x, t), all_one, 1e-10));
}

TEST_CASE("a sampler driven by either guidance with weight 1 samples the class") {
  const Sde sde = Sde::vp();
  const std::int64_t n = 1000;
  const Tensor label = from_vector<std::int64_t>({1}, {1});
  const TimeScore models[] = {classifier_guidance(MixtureScore(both()).score_of(sde), classifier(sde), label),
                              classifier_free_guidance(conditional(sde), label, 2)};
  for (const TimeScore& s : models) {
    Generator g(2);
    ReverseSdeOptions o;
    o.steps = 60;
    const Tensor x = reverse_sde(s, sde, prior_sample(sde, {n, 2}, g, f64), g, o);
    const auto m = mean(x, {0}).to_vector<double>(), v = var(x, {0}).to_vector<double>();
    CHECK(m[0] == Approx(-1).margin(4 * std::sqrt(0.5 / n) + 0.02));
    CHECK(m[1] == Approx(1).margin(4 * std::sqrt(0.9 / n) + 0.02));
    CHECK(v[0] == Approx(0.5).epsilon(4 * std::sqrt(2.0 / n) + 0.05));
    CHECK(v[1] == Approx(0.9).epsilon(4 * std::sqrt(2.0 / n) + 0.05));
  }
}

TEST_CASE("guidance of an empty batch is empty, with no label or with one") {
  const Sde sde = Sde::vp();
  const Tensor x = zeros({0, 2}, f64), t = zeros({0}, f64);
  for (const Tensor& label : {zeros({0}, i64), zeros({1}, i64)}) {
    CHECK(classifier_guidance(MixtureScore(both()).score_of(sde), classifier(sde), label)(x, t).shape() == Shape{0, 2});
    CHECK(classifier_free_guidance(conditional(sde), label, 2, 3)(x, t).shape() == Shape{0, 2});
  }
}

TEST_CASE("what guidance refuses") {
  const NoisyClassifier flat = [](const Tensor& x, const Tensor&) { return zeros({x.size(0), 3}); };
  const Tensor x = ones({2, 2}), t = ones({2});
  CHECK_THROWS_WITH(classifier_gradient(flat, x, t, full({2}, 0, i64)),
                    "[classifier_gradient] expected a classifier that can be differentiated in x; got a constant");
  CHECK_THROWS_WITH(classifier_gradient(flat, x, t, full({3}, 0, i64)),
                    "[classifier_gradient] expected as many labels as samples, or one; got i64 (3,) for f32 (2, 2)");
  CHECK_THROWS_WITH(
      classifier_gradient([](const Tensor& p, const Tensor&) { return sum(p, {1}); }, x, t, full({2}, 0, i64)),
      "[classifier_gradient] expected a classifier's (2, classes) of the samples' dtype; got f32 (2,)");
  CHECK_THROWS_WITH(classifier_free_guidance({}, ones({2}), 0),
                    "[classifier_free_guidance] expected labels (B) or (1), i64; got f32 (2,)");
  CHECK_THROWS_AS(classifier_free_guidance({}, full({2}, 0, i64), 0, NAN), Error);
}
