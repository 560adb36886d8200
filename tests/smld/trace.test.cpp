// SPDX-License-Identifier: MIT
// The exact methods against each other, values and parameter gradients; the estimators against the exact trace.
#include "smld/trace.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "autograd/calculus/functional.h"
#include "autograd/grad.h"
#include "nn/conv.h"
#include "nn/linear.h"
#include "nn/mlp.h"
#include "ops/ops.h"
#include "tensor/recording.h"

using namespace stein;
using namespace stein::smld;

namespace {

struct Model {
  std::string name;
  Score f;
  Tensors parameters;
  Shape x;  // of a batch
};

template <class M>
void gather(Tensors& to, const M& module) {
  for (const auto& p : module.parameters()) to.push_back(p);
}

Model mlp(const std::vector<std::int64_t>& sizes, const std::string& activation) {
  Generator g(3);
  auto net = std::make_shared<nn::MLP>(sizes, activation, g);
  net->to(f64);
  std::string name = "mlp";
  for (auto s : sizes) name += " " + std::to_string(s);
  return {name + " " + activation, [net](const Tensor& x) { return (*net)(x); }, net->parameters(), {5, sizes.front()}};
}

// What real score networks have around the layers: a level for each sample, its embedding beside x, division by sigma, skips.
Model conditioned() {
  Generator g(4);
  auto in = std::make_shared<nn::Linear>(7, 11, true, g), middle = std::make_shared<nn::Linear>(11, 11, true, g),
       out = std::make_shared<nn::Linear>(11, 4, true, g);
  Model m{"embedding, residual blocks, scale", {}, {}, {5, 4}};
  for (const auto& l : {in, middle, out}) {
    l->to(f64);
    gather(m.parameters, *l);
  }
  const Tensor embedding = randn({5, 3}, g, f64), sigma = uniform({5, 1}, g, 0.5, 2, f64);
  m.f = [=](const Tensor& x) {
    Tensor h = silu((*in)(concat({x, embedding}, -1)));
    for (int i = 0; i < 2; ++i) h = h + 0.5 * tanh((*middle)(h));
    return (*out)(h) / sigma - x;
  };
  return m;
}

Model convolutional() {
  Generator g(5);
  auto a = std::make_shared<nn::Conv2d>(1, 3, 3, Conv2dOptions{.padding = 1}, true, g),
       b = std::make_shared<nn::Conv2d>(3, 1, 3, Conv2dOptions{.padding = 1}, true, g);
  Model m{"convolutions", {}, {}, {3, 1, 4, 4}};
  for (const auto& l : {a, b}) {
    l->to(f64);
    gather(m.parameters, *l);
  }
  m.f = [=](const Tensor& x) { return x + (*b)(elu((*a)(x))); };
  return m;
}

// s = -grad f, f an MLP with one result.
Model energy(const std::vector<std::int64_t>& sizes) {
  Generator g(6);
  auto net = std::make_shared<nn::MLP>(sizes, "softplus", g);
  net->to(f64);
  return {"energy of " + std::to_string(sizes.size() - 2) + " hidden layers",
          [net](const Tensor& x) {
            const Tensor at = x.requires_grad() ? x : x.detach().requires_grad_();
            return -grad(sum((*net)(at)), at, {.create_graph = true});
          },
          net->parameters(),
          {5, sizes.front()}};
}

std::vector<Model> models() {
  return {mlp({4, 9, 4}, "tanh"),
          mlp({4, 9, 8, 4}, "softplus"),
          mlp({6, 5, 7, 4, 6}, "silu"),
          mlp({3, 8, 5, 9, 6, 3}, "gelu"),
          mlp({9, 4, 9}, "elu"),
          mlp({5, 5}, "tanh"),
          conditioned(),
          convolutional(),
          energy({4, 7, 1}),
          energy({4, 7, 6, 1}),
          {"the identity", [](const Tensor& x) { return x; }, {}, {3, 4}},
          {"a constant", [](const Tensor& x) { return ones(x.shape(), x.dtype()); }, {}, {3, 4}},
          {"elementwise", [](const Tensor& x) { return x * x * x + 2.0 * x; }, {}, {3, 4}}};
}

double distance(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  if (a.numel() == 0) return 0;
  const double scale = std::max(1.0, amax(abs(b)).item());
  return amax(abs(a - b)).item() / scale;
}

}  // namespace

