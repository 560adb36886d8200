// SPDX-License-Identifier: MIT
// Models that tempt the trace to a wrong answer: samples moved or mixed, indices, randomness, singular Jacobians, empty batches,
// and plans that would take more time or memory than the loop.
#include <catch2/catch.hpp>
#include <cmath>

#include "autograd/grad.h"
#include "nn/conditional_mlp.h"
#include "nn/unet.h"
#include "ops/ops.h"
#include "smld/energy.h"
#include "smld/laplacian.h"
#include "smld/terms.h"
#include "smld/trace.h"
#include "tensor/recording.h"
#include "tensor/storage.h"

using namespace stein;
using namespace stein::smld;

namespace {

double difference(const Tensor& a, const Tensor& b) { return a.numel() ? amax(abs(a - b)).item() : 0.0; }

const TraceMethod kAll[] = {TraceMethod::exact,      TraceMethod::naive,      TraceMethod::chunked,
                            TraceMethod::structured, TraceMethod::hutchinson, TraceMethod::hutchpp,
                            TraceMethod::xtrace,     TraceMethod::fd};

}  // namespace

TEST_CASE("samples that move along another axis and back, at sizes where the axes cannot be told apart") {
  Generator g(1);
  const Score turned = [](const Tensor& x) { return transpose(tanh(2.0 * transpose(x))); };
  const Score time_major = [](const Tensor& x) {
    return permute(exp(0.5 * permute(x, {1, 0, 2})) * permute(x, {1, 0, 2}), {1, 0, 2});
  };
  for (std::int64_t b : {2, 3, 4}) {
    const Tensor x = randn({b, 3}, g, f64), y = randn({b, 2, 3}, g, f64);
    for (auto method : {TraceMethod::exact, TraceMethod::chunked}) {
      CHECK(difference(trace(turned, x, {.method = method}), trace(turned, x, {.method = TraceMethod::naive})) < 1e-12);
      CHECK(difference(trace(time_major, y, {.method = method}), trace(time_major, y, {.method = TraceMethod::naive})) <
            1e-12);
    }
    const Tensor w = randn({b, 3}, g, f64);
    const Energy f = [&](const Tensor& at) { return sum(transpose(tanh(transpose(at * w))), {-1}); };
    const Tensor expected = laplacian(f, x, {.method = LaplacianMethod::nested});
    CHECK(difference(laplacian(f, x), expected) < 1e-12);
    CHECK(difference(laplacian(f, x, {.method = LaplacianMethod::forward}), expected) < 1e-12);
  }
}

TEST_CASE("indices: the same for all samples, and one for each") {
  Generator g(2);
  const Tensor x = randn({4, 5}, g, f64), order = permutation(5, g), each = integers(0, 5, {4, 5}, g);
  for (const Score& f : {Score([&](const Tensor& at) { return tanh(index_select(at, 1, order)) * at; }),
                         Score([&](const Tensor& at) { return tanh(gather(at, 1, each)) * at; }),
                         Score([&](const Tensor& at) { return flip(tanh(at), {1}) + cumsum(at, 1); })})
    CHECK(difference(trace(f, x), trace(f, x, {.method = TraceMethod::naive})) < 1e-12);
}

TEST_CASE("models that mix the samples are errors for every exact method") {
  Generator g(3);
  for (std::int64_t b : {2, 4, 5}) {
    const Tensor x = randn({b, 4}, g, f64);
    for (const Score& f : {Score([](const Tensor& at) { return at - mean(at, {0}, true); }),
                           Score([](const Tensor& at) { return cumsum(at, 0); }),
                           Score([](const Tensor& at) { return at * exp(sum(at)); })})
      for (auto method : {TraceMethod::exact, TraceMethod::naive, TraceMethod::chunked})
        CHECK_THROWS_WITH(trace(f, x, {.method = method}),
                          Catch::Contains("[trace] expected a model that keeps the samples of the batch apart"));
  }
}

