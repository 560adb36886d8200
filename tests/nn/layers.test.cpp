// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "autograd/calculus/checkpoint.h"
#include "autograd/grad.h"
#include "nn/activation.h"
#include "nn/conv.h"
#include "nn/dropout.h"
#include "nn/embedding.h"
#include "nn/init.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "nn/sequential.h"
#include "tests/nn/support.h"

using namespace stein;
using namespace stein::test;

namespace {

double deviation(const Tensor& t) { return std::sqrt(mean(square(t.detach())).item()); }

template <class Layer>
std::string parameters(const Layer& layer) {
  std::string text;
  for (const auto& [name, p] : layer.named_parameters()) text += name + " " + to_string(p.shape()) + " ";
  return text;
}

}  // namespace

TEST_CASE("layers: parameters have PyTorch's names and shapes") {
  CHECK(parameters(nn::Linear(3, 5)) == "weight (5, 3) bias (5,) ");
  CHECK(parameters(nn::Linear(3, 5, false)) == "weight (5, 3) ");
  CHECK(parameters(nn::Conv2d(4, 6, 3, {.groups = 2})) == "weight (6, 2, 3, 3) bias (6,) ");
  CHECK(parameters(nn::ConvTranspose2d(4, 6, 5, {.groups = 2})) == "weight (4, 3, 5, 5) bias (6,) ");
  CHECK(parameters(nn::LayerNorm({4, 7})) == "weight (4, 7) bias (4, 7) ");
  CHECK(parameters(nn::LayerNorm({4}, 1e-5, false)).empty());
  CHECK(parameters(nn::GroupNorm(2, 6)) == "weight (6,) bias (6,) ");
  CHECK(parameters(nn::InstanceNorm2d(6)).empty());
  CHECK(parameters(nn::InstanceNorm2d(6, 1e-5, true)) == "weight (6,) bias (6,) ");
  CHECK(parameters(nn::Embedding(9, 4)) == "weight (9, 4) ");
}

TEST_CASE("layers: each is its op") {
  Generator generator(3);
  const Tensor x = randn({2, 4, 6, 5}, generator), rows = randn({3, 2, 4}, generator);
  const nn::Linear linear(4, 3, true, generator);
  CHECK(allclose(linear(rows), einsum("abi,oi->abo", {rows, linear.weight}) + linear.bias, 1e-5, 1e-6));
  const nn::Conv2d conv(4, 6, 3, {.stride = 2, .padding = 1, .dilation = 1, .groups = 2}, true, generator);
  CHECK(equal(conv(x), conv2d(x, conv.weight, conv.bias, {.stride = 2, .padding = 1, .dilation = 1, .groups = 2})));
  CHECK(conv(x).shape() == Shape{2, 6, 3, 3});
  const nn::ConvTranspose2d up(4, 2, 3, {.stride = 2, .padding = 1}, 1, true, generator);
  CHECK(up(x).shape() == Shape{2, 2, 12, 10});
  CHECK(equal(up(x), conv_transpose2d(x, up.weight, up.bias, {.stride = 2, .padding = 1}, 1)));
  const nn::LayerNorm layer({6, 5});
  CHECK(equal(layer(x), layer_norm(x, 2, layer.weight, layer.bias)));
  const nn::GroupNorm group(2, 4);
  CHECK(equal(group(x), group_norm(x, 2, group.weight, group.bias)));
  CHECK(equal(nn::InstanceNorm2d(4)(x), instance_norm(x)));
  const nn::Embedding table(5, 4, generator);
  const Tensor index = from_vector<std::int64_t>({4, 0, 4}, {3});
  CHECK(equal(table(index), index_select(table.weight, 0, index)));
  CHECK(equal(nn::ELU(0.5)(x), elu(x, 0.5)));
  CHECK(equal(nn::LeakyReLU(0.2)(x), leaky_relu(x, 0.2)));
  CHECK(equal(nn::Activation("gelu-tanh")(x), gelu_tanh(x)));
  CHECK(equal(nn::GELU()(x), gelu(x)));
  for (const auto& name : nn::activation_names()) CHECK(nn::Activation(name)(x).shape() == x.shape());
}

TEST_CASE("layers: dropout works in training only, and train() reaches it through the tree") {
  Generator generator(9);
  nn::Sequential net(nn::Linear(4, 4), nn::Sequential(nn::Dropout(0.25, generator)));
  const nn::Dropout dropout(0.25, generator);
  const Tensor x = ones({100, 100});
  const Tensor y = dropout(x);
  double zeroed = 0;
  for (const float v : y.to_vector<float>()) {
    CHECK((v == 0 || v == Approx(1 / 0.75)));
    zeroed += v == 0;
  }
  CHECK(zeroed / 1e4 == Approx(0.25).margin(0.02));
  const Tensor in = ones({8, 4});
  CHECK_FALSE(equal(net(in), net(in)));
  net.eval();
  CHECK_FALSE(net.is_training());
  CHECK(equal(net(in), net(in)));
  net.train();
  CHECK_FALSE(equal(net(in), net(in)));
  CHECK(error_of([] { nn::Dropout bad(1); }) == "[dropout] expected a probability in [0, 1); got 1.000000");
}

