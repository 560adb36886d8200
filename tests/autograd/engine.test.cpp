// SPDX-License-Identifier: MIT
// The engine's promises: stale and freed tensors are errors that name the op, nothing leaks, batches are what they seem.
#include <catch2/catch.hpp>
#include <thread>

#include "autograd/alias.h"
#include "autograd/forward.h"
#include "autograd/grad.h"
#include "autograd/rule.h"
#include "ops/ops.h"

using namespace stein;
using Catch::Contains;

namespace {

struct Throwing {
  static constexpr const char* name = "throwing";
  static constexpr Kind kind = Kind::general;
  Tensor forward(const Tensor& x) const { return x.clone(); }
  Tensor vjp0(G, In<0>) const { fail("throwing", "nothing", "a call"); }
};

struct WithoutRule {
  static constexpr const char* name = "without_rule";
  static constexpr Kind kind = Kind::general;
  Tensor forward(const Tensor& x, const Tensor&) const { return x.clone(); }
  Tensor vjp0(G g) const { return g; }
};

// A rule that forgets the batch of cotangents.
struct DropsLead {
  static constexpr const char* name = "drops_lead";
  static constexpr Kind kind = Kind::general;
  Tensor forward(const Tensor& x) const { return x * 3.0; }
  Tensor vjp0(G g) const { return g.lead ? sum(g, {0}) * 3.0 : g * 3.0; }
};

struct WrongDtype {
  static constexpr const char* name = "wrong_dtype";
  static constexpr Kind kind = Kind::general;
  Tensor forward(const Tensor& x) const { return x.clone(); }
  Tensor vjp0(G g) const { return cast(g, f32); }
};

// Ops whose forward hands its input on, or one tensor twice.
struct Reversal {
  static constexpr const char* name = "gradient_reversal";
  static constexpr Kind kind = Kind::linear;
  Tensor forward(const Tensor& x) const { return x; }
  Tensor vjp0(G g) const { return -g; }
};
struct Twins {
  static constexpr const char* name = "twins";
  static constexpr Kind kind = Kind::general;
  Tensors forward(const Tensor& x) const {
    const Tensor y = x * 2.0;
    return {y, y};
  }
  Tensor vjp0(Cot<0> g, Cot<1> h) const { return g * 2.0 + h * 200.0; }
};

// Two results, of which the second has no derivative.
struct Split {
  static constexpr const char* name = "split_halves";
  static constexpr Kind kind = Kind::general;
  static constexpr bool batched = false;
  Tensors forward(const Tensor& x) const { return {x * 2.0, x * x, cast(x, i64)}; }
  Tensor vjp0(Cot<0> g, Cot<1> h, In<0> x) const { return g * 2.0 + h * 2.0 * x; }
};

}  // namespace

TEST_CASE("engine: a saved tensor written in place is an error that names the op") {
  Tensor x = tensor({1, 2}, f64).requires_grad_(), c = tensor({3, 4}, f64);
  Tensor y = sum(x * c);
  c.fill_(0);
  CHECK_THROWS_WITH(grad(y, x), Contains("the kept input 1 of op mul as it was when recorded") &&
                                    Contains("written in place since") && Contains("clone()"));
  // Results are kept as well.
  Tensor t = tanh(x);
  Tensor z = sum(t);
  t.detach().fill_(0);
  CHECK_THROWS_WITH(grad(z, x), Contains("of op tanh"));
  // Writing into another view of the same storage counts.
  Tensor big = ones({4}, f64);
  Tensor w = sum(x * narrow(big, 0, 0, 2));
  as_strided(big, {1}, {1}, 3).fill_(9);
  CHECK_THROWS_WITH(grad(w, x), Contains("of op mul"));
  // What no rule reads may be overwritten.
  Tensor d = tensor({1, 1}, f64);
  Tensor s = sum(x + d);
  d.fill_(7);
  CHECK(equal(grad(s, x), ones({2}, f64)));
}

TEST_CASE("engine: recorded tensors refuse in-place writes") {
  Tensor x = tensor({1, 2}, f64).requires_grad_();
  Tensor y = x * 2.0;
  CHECK_THROWS_WITH(y.fill_(0), Contains("[in-place write]") && Contains("the result of an op"));
  CHECK_THROWS_WITH(x.fill_(0), Contains("a leaf is written under NoGrad"));
  const NoGrad guard;
  CHECK_THROWS_AS(y.fill_(0), Error);
  CHECK_NOTHROW(x.fill_(0));
}