TEST_CASE("the trace is that of the result returned, dropout or not") {
  Generator g(4);
  const Tensor x = 1.0 + uniform({3, 6}, g, 0, 1, f64);
  const Score f = [](const Tensor& at) { return dropout(square(at), 0.5, default_generator()); };
  for (auto method : {TraceMethod::exact, TraceMethod::naive, TraceMethod::chunked})
    for (std::int64_t memory : {std::int64_t{1} << 30, std::int64_t{1}}) {
      const auto [s, t] = value_and_trace(f, x, {.method = method, .memory = memory});
      CHECK(difference(t, sum(2.0 * s / x, {-1})) < 1e-12);
    }
  const Energy e = [](const Tensor& at) { return sum(dropout(square(at), 0.5, default_generator()), {-1}); };
  for (auto method : {LaplacianMethod::nested, LaplacianMethod::forward})
    for (std::int64_t memory : {std::int64_t{1} << 30, std::int64_t{1}}) {
      const EnergyTerms t = energy_terms(e, x, {.method = method, .memory = memory});
      CHECK(difference(t.laplacian, sum(t.gradient / x, {-1})) < 1e-12);
    }
}

TEST_CASE("finite differences: one mask of dropout for all evaluations, drawn once") {
  Generator g(8);
  const Tensor x = 1.0 + uniform({3, 6}, g, 0, 1, f64), v = rademacher({2, 3, 6}, g, f64);
  const Score f = [](const Tensor& at) { return dropout(square(at), 0.5, default_generator()); };
  const Energy e = [&](const Tensor& at) { return sum(f(at), {-1}); };
  // Rademacher probes are exact for a diagonal J, central differences for squares.
  const auto check = [&](const auto& estimate, const auto& exact) {
    const auto before = default_generator().state();
    const Tensor t = estimate();
    const auto after = default_generator().state();
    default_generator().set_state(before);
    CHECK(difference(t, sum(exact(f(x)), {-1})) < 1e-9);
    CHECK(default_generator().state() == after);
  };
  const auto slope = [&](const Tensor& s) { return 2.0 * s / x; };
  const auto bend = [&](const Tensor& s) { return 2.0 * s / square(x); };
  check([&] { return trace(f, x, {.method = TraceMethod::fd, .probes = 3, .generator = &g, .step = 0.01}); }, slope);
  check([&] { return fd_ssm_terms(f, x, v, 0.01)[1].second; }, slope);
  check([&] { return neg(fd_ssm_energy_terms(e, x, v, 0.1)[1].second); }, bend);
  check([&] { return antithetic_terms(f, x, reshape(narrow(v, 0, 0, 1), x.shape()), 0.1)[1].second; }, slope);
}

TEST_CASE("gradients through XTrace are unbiased where the Jacobian is singular, too") {
  // A parameter and a draw for each of n samples: the mean over the samples is that over the draws.
  const std::int64_t n = 4000;
  Generator g(9);
  const auto apply = [](const Tensor& w, const Tensor& x) { return squeeze(matmul(w, unsqueeze(x, -1)), -1); };
  const auto unbiased = [&](const Tensor& gradients, const Tensor& expected) {
    const Tensor error = sqrt(var(gradients, {0}) / static_cast<double>(n));
    CHECK(amax(abs(mean(gradients, {0}) - expected) - 5 * error).item() < 1e-9);
  };
  {
    const Tensor w = zeros({n, 4, 4}, f64).requires_grad_();
    const Tensor t = trace([&](const Tensor& x) { return apply(w, x); }, randn({n, 4}, g, f64),
                           {.method = TraceMethod::xtrace, .probes = 2, .generator = &g});
    CHECK(amax(abs(t)).item() == 0);
    unbiased(grad(sum(t), w), eye(4, f64));
  }
  {
    const Tensor one_up = randn({8, 2}, g, f64), one_down = randn({2, 8}, g, f64);
    const Tensor up = one_up.expand({n, 8, 2}).clone().requires_grad_(),
                 down = one_down.expand({n, 2, 8}).clone().requires_grad_();
    const Tensor t = trace([&](const Tensor& x) { return apply(up, apply(down, x)); }, randn({n, 8}, g, f64),
                           {.method = TraceMethod::xtrace, .probes = 8, .generator = &g});
    CHECK(difference(t, sum(one_up * transpose(one_down)).expand({n})) < 1e-9);
    const Tensors gradients = grad({sum(t)}, {up, down});
    unbiased(gradients[0], transpose(one_down));
    unbiased(gradients[1], transpose(one_up));
  }
}

