// SPDX-License-Identifier: MIT
// Every method of the Laplacian against the trace of the Hessian, values and parameter gradients; closed forms; memory.
#include "smld/laplacian.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "autograd/calculus/checkpoint.h"
#include "autograd/calculus/functional.h"
#include "autograd/grad.h"
#include "nn/conv.h"
#include "nn/energy_mlp.h"
#include "nn/linear.h"
#include "ops/ops.h"
#include "smld/data/mixture.h"
#include "smld/losses.h"
#include "smld/objectives.h"
#include "tensor/recording.h"
#include "tensor/storage.h"

using namespace stein;
using namespace stein::smld;

namespace {

struct Model {
  std::string name;
  Energy f;
  Tensors parameters;
  Tensor x;
  bool chains;  // `planned` applies
};

Model mlp(std::int64_t d, const std::vector<std::int64_t>& hidden, const char* activation) {
  Generator g(1);
  const nn::EnergyMLP net(d, hidden, activation, g);
  nn::EnergyMLP copy = net;
  copy.to(f64);
  return {std::string(activation) + " " + std::to_string(hidden.size()) + " layers, d " + std::to_string(d),
          [net](const Tensor& x) { return net(x); }, net.parameters(), randn({5, d}, g, f64), true};
}

std::vector<Model> models() {
  std::vector<Model> all{mlp(4, {9}, "softplus"), mlp(4, {9, 7}, "tanh"), mlp(9, {3, 4}, "silu"),
                         mlp(4, {6, 5, 4}, "gelu"), mlp(3, {5, 5, 5, 5}, "softplus")};
  Generator g(2);
  const auto in = std::make_shared<nn::Linear>(4, 6, true, g), middle = std::make_shared<nn::Linear>(6, 6, true, g);
  Tensors parameters;
  for (const auto& l : {in, middle}) {
    l->to(f64);
    for (const auto& p : l->parameters()) parameters.push_back(p);
  }
  const Tensor x = randn({5, 4}, g, f64);
  // Products of results that both depend on x, by * and by matmul; an input used twice; broadcasting; sums on the way.
  all.push_back({"residual blocks and squares",
                 [=](const Tensor& at) {
                   Tensor h = tanh((*in)(at));
                   h = h + softplus((*middle)(h)) * h;
                   return sum(h * h, {-1}) + 0.5 * sum(square(at), {-1});
                 },
                 parameters, x, false});
  all.push_back({"matrices that both depend on x",
                 [=](const Tensor& at) {
                   const Tensor a = reshape((*in)(at), {5, 2, 3}), b = tanh(reshape((*in)(at), {5, 3, 2}));
                   return sum(exp(0.3 * matmul(a, b)), {-2, -1});
                 },
                 parameters, x, false});
  all.push_back({"logsumexp, softmax, norm, broadcasting",
                 [=](const Tensor& at) {
                   const Tensor h = (*in)(at), n = norm(h, 2, {-1}, true);
                   return logsumexp(h, {-1}) + sum(softmax(h, -1) * tanh(h), {-1}) + sum(h / n, {-1}) +
                          exp(-1.0 * squeeze(n, -1));
                 },
                 parameters, x, false});
  const auto conv = std::make_shared<nn::Conv2d>(1, 3, 3, Conv2dOptions{.padding = 1}, true, g);
  conv->to(f64);
  all.push_back({"convolution", [=](const Tensor& at) { return per_sample(square(softplus((*conv)(at)))); },
                 conv->parameters(), randn({2, 1, 3, 4}, g, f64), false});
  return all;
}

// The trace of the Hessian by unit vectors, one at a time.
Tensor reference(const Energy& f, const Tensor& input) {
  const Tensor x = input.detach().requires_grad_();
  const auto d = numel(x.shape().slice(1, x.rank()));
  const Tensor g = reshape(grad(sum(f(x)), x, {.create_graph = true}), {x.size(0), d});
  Tensor total;
  for (std::int64_t i = 0; i < d; ++i) {
    const Tensor row = reshape(grad(sum(narrow(g, 1, i, 1)), x, {.create_graph = true}), {x.size(0), d});
    const Tensor t = reshape(narrow(row, 1, i, 1), {x.size(0)});
    total = total.defined() ? total + t : t;
  }
  return total;
}

double difference(const Tensor& a, const Tensor& b) { return amax(abs(a - b)).item() / (1 + amax(abs(b)).item()); }

}  // namespace

