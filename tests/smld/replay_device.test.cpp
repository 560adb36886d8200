// SPDX-License-Identifier: MIT
// Replay on a device: the same numbers as without, memory of its own, and clear errors for what a replay could not repeat.
#include <catch2/catch.hpp>
#include <stdexcept>

#include "autograd/grad.h"
#include "nn/ema.h"
#include "nn/mlp.h"
#include "nn/ncsn.h"
#include "nn/optim.h"
#include "ops/ops.h"
#include "smld/data/batch.h"
#include "smld/ladder.h"
#include "smld/losses.h"
#include "tensor/detail/device_memory.h"
#include "tensor/random.h"
#include "tensor/replay.h"
#include "tests/support/device.h"
#include "tests/support/error_of.h"

using namespace stein;
using namespace stein::smld;
using Catch::Contains;
using stein::test::error_of;
using stein::test::test_device;

namespace {

Tensor draw(const Shape& shape, std::uint64_t seed) {
  Generator g(seed);
  return randn(shape, g).to(test_device());
}

Tensors here(const Tensors& ts) {
  Tensors r;
  for (const auto& t : ts) r.push_back(t.to(cpu));
  return r;
}

void equal_all(const Tensors& a, const Tensors& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    INFO("tensor " << i);
    CHECK(equal(a[i], b[i]));
  }
}

}  // namespace

TEST_CASE("a replay on " STEIN_TEST_DEVICE " gives what its function gives, for other inputs and changed parameters",
          "[device]") {
  const Device device = test_device();
  Generator seed(1);
  nn::NCSN net({.channels = 1, .ngf = 4, .levels = 3}, seed);
  net.to(device);
  const Tensor ladder = geometric_ladder(1, 0.1, 3).to(device);
  const auto step = [&](const Tensors& in) -> Tensors {
    const LevelScore score = [&](const Tensor& x, const Tensor& level) { return net(x, level); };
    const Tensor loss = ncsn_ssm_vr_loss(score, in[0], in[1], in[2], in[3], ladder);
    Tensors all = grad({loss}, net.parameters());
    all.push_back(loss);
    return all;
  };
  const auto inputs = [&](std::uint64_t k) {
    Generator g(k);
    const Tensor level = integers(0, 3, {2}, g).to(device);
    return Tensors{draw({2, 1, 8, 8}, 10 * k + 2), level, draw({2, 1, 8, 8}, 10 * k + 3),
                   draw({2, 1, 8, 8}, 10 * k + 4)};
  };
  Replay replay(step, inputs(1));
  nn::Adam adam(net, {.lr = 1e-2});
  for (std::uint64_t k = 1; k < 4; ++k) {
    const Tensors in = inputs(k), right = here(step(in));
    const auto waits = stein::detail::device_synchronisations();
    const Tensors& got = replay(in);
    CHECK(stein::detail::device_synchronisations() == waits);
    CHECK_FALSE(got.back().requires_grad());
    equal_all(here(got), right);
    adam.step(Tensors(got.begin(), got.end() - 1));
  }
}

TEST_CASE("a replay on " STEIN_TEST_DEVICE " keeps its memory to itself, and gives it back when it goes", "[device]") {
  const Device device = test_device();
  const Tensor w = draw({40, 40}, 1), x = draw({5, 40}, 2);
  const auto f = [&](const Tensors& in) -> Tensors {
    const Tensor a = tanh(matmul(in[0], w)), b = exp(a) + tensor({1, 2, 3, 4, 5}).to(device).unsqueeze(-1);
    return {b * a, sum(b)};
  };
  f({x});
  const auto live = memory_stats(device).live_bytes;
  {
    Replay replay(f, {x});
    const Tensors right = here(f({x}));
    equal_all(here(replay({x})), right);
    const auto recorded = memory_stats(device).live_bytes;
    // Whatever others take now must be none of it.
    Tensors others;
    for (int i = 0; i < 20; ++i)
      others.push_back(full({5, 40}, i, f32, device)), others.push_back(full({}, i, f32, device));
    for (int i = 0; i < 20; ++i) tensor({7, 7, 7, 7, 7}).to(device);  // nor what uploads go through
    equal_all(here(replay({x})), right);
    for (int i = 0; i < 40; ++i)
      CHECK(
          equal(others[static_cast<std::size_t>(i)].to(cpu), full(others[static_cast<std::size_t>(i)].shape(), i / 2)));
    others.clear();
    CHECK(memory_stats(device).live_bytes == recorded);
    // Results may outlive it.
    const Tensors kept = replay({x});
    { const Replay gone = std::move(replay); }
    equal_all(here(kept), right);
  }
  CHECK(memory_stats(device).live_bytes == live);
}

