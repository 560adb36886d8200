// SPDX-License-Identifier: MIT
// The exact trace through the networks of nn/ as score models: planned and chunked against the loop, values and gradients.
#include <catch2/catch.hpp>

#include "autograd/grad.h"
#include "nn/conditional_mlp.h"
#include "nn/energy_mlp.h"
#include "nn/unet.h"
#include "ops/ops.h"
#include "smld/trace.h"
#include "tensor/recording.h"

using namespace stein;
using namespace stein::smld;

namespace {

template <class Net>
void stir(Net& net, Generator& g) {  // the U-Net starts at 0
  net.to(f64);
  NoGrad guard;
  for (Tensor p : net.parameters()) p.copy_(p + 0.2 * randn(p.shape(), g, f64));
}

double distance(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  return amax(abs(a - b)).item() / std::max(1.0, amax(abs(b)).item());
}

void check(const Score& f, const Tensor& x, const Tensors& parameters, std::initializer_list<TraceMethod> methods) {
  const Tensor expected = trace(f, x, {.method = TraceMethod::naive});
  CHECK(amax(abs(expected)).item() > 1e-3);
  const auto gradients = grad({mean(expected)}, parameters);
  for (const auto method : methods)
    for (const std::int64_t memory : {std::int64_t{1} << 30, std::int64_t{1} << 12}) {
      INFO("method " << static_cast<int>(method) << ", memory " << memory);
      const Tensor t = trace(f, x, {.method = method, .memory = memory});
      CHECK(distance(t, expected) < 1e-10);
      const auto g = grad({mean(t)}, parameters);
      for (std::size_t i = 0; i < g.size(); ++i) CHECK(distance(g[i], gradients[i]) < 1e-10);
    }
}

}  // namespace

TEST_CASE("the exact trace of a U-Net: chunks are the loop") {
  Generator g(1);
  nn::UNet net({.width = 2, .multipliers = {1, 2}, .attention = true, .groups = 2}, g);
  stir(net, g);
  const Tensor x = randn({2, 1, 4, 3}, g, f64), t = from_vector<double>({2, 30}, {2});
  check([&](const Tensor& at) { return net(at, t); }, x, net.parameters(), {TraceMethod::chunked, TraceMethod::exact});
}

TEST_CASE("the exact trace of a residual MLP with time and class is planned, and is the loop") {
  Generator g(2);
  nn::ConditionalMLP net({.dimension = 4,
                          .hidden = {6, 6, 6},
                          .residual = true,
                          .condition = {.time = nn::TimeFeatures::sinusoidal, .classes = 2, .features = 4, .width = 5}},
                         g);
  stir(net, g);
  const Tensor x = randn({3, 4}, g, f64), t = from_vector<double>({1, 20, 300}, {3});
  const Score f = [&](const Tensor& at) { return net(at, t, from_vector<std::int64_t>({1, 0, 2}, {3})); };
  check(f, x, net.parameters(), {TraceMethod::exact, TraceMethod::chunked});
  CHECK(explain_trace(f, x).find("chain 3") != std::string::npos);
}

TEST_CASE("the Laplacian of an energy MLP is planned, and is the loop") {
  Generator g(3);
  nn::EnergyMLP energy(3, {6, 5}, "tanh", g);
  stir(energy, g);
  const Score f = [&](const Tensor& x) {
    const Tensor at = x.requires_grad() ? x : x.detach().requires_grad_();
    return -grad(sum(energy(at)), at, {.create_graph = true});
  };
  const Tensor x = randn({3, 3}, g, f64);
  check(f, x, energy.parameters(), {TraceMethod::exact, TraceMethod::chunked});
  CHECK(explain_trace(f, x).find("chain 1") != std::string::npos);
}