TEST_CASE("engine: what counts is whether an input required a gradient when it was recorded") {
  Tensor x = tensor({1, 2}, f64).requires_grad_(), c = tensor({3, 4}, f64);
  Tensor g = grad(sum(x * x * c), x, {.create_graph = true});  // 2 x c
  Tensor y = sum(x * x * c);
  c.requires_grad_();
  g = grad(y, x, {.create_graph = true});
  CHECK(equal(grad(sum(g), c), zeros({2}, f64)));
  y = sum(x * x * x);
  const Tensor leaf = x.detach();
  Tensor z = alias(x);
  Tensor w = sum(z * z);
  x.requires_grad_(false);
  x.requires_grad_();  // another leaf now
  CHECK(equal(grad(w, z, {.create_graph = true}), 2.0 * leaf));
}

TEST_CASE("engine: a freed graph is an error that says how to keep it") {
  Tensor x = tensor({1, 2}, f64).requires_grad_();
  Tensor y = sum(x * x);
  grad(y, x);
  CHECK_THROWS_WITH(grad(y, x),
                    Contains("of op mul") && Contains("an earlier walk has freed") && Contains("retain_graph = true"));
  y = sum(x * x);
  const Tensor kept = grad(y, x, {.retain_graph = true});
  CHECK(equal(kept, grad(y, x)));
  // create_graph keeps it too.
  y = sum(x * x * x);
  Tensor g = grad(y, x, {.create_graph = true});
  CHECK(equal(grad(sum(g), x), 6.0 * x.detach()));
}

TEST_CASE("engine: backward accumulates into leaves, never with history") {
  Tensor x = tensor({1, 2}, f64).requires_grad_();
  CHECK_FALSE(x.grad().defined());
  sum(x * x).backward();
  sum(x * x).backward();
  CHECK(equal(x.grad(), tensor({4, 8}, f64)));
  CHECK_FALSE(x.grad().requires_grad());
  (x * x).backward(tensor({1, 0}, f64));
  CHECK(equal(x.grad(), tensor({6, 8}, f64)));
  x.set_grad({});
  CHECK_FALSE(x.grad().defined());
  // The cotangent given is not what lies in grad(): writing to one must not change the other.
  Tensor c = ones({2}, f64);
  alias(x).backward(c);
  c.fill_(5);
  CHECK(equal(x.grad(), ones({2}, f64)));
}

TEST_CASE("engine: a rule that throws half-way leaves nothing behind") {
  const auto nodes = live_nodes();
  const auto bytes = memory_stats().live_bytes;
  const int order = detail::current_order;
  {
    Tensor x = ones({1000}, f64).requires_grad_();
    Tensor y = sum(tanh(record(Throwing{}, tanh(x) * x)) * x);
    CHECK_THROWS_WITH(grad(y, x, {.create_graph = true}), Contains("[throwing]"));
    CHECK(detail::current_order == order);
    CHECK(is_recording());
    CHECK_THROWS_WITH(push_forward({y}, {x}, {ones({1000}, f64)}), Contains("[throwing]"));
  }
  CHECK(live_nodes() == nodes);
  CHECK(memory_stats().live_bytes == bytes);
}

TEST_CASE("engine: wrong rules are errors that name the op") {
  Tensor x = ones({2}, f64).requires_grad_();
  CHECK_THROWS_WITH(grad(sum(record(WithoutRule{}, x * x, x)), x),
                    Contains("without_rule, which has none for input 1"));
  CHECK_THROWS_WITH(grad({record(DropsLead{}, x)}, {x}, {.cotangents = {ones({3, 2}, f64)}, .batched = 1}),
                    Contains("rule 0 of op drops_lead to return f64 of batch axes (3,)"));
  CHECK_THROWS_WITH(grad(sum(record(WrongDtype{}, x)), x), Contains("rule 0 of op wrong_dtype to return f64"));
}

