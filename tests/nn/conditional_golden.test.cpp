// SPDX-License-Identifier: MIT
// The conditional networks against PyTorch: names, scores, two losses and every parameter's gradient.
#include <catch2/catch.hpp>

#include "autograd/grad.h"
#include "nn/conditional_mlp.h"
#include "nn/unet.h"
#include "tests/nn/support.h"

using namespace stein;
using namespace stein::test;

namespace {

/// At x~ = x + z / 2: 1/2 |s + 2 z|^2 (dsm) or 1/2 |s|^2 + v^T J v (ssm_vr), means over the batch.
template <class Net>
Tensor loss_of(const Net& net, const std::string& name, const NamedTensors& in, DType dtype, const Tensor& t,
               const Tensor& label) {
  const Tensor z = in.at("z").to(dtype), v = in.at("v").to(dtype);
  Tensor noisy = (in.at("x").to(dtype) + 0.5 * z).requires_grad_();
  const Tensor s = net(noisy, t, label);
  const auto batch = static_cast<double>(z.size(0));
  if (name == "dsm") return sum(0.5 * square(s + 2 * z)) / batch;
  return sum(0.5 * square(s) + grad(sum(s * v), noisy, {.create_graph = true}) * v) / batch;
}

template <class Net>
void check(Net net, const std::string& name) {
  const auto file = golden(name), weights = golden(name + "_weights");
  for (const DType dtype : {f64, f32}) {
    INFO(name << " in " << name_of(dtype));
    net.to(dtype);
    net.load_state_dict(weights, {.convert = true});  // strict: the names are PyTorch's
    const auto allowed = [&](const std::string& key) {
      // f32: the planes are small, so that a norm's division by a deviation magnifies rounding, which differs with the SIMD level.
      return dtype == f64 ? 1e-10 : std::max(10 * file.at("f32_error." + key).item(), 2e-5);
    };
    const Tensor t = file.at("t").dtype() == i64 ? file.at("t") : file.at("t").to(dtype);
    const Tensor label = file.count("label") ? file.at("label") : Tensor{};
    const Tensor s = net(file.at("x").to(dtype), t, label);
    CHECK(error(s, file.at("score"), largest(file.at("score"))) <= allowed("score"));
    for (const std::string loss : {"dsm", "ssm_vr"}) {
      INFO(loss);
      const Tensor value = loss_of(net, loss, file, dtype, t, label);
      const double expected = file.at(loss + ".loss").item();
      CHECK(std::abs(value.item() - expected) <= (dtype == f64 ? 1e-12 : 1e-5) * (1 + std::abs(expected)));
      double largest_entry = 0;
      for (const auto& [key, g] : file)
        if (key.starts_with(loss + ".grad.")) largest_entry = std::max(largest_entry, largest(g));
      const auto names = net.named_parameters();
      const auto gradients = grad({value}, net.parameters());
      for (std::size_t i = 0; i < gradients.size(); ++i) {
        INFO(names[i].first);
        CHECK(error(gradients[i], file.at(loss + ".grad." + names[i].first), largest_entry) <= allowed(loss + ".grad"));
      }
    }
  }
}

}  // namespace

TEST_CASE("unet: score, losses and gradients are PyTorch's") {
  Generator g(1);
  check(nn::UNet({.width = 2,
                  .multipliers = {1, 2},
                  .attention = true,
                  .groups = 2,
                  .condition = {.time = nn::TimeFeatures::sinusoidal, .classes = 2, .features = 4, .width = 6}},
                 g),
        "unet_attention");
  check(nn::UNet({.channels = 2, .width = 2, .groups = 1, .condition = {.levels = 5, .width = 4}}, g), "unet_levels");
}

TEST_CASE("conditional MLP: score, losses and gradients are PyTorch's") {
  Generator g(1);
  check(nn::ConditionalMLP(
            {.dimension = 3,
             .hidden = {6, 8, 8},
             .residual = true,
             .condition = {.time = nn::TimeFeatures::log_fourier, .classes = 2, .features = 4, .width = 5}},
            g),
        "conditional_mlp");
}