TEST_CASE("every method of the Laplacian is the trace of the Hessian, and its gradient that of the trace") {
  for (const Model& m : models()) {
    INFO(m.name);
    const Tensor expected = reference(m.f, m.x);
    const Tensors slopes = grad({sum(expected * expected)}, m.parameters, {});
    for (auto method :
         {LaplacianMethod::nested, LaplacianMethod::forward, LaplacianMethod::planned, LaplacianMethod::cheapest}) {
      if (method == LaplacianMethod::planned && !m.chains) continue;
      for (std::int64_t memory : {std::int64_t{1} << 30, std::int64_t{1}}) {
        INFO("method " << static_cast<int>(method) << ", memory " << memory);
        const EnergyTerms t = energy_terms(m.f, m.x, {.method = method, .memory = memory});
        CHECK(difference(t.laplacian, expected) < 1e-10);
        const Tensor x = m.x.detach().requires_grad_();
        CHECK(difference(t.gradient, grad(sum(m.f(x)), x)) < 1e-12);
        CHECK(difference(t.energy, m.f(m.x)) < 1e-14);
        const Tensors g = grad({sum(t.laplacian * t.laplacian)}, m.parameters, {});
        for (std::size_t i = 0; i < g.size(); ++i) CHECK(difference(g[i], slopes[i]) < 1e-10);
        NoGrad guard;
        const EnergyTerms constant = energy_terms(m.f, m.x, {.method = method, .memory = memory});
        CHECK_FALSE((constant.laplacian.requires_grad() || constant.gradient.requires_grad() ||
                     constant.energy.requires_grad()));
        CHECK(difference(constant.laplacian, expected) < 1e-10);
      }
    }
  }
}

TEST_CASE("the Laplacian of a mixture's energy, known in closed form") {
  // -log p of one Gaussian: the Laplacian is the trace of its precision. And a product of one-dimensional functions.
  Generator g(3);
  const Tensor x = randn({6, 3}, g, f64), a = randn({3, 3}, g, f64), precision = matmul(a, transpose(a));
  const Energy gaussian = [&](const Tensor& at) { return 0.5 * sum(at * matmul(at, precision), {-1}); };
  const Energy wave = [](const Tensor& at) { return prod(sin(at), {-1}); };
  for (auto method : {LaplacianMethod::nested, LaplacianMethod::forward, LaplacianMethod::cheapest}) {
    CHECK(difference(laplacian(gaussian, x, {.method = method}), sum(diagonal(precision)).expand({6})) < 1e-12);
    CHECK(difference(laplacian(wave, x, {.method = method}), -3.0 * wave(x)) < 1e-12);
  }
}

TEST_CASE("the Laplacian where a factor repeats itself along an axis, and where one result is two inputs of an op") {
  const Tensor x = tensor({{1, 2}, {-3, 0.5}}, f64);
  // |x|^4 as the sum over i of |x|^2 x_i^2, and |x|^2 by an op of its own
  const Energy quartic = [](const Tensor& at) {
    return sum(expand(sum(square(at), {-1}, true), at.shape()) * square(at), {-1});
  };
  const Energy twice = [](const Tensor& at) {
    return checkpoint([](const Tensors& in) { return Tensors{sum(in[0] * in[1], {1})}; }, {at, at})[0];
  };
  for (auto method : {LaplacianMethod::nested, LaplacianMethod::forward, LaplacianMethod::cheapest}) {
    INFO("method " << static_cast<int>(method));
    CHECK(difference(laplacian(quartic, x, {.method = method}), 16 * sum(square(x), {-1})) < 1e-12);
    CHECK(difference(laplacian(twice, x, {.method = method}), full({2}, 4, f64)) < 1e-12);
  }
}

