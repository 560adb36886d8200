// SPDX-License-Identifier: MIT
#include "nn/optim.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>

#include "nn/linear.h"
#include "nn/schedule.h"
#include "ops/ops.h"
#include "tensor/detail/device_memory.h"
#include "tensor/simd.h"
#include "tensor/thread_pool.h"
#include "tests/nn/support.h"

using namespace stein;
using namespace stein::test;

namespace {

nn::NamedList start(const NamedTensors& file, DType dtype) {
  nn::NamedList out;
  for (const char* k : {"a", "b"}) {
    Tensor p = file.at(std::string("start.") + k).to(dtype).clone();
    out.emplace_back(k, p.requires_grad_());
  }
  return out;
}

std::unique_ptr<nn::Optimizer> make(const std::string& name, const nn::NamedList& p) {
  if (name == "sgd") return std::make_unique<nn::SGD>(p, nn::SGDOptions{.lr = 0.05});
  if (name == "sgd_decay") return std::make_unique<nn::SGD>(p, nn::SGDOptions{.lr = 0.05, .weight_decay = 0.1});
  if (name == "sgd_momentum")
    return std::make_unique<nn::SGD>(
        p, nn::SGDOptions{.lr = 0.05, .momentum = 0.9, .dampening = 0.3, .weight_decay = 0.01});
  if (name == "sgd_nesterov")
    return std::make_unique<nn::SGD>(
        p, nn::SGDOptions{.lr = 0.05, .momentum = 0.8, .weight_decay = 0.02, .nesterov = true});
  if (name == "adam" || name == "adam_cosine") return std::make_unique<nn::Adam>(p, nn::AdamOptions{.lr = 0.01});
  if (name == "adam_options")
    return std::make_unique<nn::Adam>(
        p, nn::AdamOptions{.lr = 0.02, .beta1 = 0.8, .beta2 = 0.95, .eps = 1e-3, .weight_decay = 0.1});
  if (name == "adamw") return std::make_unique<nn::AdamW>(p, nn::AdamWOptions{.lr = 0.01});
  auto groups = std::make_unique<nn::AdamW>(nn::NamedList{p[0]}, nn::AdamWOptions{.lr = 0.02, .weight_decay = 0.3});
  groups->add_group({p[1]}, {.lr = 0.1, .weight_decay = 0});
  return groups;
}

const std::vector<std::string> kCases{"sgd",          "sgd_decay", "sgd_momentum", "sgd_nesterov", "adam",
                                      "adam_options", "adamw",     "adamw_groups", "adam_cosine"};

/// Update i of a golden case, through grad() as a training loop does.
void update(nn::Optimizer& optimizer, const nn::NamedList& p, const NamedTensors& file, int i) {
  for (auto& [name, parameter] : p) {
    Tensor handle = parameter;
    handle.set_grad(i == 3 && name == "b" ? Tensor{}
                                          : file.at("gradient" + std::to_string(i) + "." + name).to(parameter.dtype()));
  }
  optimizer.step();
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         std::memcmp(a.raw(), b.raw(), static_cast<std::size_t>(a.numel()) * size_of(a.dtype())) == 0;
}

}  // namespace

TEST_CASE("optim: every update is PyTorch's", "[simd]") {
  const auto file = golden("optim");
  for (const auto& name : kCases)
    for (const DType dtype : {f64, f32}) {
      const auto p = start(file, dtype);
      const auto optimizer = make(name, p);
      const auto cosine = nn::Schedule::cosine(8, 0, 0.1);
      for (int i = 0; i < 8; ++i) {
        if (name == "adam_cosine") optimizer->set_lr_factor(cosine(i));
        update(*optimizer, p, file, i);
        for (const auto& [k, parameter] : p) {
          INFO(name << " update " << i << " of " << k << " in " << name_of(dtype));
          const Tensor& expected = file.at(name + "." + std::to_string(i) + "." + k);
          CHECK(error(parameter, expected, largest(expected)) < (dtype == f64 ? 1e-14 : 1e-6));
        }
      }
    }
}