TEST_CASE("XTrace of singular Jacobians: rank 0, and ranks below the number of probes, sample by sample") {
  Generator g(5);
  const Tensor x = from_vector(std::vector<double>{1, 2, 3, -1, -2, -3, 1, -2, -3}, {3, 3}),
               w = full({3}, 2, f64).requires_grad_();
  const Score f = [&](const Tensor& at) { return relu(at) * w; };
  const auto [s, t] = value_and_trace(f, x, {.method = TraceMethod::xtrace, .probes = 6, .generator = &g});
  CHECK(difference(t, from_vector(std::vector<double>{6, 0, 2}, {3})) < 1e-9);
  CHECK(difference(grad(sum(t), w), from_vector(std::vector<double>{2, 1, 1}, {3})) < 1e-9);
  const nn::UNet fresh({.channels = 1, .width = 8, .groups = 4, .condition = {.time = nn::TimeFeatures::none}},
                       g);  // its last convolution is 0
  const Tensor images = randn({2, 1, 4, 4}, g);
  CHECK(difference(trace([&](const Tensor& at) { return fresh(at); }, images,
                         {.method = TraceMethod::xtrace, .probes = 4, .generator = &g}),
                   zeros({2})) == 0);
}

TEST_CASE("empty batches and vectors of one number a sample") {
  Generator g(6);
  const Tensor w = full({3}, 1, f64).requires_grad_();
  for (auto method : kAll) {
    INFO(static_cast<int>(method));
    const TraceOptions o{.method = method, .law = ProbeLaw::rademacher, .probes = 3, .generator = &g};
    const auto [s, t] = value_and_trace([&](const Tensor& x) { return sin(x) * w; }, zeros({0, 3}, f64), o);
    CHECK((s.shape() == Shape{0, 3} && t.shape() == Shape{0}));
    if (method == TraceMethod::xtrace) continue;  // at least two products, of one dimension at most three
    const Tensor x = randn({5}, g, f64);
    CHECK(difference(trace([](const Tensor& at) { return sin(at); }, x, o), cos(x)) <
          (method == TraceMethod::fd ? 1e-2 : 1e-12));
  }
  CHECK_THROWS_WITH(
      trace([](const Tensor& at) { return narrow(at, 1, 0, 1); }, zeros({2, 3}), {.method = TraceMethod::fd}),
      Catch::Contains("[trace] expected a model whose result is f32 (2, 3); got f32 (2, 1)"));
}

TEST_CASE("a plan is dropped for the loop when it takes longer, and planning keeps to the memory") {
  Generator g(7);
  nn::ConditionalMLP deep({.dimension = 2, .hidden = {32, 32, 32, 32, 32}, .residual = true}, g);
  const Score f = [&](const Tensor& x) { return deep(x); };
  const Tensor x = randn({16, 2}, g);
  CHECK_THAT(explain_trace(f, x),
             Catch::Contains("take longer than products") && Catch::Contains("2 vector-Jacobian products"));
  CHECK(difference(trace(f, x), trace(f, x, {.method = TraceMethod::naive})) < 1e-4);

  const Tensor images = randn({4, 3, 16, 16}, g);
  const Score padded = [](const Tensor& at) { return narrow(narrow(tanh(pad(at, {1, 1, 1, 1})), 2, 1, 16), 3, 1, 16); };
  const auto before = memory_stats().live_bytes;
  reset_peak_memory();
  const std::string plan = explain_trace(padded, images, {.memory = 1 << 20});
  CHECK_THAT(plan, Catch::Contains("takes more memory than allowed"));
  CHECK(memory_stats().peak_bytes - before < (1 << 20));
}
