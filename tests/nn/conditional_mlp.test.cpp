// SPDX-License-Identifier: MIT
#include "nn/conditional_mlp.h"

#include <catch2/catch.hpp>

#include "autograd/calculus/check.h"
#include "nn/energy_mlp.h"
#include "nn/mlp.h"
#include "tests/nn/support.h"
#include "tests/support/temp_dir.h"

using namespace stein;
using namespace stein::test;

namespace {

template <class Net>
std::string names(const Net& net) {
  std::string text;
  for (const auto& [name, p] : net.named_parameters()) text += name + " " + to_string(p.shape()) + "; ";
  return text;
}

}  // namespace

TEST_CASE("conditional MLP: names, widths, and nothing but an MLP without conditions") {
  Generator g(1);
  const nn::ConditionalMLP net({.dimension = 3, .hidden = {4, 5}, .condition = {.levels = 7, .width = 6}}, g);
  CHECK(names(net) ==
        "condition.levels.weight (7, 6); layers.0.weight (4, 3); layers.0.bias (4,); layers.1.weight (5, 4); "
        "layers.1.bias (5,); embeddings.0.weight (4, 6); embeddings.1.weight (5, 6); output.weight (3, 5); "
        "output.bias (3,); ");
  const nn::ConditionalMLP classifier({.outputs = 9, .condition = {.time = nn::TimeFeatures::sinusoidal}}, g);
  CHECK(classifier(ones({4, 2}), ones({4})).shape() == Shape{4, 9});
  CHECK(classifier(ones({0, 2}), ones({0})).shape() == Shape{0, 9});

  const nn::ConditionalMLP plain({.hidden = {8, 8}, .activation = "tanh"}, g);
  nn::MLP mlp({2, 8, 8, 2}, "tanh", g);
  const auto s = plain.state_dict();
  mlp.load_state_dict({{"0.weight", s.at("layers.0.weight")},
                       {"0.bias", s.at("layers.0.bias")},
                       {"2.weight", s.at("layers.1.weight")},
                       {"2.bias", s.at("layers.1.bias")},
                       {"4.weight", s.at("output.weight")},
                       {"4.bias", s.at("output.bias")}});
  const Tensor x = randn({5, 2}, g);
  CHECK(equal(plain(x), mlp(x)));
}

TEST_CASE("conditional MLP: the condition matters to its sample alone; residual layers add") {
  Generator g(2), a(3), b(3);
  const nn::ConditionOptions condition{.time = nn::TimeFeatures::sinusoidal, .classes = 2};
  const nn::ConditionalMLP net({.hidden = {8, 8}, .residual = true, .condition = condition}, a);
  const nn::ConditionalMLP twin({.hidden = {8, 8}, .residual = false, .condition = condition}, b);
  for (const auto& [name, p] : net.state_dict()) CHECK(equal(p, twin.state_dict().at(name)));  // seeded
  const Tensor x = randn({3, 2}, g), t = from_vector<float>({1, 2, 3}, {3});
  const Tensor s = net(x, t);
  CHECK_FALSE(allclose(s, twin(x, t), 1e-3, 1e-3));
  CHECK(equal(net(x, t), s));
  const Tensor moved = net(x, from_vector<float>({1, 9, 3}, {3})) - s;
  CHECK(largest(moved[0]) == 0);
  CHECK(largest(moved[1]) > 1e-4);
  CHECK(largest(moved[2]) == 0);
  CHECK(largest(net(x, t, from_vector<std::int64_t>({0, 1, 2}, {3})) - s) >
        1e-4);  // 2 is the null label of the default
  CHECK(largest((net(x, t, full({3}, 2, i64)) - s)) == 0);
}

TEST_CASE("conditional MLP: derivatives of orders 1 to 3, files, errors") {
  Generator g(4);
  nn::ConditionalMLP net(
      {.dimension = 3,
       .hidden = {5, 5},
       .residual = true,
       .condition =
           {.time = nn::TimeFeatures::log_fourier, .classes = 2, .features = 4, .width = 4, .fourier_scale = 0.3}},
      g);
  TempDir dir;
  save_safetensors(dir / "w.safetensors", net.state_dict());
  nn::ConditionalMLP other(net.options(), g);
  const Tensor at = randn({2, 3}, g), t = from_vector<float>({0.5, 2}, {2});
  CHECK_FALSE(equal(other(at, t), net(at, t)));
  other.load_state_dict(load_safetensors(dir / "w.safetensors"));
  CHECK(equal(other(at, t), net(at, t)));

  net.to(f64);
  const Tensor label = from_vector<std::int64_t>({1, 0}, {2});
  const auto r =
      check_grads([&](const Tensors& in) { return Tensors{net(in[0], in[1], label)}; }, {at.to(f64), t.to(f64)});
  INFO(r.to_string());
  CHECK(r.ok());

  CHECK(error_of([&] { net(ones({2, 3}), t); }) == "[conditional_mlp] expected x f64 (B, 3); got f32 (2, 3)");
  CHECK(error_of([&] { net(ones({2, 4}, f64), t); }) == "[conditional_mlp] expected x f64 (B, 3); got f64 (2, 4)");
  CHECK(error_of([&] { net(ones({2, 3}, f64)); }).starts_with("[conditional_mlp] expected t (B); got none"));
  CHECK(error_of([] { nn::ConditionalMLP bad({.hidden = {}}); }) ==
        "[conditional_mlp] expected at least one hidden layer; got none");
  CHECK(error_of([] {
          nn::ConditionalMLP bad({.hidden = {4, 0}});
        }) == "[conditional_mlp] expected hidden layers of at least 1; got 0");
  CHECK(error_of([] { nn::ConditionalMLP bad({.activation = "swish"}); }).starts_with("[activation] expected one of"));
  CHECK(error_of([] { nn::ConditionalMLP bad({.dimension = 0}); }) ==
        "[conditional_mlp] expected a dimension and outputs of at least 1; got 0, 0");
}

TEST_CASE("energy MLP: an MLP with one output, derivatives to order 3, no relu") {
  Generator g(5);
  nn::EnergyMLP f(3, {6, 5}, "softplus", g);
  CHECK(names(f) == "0.weight (6, 3); 0.bias (6,); 2.weight (5, 6); 2.bias (5,); 4.weight (1, 5); 4.bias (1,); ");
  nn::MLP mlp({3, 6, 5, 1}, "softplus", g);
  mlp.load_state_dict(f.state_dict());
  const Tensor x = randn({4, 3}, g);
  CHECK(f(x).shape() == Shape{4});
  CHECK(equal(f(x), reshape(mlp(x), {4})));
  f.to(f64);
  const auto r = check_grads([&](const Tensor& at) { return f(at); }, x.to(f64));
  INFO(r.to_string());
  CHECK(r.ok());
  CHECK(error_of([&] { f(ones({4, 2}, f64)); }) == "[energy_mlp] expected x (B, 3); got f64 (4, 2)");
  CHECK(error_of([] { nn::EnergyMLP bad(2, {4}, "relu"); }) ==
        "[energy_mlp] expected an activation with a second derivative; got relu; the trace of -grad f would be 0 "
        "everywhere; softplus, silu and tanh are smooth");
}