TEST_CASE("engine: several results, undefined cotangents, a loop over a batch") {
  Tensor x = tensor({1, 2, 3}, f64).requires_grad_();
  auto y = record(Split{}, x);
  CHECK_FALSE(y[2].requires_grad());
  CHECK(equal(grad(y[1], x, {.cotangents = {ones({3}, f64)}, .retain_graph = true}), tensor({2, 4, 6}, f64)));
  CHECK(equal(grad({y[0], y[1]}, {x}, {.cotangents = {ones({3}, f64), ones({3}, f64)}, .retain_graph = true})[0],
              tensor({4, 6, 8}, f64)));
  const Tensor c = reshape(eye(3, f64), {1, 3, 3});
  const Tensor j = grad(y[1], x, {.cotangents = {c}, .retain_graph = true, .batched = 2});
  CHECK(j.shape() == Shape{1, 3, 3});
  CHECK(equal(diagonal(j), tensor({{2, 4, 6}}, f64)));
  const auto d = push_forward({y[0], y[1]}, {x}, {tensor({1, 0, 0}, f64)});
  CHECK(equal(d[0], tensor({2, 0, 0}, f64)));
  CHECK(equal(d[1], tensor({2, 0, 0}, f64)));
  CHECK_THROWS_WITH(grad({y[0], y[1]}, {x}, {.cotangents = {ones({3, 3}, f64), ones({2, 3}, f64)}, .batched = 1}),
                    Contains("the same batch axes (3,)"));
}

TEST_CASE("engine: errors of grad") {
  Tensor x = ones({2}, f64).requires_grad_();
  const Tensor constant = ones({2}, f64);
  CHECK_THROWS_WITH(grad(sum(constant), x), Contains("[grad] expected outputs that were recorded"));
  CHECK_THROWS_WITH(grad(sum(x), constant), Contains("[grad] expected inputs that require a gradient"));
  CHECK_THROWS_WITH(grad(x * 2.0, x), Contains("a cotangent for an output with more than one element"));
  CHECK_THROWS_WITH(grad(x * 2.0, x, {.cotangents = {ones({2})}}), Contains("a cotangent f64 of 0 batch axes"));
  CHECK_THROWS_WITH(from_vector<std::int64_t>({1}, {1}).requires_grad_(),
                    Contains("[requires_grad_] expected a floating dtype"));
  CHECK_THROWS_WITH((x * 2.0).requires_grad_(), Contains("[requires_grad_] expected a leaf"));
}

TEST_CASE("engine: a batch of cotangents for an input that was broadcast keeps its batch axes") {
  // (2) against (4, 3, 2) with a batch of 3: an axis of the batch is as long as an axis that is summed.
  Tensor a = tensor({1, 2}, f64).requires_grad_(), b = ones({4, 3, 2}, f64);
  Generator g(1);
  const Tensor c = randn({3, 4, 3, 2}, g, f64);
  const Tensor r = grad(a * b, a, {.cotangents = {c}, .batched = 1});
  CHECK(allclose(r, sum(c, {1, 2}), 1e-14));
}

TEST_CASE("engine: sums of cotangents are formed in place only in memory of the engine's own") {
  Tensor x = tensor({1, 2}, f64).requires_grad_();
  Tensor h = x * 3.0;
  const Tensor c = ones({2}, f64), d = ones({2}, f64);
  // h's cotangent is c + d + a product: neither c, d nor what other inputs received may change.
  const auto g = grad({h, h, h * h}, {x, h}, {.cotangents = {c, d, ones({2}, f64)}});
  CHECK(equal(g[1], tensor({8, 14}, f64)));
  CHECK(equal(g[0], tensor({24, 42}, f64)));
  CHECK(equal(c, ones({2}, f64)));
  CHECK(equal(d, ones({2}, f64)));
  // a + b hands one cotangent to both; a gets more.
  Tensor a = tensor({1, 2}, f64).requires_grad_(), b = tensor({3, 4}, f64).requires_grad_();
  const Tensor y = sum((a + b) * 2.0 + a * a + a);
  const auto r = grad({y}, {a, b});
  CHECK(equal(r[0], tensor({5, 7}, f64)));
  CHECK(equal(r[1], tensor({2, 2}, f64)));
  CHECK_FALSE(r[0].raw() == r[1].raw());
}

TEST_CASE("engine: no_grad records nothing; a chain of temporaries is freed as it goes") {
  Tensor x = ones({4}, f64).requires_grad_();
  const auto nodes = live_nodes();
  {
    const NoGrad guard;
    Tensor y = x;
    for (int i = 0; i < 10; ++i) y = tanh(y * x);
    CHECK_FALSE(y.requires_grad());
    CHECK(live_nodes() == nodes);
  }
  Tensor y = tanh(x);
  CHECK(live_nodes() == nodes + 1);
  y = {};
  CHECK(live_nodes() == nodes);
}