TEST_CASE("what a replay on " STEIN_TEST_DEVICE " could not repeat is an error, and all goes on afterwards",
          "[device]") {
  const Device device = test_device();
  const Tensor x = draw({3, 4}, 1);
  Generator g(1);
  nn::MLP net({4, 8, 4}, "tanh", g);
  net.to(device);
  nn::Adam adam(net, {.lr = 1e-3});
  const Dataset data("toy", uniform({8, 4}, g));
  BatchLoader loader(data, 2, 1, 0, 2, device);
  const auto words = [&](const Replay::Function& f) { return error_of([&] { Replay(f, {x}); }); };
  CHECK_THAT(words([&](const Tensors& in) -> Tensors { return {in[0] * sum(in[0]).item()}; }),
             Contains("[replay]") && Contains("a value that the host reads"));
  CHECK_THAT(words([&](const Tensors& in) -> Tensors { return {in[0] + randn_like(in[0], g)}; }),
             Contains("random numbers"));
  CHECK_THAT(words([&](const Tensors& in) -> Tensors {
               adam.step(grad({sum(square(net(in[0])))}, net.parameters()));
               return {};
             }),
             Contains("an optimizer's step"));
  CHECK_THAT(words([&](const Tensors&) -> Tensors { return {loader.next().samples}; }),
             Contains("a batch of a loader"));
  CHECK_THAT(words([&](const Tensors& in) -> Tensors {
               Replay inner([](const Tensors& t) { return t; }, in);
               return inner(in);
             }),
             Contains("another recording"));
  CHECK_THAT(words([&](const Tensors& in) -> Tensors { return {qr(in[0]).first}; }), Contains("a factorisation"));
  int runs = 0;
  CHECK_THROWS_AS(Replay(
                      [&](const Tensors& in) -> Tensors {
                        const Tensor a = in[0] * 2;
                        if (++runs == 2) throw std::runtime_error("mine");
                        return {a};
                      },
                      {x}),
                  std::runtime_error);
  // Nothing is being recorded any more.
  const auto twice = [](const Tensors& in) -> Tensors { return {in[0] * 2}; };
  CHECK(equal(twice({x})[0].to(cpu), x.to(cpu) * 2));
  Replay replay(twice, {x});
  CHECK(equal(replay({x + 1})[0].to(cpu), (x.to(cpu) + 1) * 2));
  // A result that a derivative needs, overwritten.
  const Tensor w = ones({3, 4}, f32, device).requires_grad_();
  const Tensor l = sum(replay({x})[0] * w);
  replay({x + 1});
  CHECK_THAT(error_of([&] { grad(l, w); }), Contains("[mul]") || Contains("written"));
  // Inputs.
  CHECK_THAT(error_of([&] { replay({x, x}); }), Contains("inputs like those recorded, f32 (3, 4)"));
  CHECK_THAT(error_of([&] { replay({x[0]}); }), Contains("inputs like those recorded"));
  CHECK_THAT(error_of([&] { replay({x.to(f64)}); }), Contains("inputs like those recorded"));
  CHECK_THAT(error_of([&] { replay({x.to(cpu)}); }), Contains("inputs like those recorded"));
  CHECK_THAT(error_of([&] { Replay(twice, {}); }), Contains("at least one input"));
  CHECK_THAT(error_of([&] { Replay(twice, {x, x.to(cpu)}); }), Contains("inputs on one device"));
}

TEST_CASE("on the cpu a replay is its function") {
  Generator g(1);
  int runs = 0;
  const Tensor x = randn({3}, g).requires_grad_();
  Replay replay([&](const Tensors& in) -> Tensors { return ++runs, Tensors{in[0] * 2 + randn({3}, g)}; }, {x});
  CHECK(runs == 0);
  const Tensor first = replay({x})[0], second = replay({x})[0];
  CHECK(runs == 2);
  CHECK_FALSE(first.requires_grad());
  CHECK_FALSE(equal(first, second));
}