TEST_CASE("layers: dropout inside checkpoint() has the derivative of its own mask, or none") {
  const Tensor x = ones({100}).requires_grad_();
  const nn::Dropout dropout(0.5);
  const Tensor y = checkpoint([&](const Tensor& t) { return dropout(t); }, x);
  CHECK(equal(grad(sum(y), x), y.detach()));
  Generator generator(1);
  const nn::Dropout other(0.5, generator);
  const Tensor z = checkpoint([&](const Tensor& t) { return other(t); }, x);
  CHECK(error_of([&] { grad(sum(z), x); }) ==
        "[dropout] expected to draw from default_generator() inside checkpoint(); got a generator of its own; only the "
        "default one draws the same mask again for the derivative");
}

TEST_CASE("layers: errors") {
  CHECK(error_of([] { nn::Conv2d bad(4, 6, 3, {.groups = 3}); }) ==
        "[conv2d] expected groups that divide the channels; got 4 in 3 groups");
  CHECK(error_of([] { nn::Conv2d bad(4, 6, 0); }) == "[conv2d] expected sizes of at least 1; got (6, 4, 0, 0)");
  CHECK(error_of([] { nn::GroupNorm bad(4, 6); }) ==
        "[group_norm] expected groups that divide the channels; got 6 in 4 groups");
  CHECK(error_of([] {
          nn::LayerNorm({3})(ones({3, 4}));
        }) == "[layer_norm] expected x whose last sizes are (3,); got f32 (3, 4)");
  CHECK(error_of([] {
          nn::InstanceNorm2d(3)(ones({2, 4, 5, 5}));
        }) == "[instance_norm] expected x (N, 3, H, W); got f32 (2, 4, 5, 5)");
}

TEST_CASE("init: distributions are those of PyTorch") {
  Generator g(11);
  Tensor w = empty({40, 20, 3, 3});  // fan_in 180, fan_out 360
  CHECK(nn::init::fans(w).in == 180);
  CHECK(nn::init::fans(w).out == 360);
  const auto uniform_within = [&](double bound) {
    CHECK(largest(w) <= bound);
    CHECK(largest(w) > 0.995 * bound);
    CHECK(deviation(w) == Approx(bound / std::sqrt(3.0)).epsilon(0.02));
  };
  nn::init::xavier_uniform_(w, g, 2);
  uniform_within(2 * std::sqrt(6.0 / 540));
  nn::init::kaiming_uniform_(w, g);
  uniform_within(std::sqrt(6.0 / 180));
  nn::init::xavier_normal_(w, g);
  CHECK(deviation(w) == Approx(std::sqrt(2.0 / 540)).epsilon(0.03));
  nn::init::kaiming_normal_(w, g, 1);
  CHECK(deviation(w) == Approx(std::sqrt(1.0 / 180)).epsilon(0.03));
  nn::init::uniform_(w, 2, 3, g);
  CHECK((amin(w).item() >= 2 && amax(w).item() < 3));
  nn::init::constant_(w, 4);
  CHECK(equal(w, full(w.shape(), 4)));
  CHECK(nn::init::gain("tanh") == Approx(5.0 / 3));
  CHECK(error_of([] { nn::init::gain("swish"); }) ==
        "[init] expected linear, sigmoid, tanh, relu or leaky_relu; got swish");
  CHECK(error_of([&] { nn::init::kaiming_uniform_(ones({3}), g); }) ==
        "[init] expected a weight of rank 2 or more (out, in, ...); got f32 (3,)");

  // Layers: weight and bias within 1/sqrt(fan_in), from the generator that is given.
  Generator a(5), b(5);
  const nn::Linear first(64, 200, true, a), second(64, 200, true, b);
  CHECK(equal(first.weight.detach(), second.weight.detach()));
  CHECK(equal(first.bias.detach(), second.bias.detach()));
  for (const Tensor& t : {first.weight, first.bias}) {
    CHECK(largest(t) <= 0.125);
    CHECK(largest(t) > 0.12);
  }
  const nn::ConvTranspose2d up(4, 25, 4, {}, 0, true, a);  // PyTorch takes fan_in from axis 1: 25 * 16
  CHECK(largest(up.weight) <= 0.05);
  CHECK(largest(up.weight) > 0.049);
  CHECK(deviation(nn::Embedding(100, 100, a).weight) == Approx(1).epsilon(0.03));
}