TEST_CASE("engine: an op may return its input, or one tensor twice") {
  Tensor x = tensor({1, 2}, f64).requires_grad_();
  Tensor y = record(Reversal{}, x);
  CHECK(x.is_leaf());
  CHECK(equal(grad(sum(y * y), x), tensor({-2, -4}, f64)));
  Tensor h = x * 1.0;
  CHECK(equal(grad(sum(record(Reversal{}, h) * h), h), zeros({2}, f64)));
  const auto twins = record(Twins{}, x);
  CHECK(equal(grad(sum(twins[0]), x), tensor({2, 2}, f64)));
  CHECK(equal(grad(sum(twins[1]), x), tensor({200, 200}, f64)));
}

TEST_CASE("engine: threads accumulate into shared leaves without losing anything") {
  Tensor w = zeros({1}, f64).requires_grad_();
  const auto work = [&] {
    for (int i = 0; i < 3000; ++i) sum(w * 1.0).backward();
  };
  std::thread other(work);
  work();
  other.join();
  CHECK(w.grad().item() == 6000);
}

TEST_CASE("engine: results of grad may be written, and nothing else changes") {
  Tensor a = ones({2}, f64).requires_grad_(), b = ones({2}, f64).requires_grad_();
  auto r = grad({sum((a + b) * tensor({1, 2}, f64))}, {a, b});
  r[0].fill_(7);
  CHECK(equal(r[1], tensor({1, 2}, f64)));
  const Tensor c = tensor({1, 2}, f64);
  grad(a + 1.0, a, {.cotangents = {c}}).fill_(9);
  CHECK(equal(c, tensor({1, 2}, f64)));
  // Elements that share memory are not for writing.
  Tensor g = grad(sum(a), a);
  CHECK_THROWS_WITH(g.mutable_data<double>(), Contains("with a repeated (expanded) axis") && Contains("clone()"));
  CHECK(equal(g.clone().fill_(3), full({2}, 3, f64)));
}

TEST_CASE("engine: grad of nothing leaves the graph alone") {
  Tensor w = ones({2}, f64).requires_grad_();
  Tensor y = sum(w * w);
  CHECK(grad(Tensors{y}, Tensors{}).empty());
  CHECK(equal(grad(y, w), full({2}, 2, f64)));
}

TEST_CASE("engine: an expanded constant that becomes a leaf stays what it was for the graph") {
  Tensor x = ones({3}, f64).requires_grad_(), base = full({1}, 2, f64);
  Tensor c = base.expand({3});
  Tensor y = sum(x * c), z = sum(x * c);
  c.requires_grad_();
  CHECK(equal(grad(y, x), full({3}, 2, f64)));
  base.fill_(5);
  CHECK(equal(c, full({3}, 2, f64)));
  CHECK_THROWS_WITH(grad(z, x), Contains("written in place since"));
}

TEST_CASE("engine: errors of push_forward, and the order of what it records") {
  Tensor a = ones({2}, f64).requires_grad_(), b = ones({2}, f64).requires_grad_();
  CHECK_THROWS_WITH(push_forward({a * b}, {a, b}, {ones({1, 2}, f64), ones({3, 2}, f64)}, 1),
                    Contains("[jvp] expected the same batch axes (1,) in all tangents"));
  const Tensor wide = a.expand({3, 2});
  CHECK_THROWS_WITH(push_forward({tanh(wide)}, {wide}, {ones({3, 2}, f64)}),
                    Contains("[jvp] expected inputs whose elements all lie in memory"));
  const Tensor d = push_forward({tanh(a)}, {a}, {ones({2}, f64)}, 0, true)[0];
  CHECK(static_cast<const Node&>(*d.impl().node).order == 1);
}

TEST_CASE("engine: clone is differentiated, copy_ refuses to lose a history") {
  Tensor w = tensor({1, 2}, f64).requires_grad_();
  const Tensor h = tanh(w * 3.0);
  const Tensor through = grad(sum(h.clone() * w), w, {.retain_graph = true});
  CHECK(equal(through, grad(sum(h * w), w)));
  Tensor buffer = zeros({2}, f64);
  CHECK_THROWS_WITH(buffer.copy_(w * w), Contains("[copy_] expected a source without history") && Contains("detach()"));
  CHECK(equal(buffer.copy_((w * w).detach()), tensor({1, 4}, f64)));
  const NoGrad guard;
  CHECK(equal(buffer.copy_(w), tensor({1, 2}, f64)));
  CHECK_FALSE(w.clone().requires_grad());
}