TEST_CASE("all exact methods agree, in the trace and in its gradients") {
  for (const auto& m : models()) {
    INFO(m.name);
    Generator g(1);
    const Tensor x = randn(m.x, g, f64), weight = randn({m.x[0]}, g, f64);
    const auto run = [&](const TraceOptions& o, Tensors& gradients) {
      const auto [s, t] = value_and_trace(m.f, x, o);
      CHECK(distance(s, m.f(x)) < 1e-14);
      if (!m.parameters.empty()) gradients = grad({sum(weight * t) + sum(square(s))}, m.parameters);
      return t.detach();
    };
    Tensors expected;
    const Tensor t = run({.method = TraceMethod::naive}, expected);
    for (const auto& [name, o] : std::map<std::string, TraceOptions>{
             {"exact", {}},
             {"exact, little memory", {.memory = 1}},
             {"chunked", {.method = TraceMethod::chunked}},
             {"chunked, little memory", {.method = TraceMethod::chunked, .memory = 20000}}}) {
      INFO(name << "\n" << explain_trace(m.f, x, o));
      Tensors got;
      CHECK(distance(run(o, got), t) < 1e-10);
      for (std::size_t i = 0; i < got.size(); ++i) CHECK(distance(got[i], expected[i]) < 1e-10);
    }
    NoGrad guard;
    CHECK(distance(trace(m.f, x, {}), t) < 1e-10);
    CHECK(!trace(m.f, x, {}).requires_grad());
  }
}

TEST_CASE("named orders apply where they say, and agree") {
  const auto apply = [](const Model& m, TraceMethod method) {
    Generator g(2);
    const Tensor x = randn(m.x, g, f64);
    return distance(trace(m.f, x, {.method = method}).detach(), trace(m.f, x, {.method = TraceMethod::naive}).detach());
  };
  for (const auto& m : {mlp({4, 9, 4}, "tanh"), mlp({4, 9, 8, 4}, "softplus")}) {
    CHECK(apply(m, TraceMethod::structured) < 1e-10);
    CHECK(apply(m, TraceMethod::collapsed) < 1e-10);
    CHECK_THROWS_WITH(apply(m, TraceMethod::cyclic),
                      Catch::Matchers::Contains("[trace] expected a model to which the order applies"));
  }
  for (const auto& m : {mlp({6, 5, 7, 4, 6}, "silu"), mlp({3, 8, 5, 9, 6, 3}, "gelu")}) {
    CHECK(apply(m, TraceMethod::structured) < 1e-10);
    CHECK(apply(m, TraceMethod::cyclic) < 1e-10);
    CHECK_THROWS_WITH(apply(m, TraceMethod::collapsed),
                      Catch::Matchers::Contains("[trace] expected a model to which the order applies"));
  }
  CHECK_THROWS_WITH(apply(convolutional(), TraceMethod::structured), Catch::Matchers::Contains("conv2d"));
}

