// SPDX-License-Identifier: MIT
// Kinks, ties and special values as in PyTorch.
#include "tests/ops/golden.h"

using namespace stein;
using namespace stein::test;

TEST_CASE("elementwise ops and extrema agree with PyTorch at kinks, ties and special values", "[golden]") {
  Cases cases;
  const std::map<std::string, Tensor (*)(const Tensor&)> unary{{"abs", abs},
                                                               {"sign", sign},
                                                               {"relu", relu},
                                                               {"silu", silu},
                                                               {"softplus", softplus},
                                                               {"sqrt", sqrt},
                                                               {"floor", floor},
                                                               {"round", round},
                                                               {"square", square},
                                                               {"gelu", gelu},
                                                               {"gelu_tanh", gelu_tanh},
                                                               {"tanh", tanh},
                                                               {"sigmoid", sigmoid},
                                                               {"erf", erf},
                                                               {"log", log},
                                                               {"log1p", log1p},
                                                               {"exp", exp},
                                                               {"expm1", expm1},
                                                               {"rsqrt", rsqrt},
                                                               {"reciprocal", reciprocal}};
  for (const auto& [name, f] : unary) cases["unary." + name] = one([f = f](const Tensors& in) { return f(in[0]); });
  cases["unary.elu"] = one([](const Tensors& in) { return elu(in[0]); });
  cases["unary.leaky_relu"] = one([](const Tensors& in) { return leaky_relu(in[0], 0.1); });
  cases["unary.round_half"] = cases["unary.round"];
  cases["softplus.large"] = cases["unary.softplus"];
  cases["gelu.wide"] = cases["unary.gelu"];
  cases["gelu_tanh.wide"] = cases["unary.gelu_tanh"];
  cases["clamp.edges"] = one([](const Tensors& in) { return clamp(in[0], -1, 1); });
  cases["maximum.ties"] = one([](const Tensors& in) { return maximum(in[0], in[1]); });
  cases["minimum.ties"] = one([](const Tensors& in) { return minimum(in[0], in[1]); });
  cases["pow.scalar0"] = one([](const Tensors& in) { return pow(in[0], 0); });
  cases["pow.scalar2"] = one([](const Tensors& in) { return pow(in[0], 2); });
  cases["pow.scalar_half"] = one([](const Tensors& in) { return pow(in[0], 0.5); });
  cases["pow.tensor"] = one([](const Tensors& in) { return pow(in[0], in[1]); });
  cases["where.broadcast"] = one([](const Tensors& in) {
    return where(tensor({1, 0}, boolean).reshape({2, 1}), in[0], in[1]);
  });
  const std::map<std::string, Tensor (*)(const Tensor&, const Axes&, bool)> extrema{{"amax", amax}, {"amin", amin}};
  for (const auto& [name, f] : extrema) {
    cases[name + ".all"] = one([f = f](const Tensors& in) { return f(in[0], {}, false); });
    cases[name + ".ties_dim1"] = one([f = f](const Tensors& in) { return f(in[0], {1}, false); });
    cases[name + ".ties_dim01"] = one([f = f](const Tensors& in) { return f(in[0], {0, 1}, false); });
    cases[name + ".keepdim"] = one([f = f](const Tensors& in) { return f(in[0], {0}, true); });
  }
  cases["max.dim"] = [](const Tensors& in) {
    auto [values, indices] = max(in[0], 1);
    return Tensors{values, indices};
  };
  cases["min.dim"] = [](const Tensors& in) {
    auto [values, indices] = min(in[0], 1);
    return Tensors{values, indices};
  };
  cases["argmax.ties"] = one([](const Tensors& in) { return argmax(in[0], 1); });
  cases["norm.zero"] = one([](const Tensors& in) { return norm(in[0]); });
  cases["norm.dim"] = one([](const Tensors& in) { return norm(in[0], 2, {1}); });
  check_golden("ops_kinks.safetensors", cases);
}