TEST_CASE("the Laplacian can be differentiated for x") {
  const Model m = mlp(3, {6, 5}, "tanh");
  for (auto method : {LaplacianMethod::forward, LaplacianMethod::planned, LaplacianMethod::nested}) {
    const Tensor x = m.x.detach().requires_grad_();
    const Tensor got = grad(sum(laplacian(m.f, x, {.method = method})), x);
    const double h = 1e-5;
    Generator g(4);
    const Tensor v = randn(x.shape(), g, f64);
    NoGrad guard;
    const Tensor difference_quotient = sum(laplacian(m.f, m.x + h * v) - laplacian(m.f, m.x - h * v)) / (2 * h);
    CHECK(std::abs(sum(got * v).item() - difference_quotient.item()) < 1e-7);
  }
}

TEST_CASE("energies without curvature, without x, and with relu have the Laplacian 0") {
  const Tensor x = full({2, 3}, 0.5, f64), w = full({3}, 2, f64).requires_grad_();
  for (auto method :
       {LaplacianMethod::nested, LaplacianMethod::forward, LaplacianMethod::planned, LaplacianMethod::cheapest})
    for (const Energy& f : {Energy([&](const Tensor& at) { return sum(at * w, {-1}); }),
                            Energy([&](const Tensor&) { return expand(sum(w), {2}); }),
                            Energy([&](const Tensor& at) { return sum(relu(at * w), {-1}); })}) {
      const EnergyTerms t = energy_terms(f, x, {.method = method});
      CHECK(amax(abs(t.laplacian)).item() == 0);
      CHECK(t.laplacian.shape() == Shape{2});
      CHECK(t.gradient.shape() == x.shape());
    }
}

TEST_CASE("chunks of directions bound the memory of the forward Laplacian, also while recording") {
  Generator g(5);
  nn::EnergyMLP net(48, {64, 64}, "softplus", g);
  const Tensor x = randn({32, 48}, g);
  const auto peak = [&](std::int64_t memory) {
    const auto before = memory_stats().live_bytes;
    reset_peak_memory();
    const Tensor t =
        laplacian([&](const Tensor& at) { return net(at); }, x, {.method = LaplacianMethod::forward, .memory = memory});
    grad({mean(t)}, net.parameters(), {});
    return memory_stats().peak_bytes - before;
  };
  peak(1 << 18);
  CHECK(4 * peak(1 << 18) < peak(1 << 30));
}

TEST_CASE("the implicit loss of an energy is that of its score, gradients too") {
  const Model m = mlp(4, {8, 8}, "softplus");
  const LevelEnergy f = [&](const Tensor& x, const Tensor&) { return m.f(x); };
  Generator g(6);
  const Loss a = of_energy(objective::implicit())(f, m.x, g), b = objective::implicit_energy()(f, m.x, g);
  CHECK(std::abs(a.value.item() - b.value.item()) < 1e-12);
  const Tensors ga = grad({a.value}, m.parameters), gb = grad({b.value}, m.parameters);
  for (std::size_t i = 0; i < ga.size(); ++i) CHECK(difference(gb[i], ga[i]) < 1e-10);
}

TEST_CASE("errors of the Laplacian") {
  const Tensor x = zeros({2, 3});
  CHECK_THROWS_WITH(laplacian([](const Tensor& at) { return at; }, x), Catch::Contains("one number a sample"));
  CHECK_THROWS_WITH(laplacian([](const Tensor& at) { return sum(at); }, scalar(1)), Catch::Contains("x (B, ...)"));
  CHECK_THROWS_WITH(
      laplacian([](const Tensor& at) { return logsumexp(at, {-1}); }, x, {.method = LaplacianMethod::planned}),
      Catch::Contains("[laplacian]") && Catch::Contains("use forward or nested"));
  CHECK_THROWS_WITH(laplacian_method("fast"), Catch::Contains("cheapest, nested, forward, planned; got 'fast'"));
}