TEST_CASE("forward mode goes through the trace by every order: jvp and hvp are what reverse mode finds in the loop") {
  Generator g(13);
  for (const auto& [m, merged] : {std::pair(mlp({4, 9, 8, 4}, "softplus"), TraceMethod::collapsed),
                                  std::pair(mlp({7, 5, 5, 5, 7}, "tanh"), TraceMethod::cyclic)}) {
    const Tensor x = randn(m.x, g, f64), v = randn(m.x, g, f64), at = x.detach().requires_grad_();
    const Tensor slope = grad(sum(trace(m.f, at, {.method = TraceMethod::naive})), at, {.create_graph = true});
    const Tensor along = sum(slope * v, {-1}), bent = grad(sum(along), at);
    for (const auto method : {TraceMethod::exact, TraceMethod::structured, merged, TraceMethod::chunked})
      for (const std::int64_t memory : {std::int64_t{1} << 30, std::int64_t{1}}) {
        INFO(m.name << ", method " << static_cast<int>(method) << ", memory " << memory);
        const TraceOptions o{.method = method, .memory = memory};
        const auto t = [&score = m.f, o](const Tensor& y) { return trace(score, y, o); };
        CHECK(distance(jvp(t, x, v).second, along.detach()) < 1e-10);
        CHECK(distance(hvp([&](const Tensor& y) { return sum(t(y)); }, x, v).second, bent) < 1e-10);
      }
  }
}

TEST_CASE("a model that computes in another dtype has no chains: its trace is that of the loop") {
  Generator g(14);
  const Tensor x = randn({3, 4}, g), w = randn({4, 4}, g, f64);
  const Score f = [&](const Tensor& at) { return matmul(at.to(f64), w).to(f32); };
  const float expected = static_cast<float>(sum(diagonal(w)).item());
  for (const auto method : {TraceMethod::exact, TraceMethod::naive, TraceMethod::chunked})
    CHECK(distance(trace(f, x, {.method = method}), full({3}, expected)) < 1e-6);
  CHECK_THAT(explain_trace(f, x), Catch::Contains("cast (changes the dtype"));
}

TEST_CASE("the planner finds the known orders") {
  const auto plan = [](const std::vector<std::int64_t>& sizes, std::int64_t batch) {
    Generator g(3);
    const nn::MLP net(sizes, "softplus", g);
    return explain_trace([&](const Tensor& x) { return net(x); }, zeros({batch, sizes.front()}));
  };
  CHECK(plan({64, 512, 64}, 128).find("row sums;") != std::string::npos);
  CHECK(plan({64, 512, 512, 64}, 128).find("quadratic form after 1 shared product") != std::string::npos);
  // d < h / 2: structured; d large: around the ring
  CHECK(plan({64, 512, 512, 512, 64}, 128).find("ring of 4 nodes cut at width 64") != std::string::npos);
  CHECK(plan({784, 64, 64, 64, 784}, 128).find("ring of 3 nodes cut at width 64 after 1 shared product") !=
        std::string::npos);
  INFO(plan({784, 512, 32, 512, 784}, 128));
  CHECK(plan({784, 512, 32, 512, 784}, 128).find("cut at width 32") != std::string::npos);
}

TEST_CASE("a model that mixes its samples is an error; so is one that changes the shape") {
  const Tensor x = ones({4, 3}, f64);
  CHECK_THROWS_WITH(trace([](const Tensor& t) { return t - mean(t, {0}); }, x),
                    Catch::Matchers::Contains("keeps the samples of the batch apart"));
  CHECK_THROWS_WITH(trace([](const Tensor& t) { return narrow(t, 1, 0, 2); }, x),
                    "[trace] expected a model whose result is f64 (4, 3); got f64 (4, 2)");
  CHECK_THROWS_WITH(trace([](const Tensor& t) { return t; }, x, {.method = TraceMethod::hutchpp, .probes = 2}),
                    "[hutch++] expected 3 to 11 probes; got 2");
}