TEST_CASE("optim: saved and loaded, training goes on bit for bit") {
  const auto file = golden("optim");
  for (const auto& name : kCases) {
    INFO(name);
    const auto straight = start(file, f32), first = start(file, f32);
    const auto a = make(name, straight), b = make(name, first);
    for (int i = 0; i < 8; ++i) update(*a, straight, file, i);
    for (int i = 0; i < 5; ++i) update(*b, first, file, i);

    auto resumed = start(file, f32);
    for (std::size_t k = 0; k < resumed.size(); ++k) {
      NoGrad guard;
      resumed[k].second.copy_(first[k].second);
    }
    const auto c = make(name, resumed);
    c->load_state_dict(b->state_dict());
    for (int i = 5; i < 8; ++i) {
      update(*b, first, file, i);  // must not disturb c: a loaded state is a copy
      update(*c, resumed, file, i);
    }
    for (std::size_t k = 0; k < resumed.size(); ++k) {
      CHECK(same_bits(resumed[k].second, straight[k].second));
      CHECK(same_bits(first[k].second, straight[k].second));
    }
    const auto left = c->state_dict(), right = a->state_dict();
    REQUIRE(left.size() == right.size());
    for (const auto& [slot, value] : right) CHECK(same_bits(left.at(slot), value));
  }
}

TEST_CASE("optim: the same bits for any number of threads and SIMD level; gradients of any layout") {
  const int threads = num_threads();
  const SimdLevel level = simd_level();
  Generator generator(3);
  const Tensor init = randn({7, 331, 5, 9}, generator), g = randn({7, 331, 5, 9}, generator);
  Tensor channels_last_g = empty_channels_last(g.shape(), f32);
  channels_last_g.copy_(g);
  const auto run = [&](const Tensor& gradient) {
    Tensor p = init.clone();
    nn::AdamW optimizer(nn::NamedList{{"p", p.requires_grad_()}}, {.lr = 0.1});
    Tensors gradients{gradient};
    nn::clip_grad_norm_(gradients, 3);
    for (int i = 0; i < 3; ++i) optimizer.step(gradients);
    return p.detach();
  };
  const Tensor expected = run(g);
  CHECK(same_bits(run(channels_last_g), expected));
  set_num_threads(1);
  CHECK(same_bits(run(g), expected));
  set_num_threads(threads);
#if defined(STEIN_LEVELS_X86)
  set_simd_level(SimdLevel::v2);
  CHECK(same_bits(run(g), expected));
  set_simd_level(level);
#else
  (void)level;
#endif
}

TEST_CASE("optim: state names, groups and errors") {
  nn::Linear layer(3, 2);
  nn::Adam adam(layer);
  CHECK(adam.state_dict().empty());
  adam.step({ones({2, 3}), Tensor{}});
  std::vector<std::string> names;
  for (const auto& [name, value] : adam.state_dict()) names.push_back(name);
  CHECK(names == std::vector<std::string>{"weight.exp_avg", "weight.exp_avg_sq", "weight.step"});
  CHECK(adam.state_dict().at("weight.step").item<std::int64_t>() == 1);

  CHECK(error_of([&] {
          adam.step({ones({2, 3})});
        }) == "[optimizer] expected a gradient for each of 2 parameters; got 1");
  const Tensor before = layer.weight.detach().clone();
  CHECK(error_of([&] {
          adam.step({ones({2, 3}), ones({3})});
        }) == "[optimizer] expected a gradient for bias like the parameter, f32 (2,); got f32 (3,)");
  CHECK(error_of([&] {
          adam.step({ones({2, 3}, f64), ones({2})});
        }) == "[optimizer] expected a gradient for weight like the parameter, f32 (2, 3); got f64 (2, 3)");
  CHECK(equal(layer.weight.detach(), before));
  CHECK(error_of([&] { adam.add_group(layer.named_parameters(), {}); }) ==
        "[optimizer] expected each parameter once; got \"weight\" again");
  CHECK(error_of([&] { nn::Adam bad(layer, {.lr = -1}); }) == "[adam] expected lr of at least 0; got -1.000000");
  CHECK(error_of([&] { nn::Adam bad(layer, {.beta2 = 1}); }) ==
        "[adam] expected betas in [0, 1); got 0.900000, 1.000000");
  CHECK(error_of([&] { nn::SGD bad(layer, {.nesterov = true}); }) ==
        "[sgd] expected momentum and no dampening with nesterov; got momentum 0.000000, dampening 0.000000");

  auto state = adam.state_dict();
  state.erase("weight.exp_avg_sq");
  state.emplace("other.step", scalar(1));
  state["weight.exp_avg"] = ones({3, 2});
  CHECK(error_of([&] { adam.load_state_dict(state); }) ==
        "[optimizer.load_state_dict] expected the state of these parameters; got weight.exp_avg f32 (3, 2) for f32 (2, "
        "3), "
        "no weight.exp_avg_sq, unexpected other.step");
  CHECK(adam.state_dict().size() == 3);
}

