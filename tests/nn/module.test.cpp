// SPDX-License-Identifier: MIT
#include "nn/module.h"

#include <catch2/catch.hpp>

#include "autograd/grad.h"
#include "autograd/node.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/sequential.h"
#include "tests/nn/support.h"

using namespace stein;
using namespace stein::test;

namespace {

struct Scale : nn::Module {
  Tensor factor = add_parameter("factor", ones({3}));
  Tensor seen = add_buffer("seen", zeros({}, i64));
  nn::Linear inner = add("inner", nn::Linear(3, 2, false));
  Tensor operator()(const Tensor& x) const { return inner(x * factor); }
};

struct Net : nn::Module {
  nn::Linear first = add("first", nn::Linear(2, 3));
  Scale scale = add("scale", Scale());
  Tensor operator()(const Tensor& x) const { return scale(tanh(first(x))); }
};

std::vector<std::string> names(const nn::NamedList& list) {
  std::vector<std::string> out;
  for (const auto& entry : list) out.push_back(entry.first);
  return out;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("module: names are dotted paths in the order of registration") {
  Net net;
  CHECK(names(net.named_parameters()) == Names{"first.weight", "first.bias", "scale.factor", "scale.inner.weight"});
  CHECK(names(net.named_buffers()) == Names{"scale.seen"});
  CHECK(names(net.named_state()) ==
        Names{"first.weight", "first.bias", "scale.factor", "scale.seen", "scale.inner.weight"});
  CHECK(net.num_parameters() == 6 + 3 + 3 + 6);
  for (const auto& p : net.parameters()) CHECK((p.requires_grad() && p.is_leaf()));
  Names paths;
  net.visit([&](const std::string& path, const nn::Module&) { paths.push_back(path); });
  CHECK(paths == Names{"", "first", "scale", "scale.inner"});
  Tensor frozen = net.first.weight;
  frozen.requires_grad_(false);
  CHECK(net.parameters().size() == 4);  // a frozen parameter is still one
}

TEST_CASE("module: copies and moves keep their place in the tree") {
  std::vector<Net> nets;
  for (int i = 0; i < 5; ++i) nets.push_back(Net());  // the vector moves them
  Net copy = nets[2], moved = std::move(nets[2]);
  Tensor x = ones({1, 2});
  const Tensor before = copy(x).detach();
  NoGrad guard;
  Tensor weight = moved.first.weight;
  weight.fill_(0.25);
  CHECK(equal(copy.named_parameters()[0].second, full({3, 2}, 0.25)));
  CHECK_FALSE(equal(copy(x), before));
  CHECK(equal(copy(x), moved(x)));
  CHECK_FALSE(equal(nets[1].first.weight, weight));
  static_assert(!std::is_copy_assignable_v<nn::Linear>);
}

TEST_CASE("module: gradients reach every parameter, zero_grad drops them, no node is left") {
  const auto before = live_nodes();
  {
    Net net;
    sum(square(net(ones({4, 2})))).backward();
    for (const auto& [name, p] : net.named_parameters()) {
      INFO(name);
      CHECK((p.grad().defined() && largest(p.grad()) > 0));
    }
    net.zero_grad();
    for (const auto& p : net.parameters()) CHECK_FALSE(p.grad().defined());
  }
  CHECK(live_nodes() == before);
}

TEST_CASE("module: a shared parameter is one parameter and two names in the state") {
  struct Tied : nn::Module {
    nn::Embedding in = add("in", nn::Embedding(5, 3));
    Tensor out = add_parameter("out", in.weight);
  } tied;
  CHECK(names(tied.named_parameters()) == Names{"out"});
  CHECK(names(tied.named_state()) == Names{"out", "in.weight"});
  CHECK(tied.num_parameters() == 15);
}

TEST_CASE("module: bad names and cycles are errors") {
  struct Open : nn::Module {
    using Module::add;
    using Module::add_buffer;
    using Module::add_parameter;
  } m, inner;
  m.add("part", inner);
  CHECK(error_of([&] { m.add_parameter("", ones({1})); }) ==
        "[module] expected a name that is not empty and holds no dot; got \"\"");
  CHECK(error_of([&] { m.add_buffer("a.b", ones({1})); }) ==
        "[module] expected a name that is not empty and holds no dot; got \"a.b\"");
  CHECK(error_of([&] { m.add_parameter("part", ones({1})); }) ==
        "[module] expected a name of its own for each part; got \"part\" twice");
  CHECK(error_of([&] { inner.add("outer", m); }) == "[module] expected a tree; got module \"outer\" inside itself");
  CHECK(error_of([&] { m.add("self", m); }) == "[module] expected a tree; got module \"self\" inside itself");
  CHECK(error_of([&] { m.add_parameter("n", zeros({2}, i64)); }).find("floating dtype") != std::string::npos);
  Tensor x = ones({2}).requires_grad_();
  CHECK(error_of([&] { m.add_parameter("p", x * x); }) ==
        "[module] expected a leaf as parameter \"p\"; got f32 (2,); detach() it first");
  CHECK(error_of([&] { m.add_buffer("q", x); }) ==
        "[module] expected a buffer \"q\" without gradient; got f32 (2,); detach() it, or add a parameter");
  CHECK(m.parameters().empty());
}

TEST_CASE("module: a state dict goes from one network to another, DataParallel's prefix too") {
  Net a, b, c;
  Tensor x = randn({4, 2});
  CHECK_FALSE(equal(a(x), b(x)));
  CHECK(b.load_state_dict(a.state_dict()).empty());
  CHECK(equal(a(x), b(x)));
  CHECK(b.first.weight.is_leaf());
  NamedTensors prefixed;
  for (const auto& [name, value] : a.state_dict()) {
    CHECK_FALSE(value.requires_grad());
    prefixed.emplace("module." + name, value);
  }
  c.load_state_dict(prefixed);
  CHECK(equal(a(x), c(x)));
}

TEST_CASE("module: load_state_dict lists all that is wrong and changes nothing") {
  Net net;
  const Tensor before = net.first.weight.detach().clone();
  NamedTensors state;
  for (const auto& [name, value] : net.state_dict()) state.emplace(name, ones_like(value));
  state.erase("first.bias");
  state.emplace("third.bias", ones({3}));
  state["scale.factor"] = ones({4});
  state["scale.inner.weight"] = ones({2, 3}, f64);
  CHECK(
      error_of([&] { net.load_state_dict(state); }) ==
      "[load_state_dict] expected the 5 names, shapes and dtypes of the module; got missing: first.bias | unexpected: "
      "third.bias | wrong shape: scale.factor (4,) for (3,) | wrong dtype: scale.inner.weight f64 for f32; "
      "LoadOptions{.convert = true} converts f32 and f64");
  CHECK(equal(net.first.weight.detach(), before));
  CHECK(
      error_of([&] { net.load_state_dict(state, {.strict = false, .convert = true}); }) ==
      "[load_state_dict] expected the 5 names, shapes and dtypes of the module; got wrong shape: scale.factor (4,) for "
      "(3,)");
  state.erase("scale.factor");
  CHECK(net.load_state_dict(state, {.strict = false, .convert = true}) == Names{"third.bias"});
  CHECK(equal(net.first.weight.detach(), ones({3, 2})));
  CHECK(equal(net.scale.inner.weight.detach(), ones({2, 3})));
  state["scale.seen"] = zeros({}, f32);
  CHECK(error_of([&] {
          net.load_state_dict(state, {.strict = false, .convert = true});
        }).find("scale.seen f32 for i64") != std::string::npos);
}

TEST_CASE("module: to(dtype) is seen by every handle") {
  Net net;
  const Tensor handle = net.first.weight;
  const Tensor before = handle.detach().clone();
  net.to(f64);
  CHECK(handle.dtype() == f64);
  CHECK(handle.requires_grad());
  CHECK(net.scale.seen.dtype() == i64);
  CHECK(equal(handle.detach().to(f32), before));
  const Tensor y = net(ones({1, 2}, f64));
  CHECK(y.dtype() == f64);
  CHECK(grad(sum(y), handle).dtype() == f64);
  net.to(f32);
  CHECK(equal(handle.detach(), before));
  // A graph recorded before has no derivative any more, which is said: of a leaf of another dtype, and of one whose elements were kept.
  Net stale;
  const Tensor x = ones({1, 2});
  const Tensor z = sum(square(stale.scale.factor)), bias_only = sum(stale.first(x));
  stale.to(f64);
  CHECK(error_of([&] { grad(Tensors{bias_only}, {stale.first.bias}); }) ==
        "[grad] expected a leaf of dtype f32, as it was when recorded; got f64; convert a module before the forward "
        "pass");
  CHECK(error_of([&] { bias_only.backward(); }).find("[grad] expected a leaf of dtype f32") == 0);
  CHECK(error_of([&] { grad(Tensors{z}, {stale.scale.factor}); }).find("written in place since") != std::string::npos);
  stale.to(f32);
  CHECK(error_of([&] { grad(Tensors{z}, {stale.scale.factor}); }).find("written in place since") != std::string::npos);
  CHECK(grad(sum(stale.first(x)), stale.first.bias).dtype() == f32);
  CHECK(error_of([&] { net.to(i64); }) == "[module.to] expected f32 or f64; got i64");
}