TEST_CASE("estimators: unbiased, with the law's variance; exact where theory says so") {
  const auto m = mlp({6, 16, 6}, "tanh");
  Generator g(7);
  const Tensor point = randn({1, 6}, g, f64), x = point.expand({20000, 6}).clone();
  NoGrad guard;
  const double exact = trace(m.f, point).item();
  const auto estimate = [&](TraceOptions o) {
    Generator own(11);
    o.generator = &own;
    const Tensor t = trace(m.f, x, o);
    return std::pair(mean(t).item() - exact, var(t).item());
  };
  double gaussian = 0;
  for (const auto& [name, o] : std::vector<std::pair<std::string, TraceOptions>>{
           {"hutchinson, gaussian", {.method = TraceMethod::hutchinson, .law = ProbeLaw::gaussian}},
           {"hutchinson, rademacher", {.method = TraceMethod::hutchinson, .law = ProbeLaw::rademacher}},
           {"hutchinson, sphere", {.method = TraceMethod::hutchinson, .law = ProbeLaw::sphere}},
           {"hutchinson, 3 orthogonal", {.method = TraceMethod::hutchinson, .law = ProbeLaw::orthogonal, .probes = 3}},
           {"hutch++, 6", {.method = TraceMethod::hutchpp, .law = ProbeLaw::gaussian, .probes = 6}},
           {"xtrace, 6", {.method = TraceMethod::xtrace, .probes = 6}},
           {"fd", {.method = TraceMethod::fd, .law = ProbeLaw::gaussian, .step = 1e-3}}}) {
    const auto [bias, variance] = estimate(o);
    INFO(name << ": bias " << bias << ", variance " << variance);
    CHECK(std::abs(bias) < 4 * std::sqrt(variance / 20000) + 1e-6);
    if (name == "hutchinson, gaussian") gaussian = variance;
    if (name == "fd") CHECK(variance == Approx(gaussian).epsilon(0.1));
  }
  // m orthogonal probes: (d - m) / (d - 1) of the variance of m independent ones on the sphere
  const auto sphere = estimate({.method = TraceMethod::hutchinson, .law = ProbeLaw::sphere}).second;
  const auto orthogonal =
      estimate({.method = TraceMethod::hutchinson, .law = ProbeLaw::orthogonal, .probes = 3}).second;
  CHECK(orthogonal == Approx(sphere / 3 * (6.0 - 3) / (6 - 1)).epsilon(0.1));
  // d orthogonal probes, and XTrace with a full basis, leave nothing to chance
  CHECK(estimate({.method = TraceMethod::hutchinson, .law = ProbeLaw::orthogonal, .probes = 6}).second < 1e-20);
  const auto [bias, variance] = estimate({.method = TraceMethod::xtrace, .probes = 12});
  CHECK(std::abs(bias) < 1e-8);
  CHECK(variance < 1e-12);
}

TEST_CASE("gradients through estimators are unbiased") {
  const auto m = mlp({4, 8, 4}, "tanh");
  Generator g(8);
  const Tensor point = randn({1, 4}, g, f64), x = point.expand({40000, 4}).clone();
  const Tensor expected = grad({trace(m.f, point)}, m.parameters)[0];
  for (const auto method : {TraceMethod::hutchinson, TraceMethod::hutchpp, TraceMethod::xtrace}) {
    Generator own(12);
    const Tensor got = grad({mean(trace(m.f, x, {.method = method, .probes = 6, .generator = &own}))}, m.parameters)[0];
    CHECK(distance(got, expected) < 0.03);
  }
}

TEST_CASE("a chunked exact trace keeps one chunk's graph at a time") {
  const auto m = mlp({96, 80, 64, 80, 96}, "tanh");
  Generator g(9);
  const Tensor x = randn({64, 96}, g, f64);
  const auto peak = [&](const TraceOptions& o) {
    reset_peak_memory();
    const auto before = memory_stats().live_bytes;
    grad({mean(trace(m.f, x, o))}, m.parameters);
    return memory_stats().peak_bytes - before;
  };
  for (const auto method : {TraceMethod::structured, TraceMethod::chunked}) {
    const auto all = peak({.method = method}), few = peak({.method = method, .memory = 1 << 16});
    INFO(all << " bytes at once, " << few << " in chunks");
    CHECK(few * 3 < all);
  }
}
