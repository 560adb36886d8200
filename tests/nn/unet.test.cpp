// SPDX-License-Identifier: MIT
#include "nn/unet.h"

#include <catch2/catch.hpp>

#include "autograd/calculus/check.h"
#include "autograd/grad.h"
#include "nn/optim.h"
#include "tests/nn/support.h"
#include "tests/support/temp_dir.h"

using namespace stein;
using namespace stein::test;

namespace {

nn::UNetOptions tiny() {
  return {.width = 2, .multipliers = {1, 2}, .attention = true, .groups = 2, .condition{nn::TimeFeatures::sinusoidal}};
}

/// Gives the zeros of the start something to say.
void stir(nn::UNet& net, Generator& g) {
  NoGrad guard;
  for (Tensor p : net.parameters()) p.copy_(p + 0.2 * randn(p.shape(), g, p.dtype()));
}

}  // namespace

TEST_CASE("unet: shapes, also of odd sizes, small ones and none; channels-last") {
  Generator g(1);
  const nn::UNet net({.channels = 3, .width = 4, .multipliers = {1, 1, 2}, .blocks = 2, .groups = 2}, g);
  for (const auto& size : {Shape{2, 3, 8, 8}, Shape{1, 3, 7, 9}, Shape{2, 3, 1, 5}, Shape{0, 3, 8, 8}}) {
    INFO(to_string(size));
    const Tensor s = net(randn(size, g), ones({size[0]}));
    CHECK(s.shape() == size);
    CHECK((size[0] == 0 || size[2] == 1 || s.is_channels_last()));
  }
  const nn::UNet unconditional({.width = 4, .multipliers = {2}, .groups = 2, .condition = {}}, g);
  CHECK(unconditional(ones({2, 1, 4, 4})).shape() == Shape{2, 1, 4, 4});
  for (const auto& [name, p] : unconditional.named_parameters()) CHECK(name.find("embed") == std::string::npos);
}

TEST_CASE("unet: the first result is 0, and training moves it off") {
  Generator g(2), again(2);
  const nn::UNet net(tiny(), g), twin(tiny(), again);
  for (const auto& [name, p] : net.state_dict()) CHECK(equal(p, twin.state_dict().at(name)));  // seeded
  const auto state = net.state_dict();
  for (const char* name : {"down.0.blocks.0.conv2.weight", "attention.proj.weight", "conv_out.weight"})
    CHECK(largest(state.at(name)) == 0);
  CHECK(largest(state.at("down.0.blocks.0.conv1.weight")) > 0);
  const Tensor x = randn({4, 1, 6, 6}, g), t = from_vector<float>({1, 10, 100, 900}, {4});
  CHECK(largest(net(x, t)) == 0);
  nn::Adam adam(net, {.lr = 2e-2});
  const auto loss = [&] { return mean(square(net(x, t) + x)); };
  const double before = loss().item();
  for (int step = 0; step < 60; ++step) {
    loss().backward();
    adam.step();
    adam.zero_grad();
  }
  INFO(before << " -> " << loss().item());
  CHECK(loss().item() < 0.3 * before);
}

TEST_CASE("unet: samples stay apart, time and class matter, dropout in training only") {
  Generator g(3);
  nn::UNetOptions o = tiny();
  o.condition.classes = 3;
  o.dropout = 0.5;
  nn::UNet net(o, g);
  stir(net, g);
  const Tensor x = randn({3, 1, 6, 5}, g), t = from_vector<float>({1, 20, 300}, {3});
  CHECK_FALSE(equal(net(x, t), net(x, t)));
  net.eval();
  const Tensor s = net(x, t);
  CHECK(equal(s, net(x, t)));
  CHECK(allclose(narrow(s, 0, 1, 1), net(narrow(x, 0, 1, 1), narrow(t, 0, 1, 1)), 1e-5, 1e-6));
  CHECK_FALSE(allclose(s, net(x, t + 50), 1e-3, 1e-3));
  CHECK_FALSE(allclose(s, net(x, t, zeros({3}, i64)), 1e-3, 1e-3));
  CHECK(equal(s, net(x, t, full({3}, 3, i64))));  // the null label
}

TEST_CASE("unet: derivatives of orders 1 to 3 in x, t and parameters") {
  Generator g(4);
  nn::UNet net(tiny(), g);
  net.to(f64);
  stir(net, g);
  const Tensor x = randn({2, 1, 5, 3}, g, f64), t = from_vector<double>({0.4, 1.3}, {2});
  const auto r = check_grads([&](const Tensors& in) { return Tensors{net(in[0], in[1])}; }, {x, t});
  INFO(r.to_string());
  CHECK(r.ok());

  // In the parameters: the gradient of SSM-VR's loss, third order in all, against a central difference along a direction.
  const Tensor v = randn(x.shape(), g, f64);
  const auto loss = [&] {
    Tensor at = x.clone().requires_grad_();
    const Tensor s = net(at, t);
    return sum(0.5 * square(s) + grad(sum(s * v), at, {.create_graph = true}) * v);
  };
  const auto parameters = net.parameters();
  const auto gradient = grad({loss()}, parameters);
  Tensors direction;
  for (const auto& p : parameters) direction.push_back(randn(p.shape(), g, f64));
  const auto moved = [&](double h) {
    {
      NoGrad guard;
      for (std::size_t i = 0; i < parameters.size(); ++i) {
        Tensor p = parameters[i];
        p.copy_(p + h * direction[i]);
      }
    }
    return loss().item();
  };
  const double h = 1e-5, up = moved(h), down = moved(-2 * h);
  double expected = 0, scale = 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const double term = sum(gradient[i] * direction[i]).item();
    expected += term, scale += std::abs(term);
  }
  CHECK(std::abs((up - down) / (2 * h) - expected) < 1e-7 * scale);
}

TEST_CASE("unet: files and errors") {
  Generator g(5);
  nn::UNet net(tiny(), g), other(tiny(), g);
  stir(net, g);
  TempDir dir;
  save_safetensors(dir / "w.safetensors", net.state_dict());
  other.load_state_dict(load_safetensors(dir / "w.safetensors"));
  const Tensor x = randn({2, 1, 4, 4}, g), t = ones({2});
  CHECK(equal(net(x, t), other(x, t)));

  CHECK(error_of([&] { net(ones({2, 2, 4, 4}), t); }) == "[unet] expected x f32 (B, 1, H, W); got f32 (2, 2, 4, 4)");
  CHECK(error_of([&] { net(ones({2, 1, 4}), t); }) == "[unet] expected x f32 (B, 1, H, W); got f32 (2, 1, 4)");
  CHECK(error_of([&] {
          net(ones({2, 1, 4, 4}, f64), t);
        }) == "[unet] expected x f32 (B, 1, H, W); got f64 (2, 1, 4, 4)");
  CHECK(error_of([&] { net(ones({2, 1, 0, 4}), t); }) == "[unet] expected x f32 (B, 1, H, W); got f32 (2, 1, 0, 4)");
  CHECK(error_of([&] { net(x); }) == "[unet] expected t (B); got none; the network was built with time or levels");
  CHECK(error_of([] { nn::UNet bad({.width = 12}); }) ==
        "[unet] expected groups that divide the channels of every resolution; got 8 groups, 12 channels");
  CHECK(error_of([] {
          nn::UNet bad({.multipliers = {1, 0}});
        }) == "[unet] expected channels, width, blocks and multipliers of at least 1; got 1, 32, 1; 1, 0");
  CHECK(error_of([] { nn::UNet bad({.dropout = 1}); }).starts_with("[dropout] expected a probability"));
}