TEST_CASE("optim: clipping by norm is PyTorch's, and spares shared gradients and those that are not finite") {
  const auto file = golden("optim");
  Tensors g{file.at("gradient0.a").to(f64), file.at("gradient0.b").to(f64), Tensor{}};
  const Tensors before = g;
  CHECK(nn::clip_grad_norm_(g, 1.5) == Approx(file.at("clip.norm").item()).epsilon(1e-14));
  CHECK(error(g[0], file.at("clip.a"), 1) < 1e-15);
  CHECK(error(g[1], file.at("clip.b"), 1) < 1e-15);
  CHECK(nn::clip_grad_norm_(g, 1e6) == Approx(1.5).epsilon(1e-6));
  CHECK(error(g[0], file.at("clip.a"), 1) < 1e-15);

  nn::Linear layer(1, 1);
  Tensor w = layer.weight, b = layer.bias;
  const Tensor shared = full({1}, 3.0);
  w.set_grad(shared.reshape({1, 1}));
  b.set_grad(shared);
  CHECK(nn::clip_grad_norm_(layer, 1) == Approx(std::sqrt(18.0)));
  CHECK(w.grad().item() == Approx(1 / std::sqrt(2.0)).epsilon(1e-5));
  CHECK(b.grad().item() == Approx(1 / std::sqrt(2.0)).epsilon(1e-5));
  CHECK(shared.item() == 3);
  b.set_grad(full({1}, NAN));
  CHECK(std::isnan(nn::clip_grad_norm_(layer, 0.1)));
  CHECK(w.grad().item() == Approx(1 / std::sqrt(2.0)).epsilon(1e-5));
}

TEST_CASE("optim: clipping on sim is the cpu's, with one wait for many gradients of one dtype", "[sim]") {
  const auto gradients = [](const Device& device, bool mixed) {
    Generator g(4);
    Tensors r;
    for (int i = 0; i < 1500; ++i)
      r.push_back(randn({i % 3}, g).to(device));  // more than a launch takes, some of them empty
    r.push_back(randn({2, 3, 40, 50}, g).channels_last().to(device));
    r.push_back(transpose(randn({9, 7}, g)).to(device));
    r.push_back(Tensor{});
    if (mixed) r.push_back(randn({5000}, g, f64).to(device));
    return r;
  };
  for (const bool mixed : {false, true}) {
    Tensors here = gradients(cpu, mixed), there = gradients(simulated, mixed);
    const auto before = detail::device_synchronisations();
    const double norm = nn::clip_grad_norm_(there, 2);
    CHECK(detail::device_synchronisations() - before == (mixed ? 2 : 1));
    CHECK(norm == Approx(nn::clip_grad_norm_(here, 2)).epsilon(1e-12));
    for (std::size_t i = 0; i < here.size(); ++i)
      if (here[i].defined() && !allclose(there[i].to(cpu), here[i], 1e-6, 1e-7)) FAIL(i);
  }
  Tensors bad{full({3}, NAN, f32, simulated)};
  CHECK(std::isnan(nn::clip_grad_norm_(bad, 1)));
}
