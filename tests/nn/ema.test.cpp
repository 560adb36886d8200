// SPDX-License-Identifier: MIT
#include "nn/ema.h"

#include <catch2/catch.hpp>

#include "nn/linear.h"
#include "nn/optim.h"
#include "tests/nn/support.h"

using namespace stein;
using namespace stein::test;

namespace {

void set(const Tensor& parameter, double value) {
  NoGrad guard;
  Tensor p = parameter;
  p.fill_(value);
}

}  // namespace

TEST_CASE("ema: averages by the formula, with and without warm-up") {
  for (const bool warmup : {false, true}) {
    nn::Linear layer(2, 2);
    layer.to(f64);
    set(layer.weight, 5);
    nn::Ema ema(layer, 0.3, warmup);
    double expected = 5;
    for (int n = 1; n <= 6; ++n) {
      const double d = warmup ? std::min(0.3, (1.0 + n) / (10.0 + n)) : 0.3;  // 2/11, 3/12, 4/13 > 0.3, ...
      CHECK(ema.next_decay() == d);
      set(layer.weight, n);
      ema.update();
      expected = d * expected + (1 - d) * n;
      CHECK(largest(ema.averages().at("weight") - expected) < 1e-14);
      CHECK(largest(layer.weight - static_cast<double>(n)) == 0);
    }
    CHECK(ema.updates() == 6);
  }
}

TEST_CASE("ema: one pass with the optimiser has the bits of two", "[optim]") {
  for (const auto& device : {cpu, simulated})
    for (const bool adam : {true, false}) {
      nn::Linear one(90, 101), two(90, 101);  // no multiples of what a thread of a device takes at once
      two.load_state_dict(one.state_dict());
      one.to(device), two.to(device);
      const auto optimiser = [&](const nn::Linear& layer) -> std::unique_ptr<nn::Optimizer> {
        if (adam) return std::make_unique<nn::AdamW>(layer);
        return std::make_unique<nn::SGD>(layer, nn::SGDOptions{.lr = 0.1, .momentum = 0.9, .nesterov = true});
      };
      const auto a = optimiser(one), b = optimiser(two);
      nn::Ema ea(one, 0.9, true), eb(two, 0.9, true);
      Generator g(3);
      for (int step = 0; step < 3; ++step) {
        // The second step has no gradient for the bias, whose average goes on all the same.
        const Tensors gradients{randn({101, 90}, g).to(device), step == 1 ? Tensor() : randn({101}, g).to(device)};
        a->step(gradients, ea);
        b->step(gradients);
        eb.update();
        CHECK(equal(one.weight.detach().to(cpu), two.weight.detach().to(cpu)));
        CHECK(equal(one.bias.detach().to(cpu), two.bias.detach().to(cpu)));
        for (const auto& [name, average] : ea.averages()) CHECK(equal(average.to(cpu), eb.averages().at(name).to(cpu)));
      }
      CHECK(ea.updates() == 3);
      const auto swapped = ea.swapped();
      CHECK(error_of([&] {
              a->step({ones({101, 90}).to(device), Tensor()}, ea);
            }).find("outside a swap") != std::string::npos);
    }
}

TEST_CASE("ema: swapped in for sampling and back out, its state saved and loaded") {
  nn::Linear layer(40, 50), other(40, 50);
  nn::Ema ema(layer, 0.5);
  const Tensor start = layer.weight.detach().clone();
  set(layer.weight, 1);
  ema.update();
  const Tensor average = start * 0.5 + 0.5;
  {
    auto swapped = ema.swapped();
    CHECK(allclose(layer.weight.detach(), average));
    CHECK(error_of([&] { ema.update(); }) ==
          "[ema] expected update() outside a swap; got averages in the module; swap() back first");
    CHECK(error_of([&] { ema.averages(); }).find("outside a swap") != std::string::npos);
  }
  CHECK(equal(layer.weight.detach(), ones({50, 40})));

  nn::Ema again(other, 0.5);
  again.restore(ema.averages(), ema.updates());
  CHECK(again.updates() == 1);
  CHECK(equal(again.averages().at("weight"), ema.averages().at("weight")));
  other.load_state_dict(ema.averages());
  CHECK(allclose(other.weight.detach(), average));

  auto state = ema.averages();
  state.erase("bias");
  state["weight"] = ones({2});
  state.emplace("x", ones({1}));
  CHECK(error_of([&] { again.restore(state, 2); }) ==
        "[ema.restore] expected the averages of these parameters; got weight f32 (2,) for f32 (50, 40), no bias, "
        "unexpected x");
  CHECK(error_of([&] { again.restore(ema.averages(), -1); }) ==
        "[ema.restore] expected a number of updates of at least 0; got -1");
  CHECK(again.updates() == 1);
  CHECK(error_of([&] { nn::Ema bad(layer, 1.0); }) == "[ema] expected a decay in [0, 1); got 1.000000");
}
