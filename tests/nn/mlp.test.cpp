// SPDX-License-Identifier: MIT
#include "nn/mlp.h"

#include <catch2/catch.hpp>

#include "autograd/grad.h"
#include "nn/activation.h"
#include "nn/linear.h"
#include "tests/nn/support.h"

using namespace stein;
using namespace stein::test;

namespace {

struct Case {
  std::string name;
  std::vector<std::int64_t> sizes;
};
const Case kCases[] = {{"mlp_2-16-16-2", {2, 16, 16, 2}}, {"mlp_5-12-12-12-5", {5, 12, 12, 12, 5}}};
const char* const kActivations[] = {"tanh", "softplus", "silu", "elu", "gelu", "gelu-tanh", "relu"};

struct Inputs {
  Tensor x, z, v;
  double sigma;
};

/// Unit cotangents (D, B, D) for all rows of the Jacobian at once.
Tensor unit_rows(const Tensor& x) {
  const auto b = x.size(0), d = x.size(1);
  return eye(d, x.dtype()).reshape({d, 1, d}).expand({d, b, d});
}

/// (D, B, D): [i, b, j] = d s_i / d x_j of sample b.
Tensor jacobian(const Tensor& s, const Tensor& x, bool create_graph) {
  return grad(s, x, {.cotangents = {unit_rows(x)}, .create_graph = create_graph, .batched = 1});
}

/// The losses of tests/data/golden/README.md: means over the batch of sums over dimensions.
Tensor loss_of(const nn::MLP& net, const std::string& name, const Inputs& in) {
  if (name == "dsm") return mean(sum(0.5 * square(net(in.x + in.sigma * in.z) + in.z / in.sigma), {1}));
  Tensor at = name == "implicit_noisy" ? (in.x + in.sigma * in.z) : in.x.clone();
  at.requires_grad_();
  const Tensor s = net(at);
  if (name.starts_with("implicit"))
    return mean(sum(0.5 * square(s), {1}) + sum(jacobian(s, at, true) * unit_rows(at), {0, 2}));
  const Tensor product = grad(sum(s * in.v), at, {.create_graph = true});
  const Tensor first = name == "ssm" ? 0.5 * square(sum(s * in.v, {1})) : sum(0.5 * square(s), {1});
  return mean(first + sum(product * in.v, {1}));
}

/// In f32 three times PyTorch's own error, which may by luck be less than rounding: never below 16 ulps.
double allowed(const Tensor& own, DType dtype) { return dtype == f64 ? 1e-10 : std::max(3 * own.item(), 2e-6); }

}  // namespace

TEST_CASE("mlp: score, Jacobian, losses and gradients are PyTorch's for every activation") {
  for (const auto& c : kCases) {
    const auto file = golden(c.name), weights = golden(c.name + "_weights");
    for (const std::string activation : kActivations)
      for (const DType dtype : {f64, f32}) {
        INFO(c.name << " " << activation << " in " << name_of(dtype));
        nn::MLP net(c.sizes, activation);
        net.to(dtype);
        net.load_state_dict(weights, {.convert = true});
        const Inputs in{file.at("x").to(dtype), file.at("z").to(dtype), file.at("v").to(dtype),
                        file.at("sigma").item()};
        const auto key = [&](const std::string& what) { return activation + "." + what; };

        Tensor x = in.x.clone();
        x.requires_grad_();
        const Tensor s = net(x), J = permute(jacobian(s, x, false), {1, 0, 2});
        const double scale = std::max(largest(file.at(key("score"))), largest(file.at(key("jacobian"))));
        CHECK(error(s, file.at(key("score")), scale) <= allowed(file.at("f32_error." + key("score")), dtype));
        CHECK(error(J, file.at(key("jacobian")), scale) <= allowed(file.at("f32_error." + key("jacobian")), dtype));

        for (const char* name : {"implicit", "implicit_noisy", "ssm", "ssm_vr", "dsm"}) {
          INFO(name);
          const std::string prefix = key(name);
          const Tensor loss = loss_of(net, name, in);
          // Its two terms may nearly cancel: an absolute error too.
          const double value = file.at(prefix + ".loss").item();
          CHECK(std::abs(loss.item() - value) <= (dtype == f64 ? 1e-13 : 2e-6) * (1 + std::abs(value)));
          const auto g = grad({loss}, net.parameters());
          double entry = 0;
          for (const auto& [k, t] : file)
            if (k.starts_with(prefix + ".grad.")) entry = std::max(entry, largest(t));
          for (std::size_t i = 0; i < g.size(); ++i) {
            const std::string parameter = net.named_parameters()[i].first;
            INFO(parameter);
            CHECK(error(g[i], file.at(prefix + ".grad." + parameter), entry) <=
                  allowed(file.at("f32_error." + prefix + ".grad"), dtype));
          }
        }
      }
  }
}

TEST_CASE("mlp: names, copies and errors") {
  Generator generator(1);
  nn::MLP net({2, 8, 3}, "silu", generator);
  std::vector<std::string> names;
  for (const auto& [name, p] : net.named_parameters()) names.push_back(name);
  CHECK(names == std::vector<std::string>{"0.weight", "0.bias", "2.weight", "2.bias"});
  const nn::MLP copy = net;  // a copy, not a Sequential that holds one
  const nn::Sequential base = net;
  CHECK(copy.named_parameters()[0].first == "0.weight");
  CHECK(base.named_parameters()[0].first == "0.weight");
  const Tensor x = ones({4, 2});
  CHECK(equal(copy(x), net(x)));
  CHECK(equal(base(x), net(x)));
  const nn::Sequential by_hand(nn::Linear(2, 8), nn::SiLU(), nn::Linear(8, 3));
  nn::Sequential same = by_hand;
  same.load_state_dict(net.state_dict());
  CHECK(equal(by_hand(x), net(x)));
  const nn::Sequential nested(net, nn::Tanh());
  CHECK(nested.named_parameters()[0].first == "0.0.weight");

  CHECK(error_of([] { nn::MLP bad({2}, "tanh"); }) == "[mlp] expected at least two sizes; got 1");
  CHECK(error_of([] { nn::MLP bad({2, 0, 2}, "tanh"); }) == "[linear] expected sizes of at least 1; got (0, 2)");
  CHECK(error_of([] {
          nn::MLP bad({2, 3, 2}, "swish");
        }) == "[activation] expected one of tanh, softplus, silu, elu, gelu, gelu-tanh, relu, sigmoid; got 'swish'");
  CHECK(error_of([&] { net(ones({4, 3})); }) == "[linear] expected x (..., 2); got f32 (4, 3)");
}
