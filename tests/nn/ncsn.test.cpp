// SPDX-License-Identifier: MIT
#include "nn/ncsn.h"

#include <catch2/catch.hpp>

#include "autograd/grad.h"
#include "autograd/node.h"
#include "nn/time_embedding.h"
#include "tests/nn/support.h"

using namespace stein;
using namespace stein::test;

namespace {

struct Case {
  std::string name;
  std::int64_t channels;
};
const Case kCases[] = {{"ncsn_28x28x1", 1}, {"ncsn_32x32x3", 3}};

nn::NCSN make(const Case& c, DType dtype, const Device& device = cpu) {
  nn::NCSN net({.channels = c.channels, .ngf = 8, .levels = 10});
  net.to(dtype);
  net.load_state_dict(golden(c.name + "_weights"), {.convert = true});
  net.to(device);
  return net;
}

/// Allowed error: 1e-10 in f64; in f32 three times PyTorch's own, and never below a few ulps.
double allowed(const NamedTensors& file, const std::string& key, DType dtype) {
  return dtype == f64 ? 1e-10 : 3 * file.at("f32_error." + key).item();
}

struct Inputs {
  Tensor x, y, z, v, sigma;  // sigma (B, 1, 1, 1)
  Inputs(const NamedTensors& file, DType dtype, const Device& device = cpu)
      : x(file.at("x").to(dtype).to(device)),
        y(file.at("y").to(device)),
        z(file.at("z").to(dtype).to(device)),
        v(file.at("v").to(dtype).to(device)),
        sigma(reshape(index_select(file.at("sigmas").to(device), 0, y).to(dtype), {y.size(0), 1, 1, 1})) {}
};

/// Mean over the batch of sigma^2 1/2 |s + z / sigma|^2.
Tensor dsm(const nn::NCSN& net, const Inputs& in) {
  const Tensor r = in.sigma * net(in.x + in.sigma * in.z, in.y) + in.z;
  return mean(sum(0.5 * square(r), {1, 2, 3}));
}

/// Mean over the batch of sigma^2 (1/2 |s|^2 + v^T J v).
Tensor ssm_vr(const nn::NCSN& net, const Inputs& in) {
  Tensor noisy = in.x + in.sigma * in.z;
  noisy.requires_grad_();
  const Tensor s = net(noisy, in.y);
  const Tensor product = grad(sum(s * in.v), noisy, {.create_graph = true});
  return mean(sum(square(in.sigma) * (0.5 * square(s) + product * in.v), {1, 2, 3}));
}

void check_loss(const Case& c, const std::string& name, Tensor (*loss)(const nn::NCSN&, const Inputs&),
                const std::vector<DType>& dtypes = {f64, f32}, const Device& device = cpu) {
  const auto file = golden(c.name);
  double largest_entry = 0;
  for (const auto& [key, value] : file)
    if (key.starts_with(name + ".grad.")) largest_entry = std::max(largest_entry, largest(value));
  for (const DType dtype : dtypes) {
    const nn::NCSN net = make(c, dtype, device);
    const Tensor value = loss(net, Inputs(file, dtype, device)).to(cpu);
    INFO(c.name << " " << name << " in " << name_of(dtype) << " on " << to_string(device));
    const Tensor& expected = file.at(name + ".loss");
    CHECK(error(value, expected, largest(expected)) <=
          std::max(allowed(file, name + ".loss", dtype), dtype == f64 ? 0 : 1e-6));
    const auto gradients = grad({value}, net.parameters());
    double worst = 0;
    std::string where;
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      const std::string parameter = net.named_parameters()[i].first;
      const double e = error(gradients[i].to(cpu), file.at(name + ".grad." + parameter), largest_entry);
      if (e >= worst) worst = e, where = parameter;
    }
    INFO("worst gradient: " << where << ", PyTorch's own f32 error " << file.at("f32_error." + name + ".grad").item());
    CHECK(worst <= allowed(file, name + ".grad", dtype));
  }
}

}  // namespace

TEST_CASE("ncsn: names, shapes and number of parameters are the published ones") {
  nn::NCSN net;
  CHECK(net.named_parameters().size() == 173);
  CHECK(net.num_parameters() == 7638657);
  for (const auto& c : kCases) {
    nn::NCSN small({.channels = c.channels, .ngf = 8, .levels = 10});
    const auto file = golden(c.name + "_weights");
    const auto own = small.named_parameters();
    CHECK(own.size() == file.size());
    for (const auto& [name, p] : own) {
      INFO(name);
      REQUIRE(file.count(name) == 1);
      CHECK(file.at(name).shape() == p.shape());
    }
  }
  const auto list = net.named_parameters();
  CHECK(list[0].first == "begin_conv.weight");
  CHECK(list[2].first == "normalizer.embed.weight");
  CHECK(list[5].first == "res1.0.conv1.weight");
  CHECK(list[7].first == "res1.0.normalize2.embed.weight");
  CHECK(list[172].first == "refine4.crp.norms.1.embed.weight");
}

TEST_CASE("ncsn: initial values are the published ones") {
  Generator generator(5);
  nn::NCSN net({.channels = 1, .ngf = 16, .levels = 10}, generator);
  const auto state = net.state_dict();
  const Tensor embed = state.at("res2.0.normalize2.embed.weight");  // (10, 48)
  CHECK(largest(embed["..., 32:"]) == 0);
  const Tensor scale = embed["..., :32"];
  CHECK(std::abs(mean(scale).item() - 1) < 0.005);
  CHECK(std::sqrt(mean(square(scale - 1)).item()) == Approx(0.02).epsilon(0.15));
  const Tensor weight = state.at("res3.0.conv1.weight");  // fan_in 32 * 9
  const double bound = 1 / std::sqrt(32.0 * 9);
  CHECK(largest(weight) <= bound);
  CHECK(largest(weight) > 0.99 * bound);
  CHECK(std::sqrt(mean(square(weight)).item()) == Approx(bound / std::sqrt(3.0)).epsilon(0.03));
  Generator again(5);
  const auto twin = nn::NCSN({.channels = 1, .ngf = 16, .levels = 10}, again).state_dict();
  for (const auto& [name, value] : state) CHECK(equal(value, twin.at(name)));
}

