// SPDX-License-Identifier: MIT
#include "tests/ops/golden.h"

using namespace stein;
using namespace stein::test;

TEST_CASE("reductions, prod with zeros, cumsum and sort agree with PyTorch", "[golden]") {
  Cases cases;
  using Reduce = std::function<Tensor(const Tensor&, const Axes&, bool)>;
  const std::map<std::string, Reduce> reductions{
      {"sum", [](const Tensor& x, const Axes& a, bool k) { return sum(x, a, k); }},
      {"mean", [](const Tensor& x, const Axes& a, bool k) { return mean(x, a, k); }},
      {"var", [](const Tensor& x, const Axes& a, bool k) { return var(x, a, 1, k); }},
      {"std", [](const Tensor& x, const Axes& a, bool k) { return stein::std(x, a, 1, k); }},
      {"logsumexp", [](const Tensor& x, const Axes& a, bool k) { return logsumexp(x, a, k); }},
      {"prod", [](const Tensor& x, const Axes& a, bool k) { return prod(x, a, k); }}};
  for (const auto& [name, f] : reductions) {
    cases[name + ".dim1"] = one([f = f](const Tensors& in) { return f(in[0], {1}, false); });
    cases[name + ".last_keepdim"] = one([f = f](const Tensors& in) { return f(in[0], {-1}, true); });
    if (name != "prod") cases[name + ".dims02"] = one([f = f](const Tensors& in) { return f(in[0], {0, 2}, false); });
  }
  cases["var.biased"] = one([](const Tensors& in) { return var(in[0], {1}, 0); });
  cases["std.biased"] = one([](const Tensors& in) { return stein::std(in[0], {1}, 0); });
  cases["var.constant"] = cases["var.dim1"];
  cases["std.constant"] = cases["std.dim1"];
  cases["logsumexp.inf"] = cases["logsumexp.dim1"];
  cases["norm.fro"] = one([](const Tensors& in) { return norm(in[0], 2, {1, 2}); });
  for (const char* zeros : {"no_zero", "one_zero", "two_zeros"}) {
    cases[std::string("prod.") + zeros] = one([](const Tensors& in) { return prod(in[0]); });
    cases[std::string("prod.dim_") + zeros] = cases["prod.dim1"];
    cases[std::string("cumsum.") + zeros] = one([](const Tensors& in) { return cumsum(in[0], 0); });
  }
  cases["cumsum.dim1"] = one([](const Tensors& in) { return cumsum(in[0], 1); });
  cases["cumsum.negative"] = one([](const Tensors& in) { return cumsum(in[0], -1); });
  cases["sum.empty"] = cases["sum.dim1"];
  cases["prod.empty"] = cases["prod.dim1"];
  const auto sorted = [](int axis, bool descending) {
    return [=](const Tensors& in) {
      auto [values, indices] = sort(in[0], axis, descending);
      return Tensors{values, indices};
    };
  };
  cases["sort.ascending"] = sorted(1, false);
  cases["sort.descending"] = sorted(1, true);
  cases["sort.dim0"] = sorted(0, false);
  check_golden("ops_reductions.safetensors", cases);
}