TEST_CASE("ncsn: the score is PyTorch's, in both layouts") {
  for (const auto& c : kCases)
    for (const DType dtype : {f64, f32}) {
      const auto file = golden(c.name);
      const nn::NCSN net = make(c, dtype);
      const Tensor x = file.at("x").to(dtype);
      INFO(c.name << " in " << name_of(dtype));
      const Tensor score = net(x, file.at("y"));
      CHECK(error(score, file.at("score"), largest(file.at("score"))) <= allowed(file, "score", dtype));
      CHECK(score.is_channels_last());
      CHECK(equal(net(channels_last(x), file.at("y")), score));
    }
}

TEST_CASE("ncsn: the denoising loss and all its gradients are PyTorch's", "[slow]") {
  for (const auto& c : kCases) check_loss(c, "dsm", dsm);
}

TEST_CASE("ncsn: the sliced loss (SSM-VR) and all its gradients are PyTorch's", "[slow]") {
  for (const auto& c : kCases) check_loss(c, "ssm_vr", ssm_vr);
}

TEST_CASE("ncsn: PyTorch's losses and gradients in f32 on sim, convolutions by the double of cuDNN", "[slow]") {
  check_loss(kCases[0], "dsm", dsm, {f32}, simulated);
  check_loss(kCases[0], "ssm_vr", ssm_vr, {f32}, simulated);
}

TEST_CASE("ncsn: recomputed blocks give the same losses and gradients in less memory", "[slow]") {
  const auto file = golden("ncsn_28x28x1");
  const auto weights = golden("ncsn_28x28x1_weights");
  for (const auto loss : {dsm, ssm_vr}) {
    std::vector<Tensors> results;
    std::vector<std::int64_t> bytes;
    for (const bool recompute : {false, true}) {
      nn::NCSN net({.channels = 1, .ngf = 8, .levels = 10, .recompute = recompute});
      net.to(f64);
      net.load_state_dict(weights, {.convert = true});
      const Inputs in(file, f64);
      const auto before = memory_stats().live_bytes;
      reset_peak_memory();
      const Tensor value = loss(net, in);
      Tensors r = grad({value}, net.parameters());
      bytes.push_back(memory_stats().peak_bytes - before);
      r.push_back(value.detach());
      results.push_back(std::move(r));
    }
    double scale = 0;
    for (const auto& g : results[0]) scale = std::max(scale, largest(g));
    for (std::size_t i = 0; i < results[0].size(); ++i) CHECK(error(results[1][i], results[0][i], scale) < 1e-12);
    INFO("peak bytes " << bytes[0] << " without and " << bytes[1] << " with recomputation");
    CHECK(static_cast<double>(bytes[1]) < 0.6 * static_cast<double>(bytes[0]));
  }
}

TEST_CASE("ncsn: bad input") {
  nn::NCSN net({.channels = 3, .ngf = 4, .levels = 5});
  const Tensor y = zeros({2}, i64);
  CHECK(error_of([&] {
          net(zeros({2, 1, 8, 8}), y);
        }) == "[ncsn] expected x f32 (B, 3, H, W), H and W even; got f32 (2, 1, 8, 8)");
  CHECK(error_of([&] {
          net(zeros({2, 3, 8, 7}), y);
        }) == "[ncsn] expected x f32 (B, 3, H, W), H and W even; got f32 (2, 3, 8, 7)");
  CHECK(error_of([&] {
          net(zeros({2, 3, 8, 8}, f64), y);
        }) == "[ncsn] expected x f32 (B, 3, H, W), H and W even; got f64 (2, 3, 8, 8)");
  CHECK(error_of([&] {
          net(zeros({1, 3, 8, 8}), y);
        }) == "[ncsn] expected y i64 (1,), a noise level an image; got i64 (2,)");
  CHECK(error_of([&] {
          net(zeros({2, 3, 8, 8}), full({2}, 5, i64));
        }) == "[ncsn] expected noise levels in [0, 5); got 5");
  CHECK(error_of([&] { nn::NCSN bad({.levels = 0}); }) ==
        "[ncsn] expected channels, ngf and levels of at least 1; got 1, 64, 0");
}

TEST_CASE("ncsn and condition: on sim nobody waits to look at levels; a bad one is found by the next copy to the host",
          "[sim]") {
  nn::NCSN net({.channels = 1, .ngf = 4, .levels = 5});
  nn::Condition condition({.levels = 4, .width = 5});
  net.to(simulated);
  condition.to(simulated);
  const auto levels = [](double last) { return tensor({0, last}, i64).to(simulated); };
  const Tensor y = net(zeros({2, 1, 8, 8}, f32, simulated), levels(5));
  CHECK(error_of([&] { y.to(cpu); }).find("expected indices in [0, 5); got 5 as element 1") != std::string::npos);
  const Tensor e = condition("net", levels(-1), {}, 2, f32);
  CHECK(error_of([&] { e.to(cpu); }).find("expected indices in [0, 4); got -1 as element 1") != std::string::npos);
  CHECK(error_of([&] { net(zeros({2, 1, 8, 8}, f32, simulated), levels(4)).to(cpu); }) == "no error");
}
