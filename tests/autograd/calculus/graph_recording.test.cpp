// SPDX-License-Identifier: MIT
#include "autograd/calculus/graph_recording.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "autograd/grad.h"
#include "autograd/profile.h"
#include "autograd/rule.h"
#include "ops/ops.h"

using namespace stein;

namespace {

const GraphInfo::Node* find(const GraphInfo& g, const std::string& op, int order, int skip = 0) {
  for (const auto& n : g.nodes)
    if (n.op == op && n.order == order && skip-- == 0) return &n;
  return nullptr;
}
// A fused op: its derivatives are those of the ops that define it.
struct TanhOfSin {
  static constexpr const char* name = "tanh_of_sin";
  static constexpr Kind kind = Kind::fused;
  Tensor forward(const Tensor& x) const { return tanh(sin(x)); }
  Tensor composite(std::span<const Tensor> in) const { return tanh(sin(in[0])); }
};
int index(const GraphInfo& g, const GraphInfo::Node* n) { return static_cast<int>(n - g.nodes.data()); }

}  // namespace

TEST_CASE("graph recording: every node of a backward pass knows the node whose rule made it") {
  Tensor x = tensor({0.5, 1}, f64).requires_grad_(), y = tensor({2, 3}, f64).requires_grad_();
  GraphRecording recording;
  const Tensor a = tanh(x), b = sin(y), f = a * b;
  const Tensors d = grad({f}, {x, y}, {.cotangents = {ones({2}, f64)}, .create_graph = true});
  const GraphInfo g = recording.graph({f, d[0], d[1]}, {{"x", x}, {"y", y}});

  const auto *t = find(g, "tanh", 0), *s = find(g, "sin", 0), *m = find(g, "mul", 0);
  REQUIRE((t && s && m));
  CHECK(t->twin == -1);
  REQUIRE(find(g, "tanh_backward", 1));
  CHECK(find(g, "tanh_backward", 1)->twin == index(g, t));
  CHECK(find(g, "cos", 1)->twin == index(g, s));
  int by_mul = 0;
  for (const auto& n : g.nodes) {
    CHECK((n.twin >= 0) == (n.order > 0));
    by_mul += n.twin == index(g, m);
  }
  CHECK(by_mul == 2);  // g sin(y), g tanh(x)

  // Names and values.
  CHECK(g.nodes[0].name == "x");
  CHECK(g.nodes[0].outputs[0].elements == std::vector<double>{0.5, 1});
  CHECK(t->outputs[0].elements[0] == Approx(std::tanh(0.5)));
  CHECK(m->outputs[0].elements[1] == Approx(std::tanh(1) * std::sin(3)));

  // The walk: from the product to the leaves, with the cotangents.
  REQUIRE(g.walks.size() == 1);
  const auto& walk = g.walks[0];
  REQUIRE(walk.size() == 5);
  CHECK(walk[0].node == index(g, m));
  CHECK(walk[0].cotangents[0]->elements == std::vector<double>{1, 1});
  CHECK(walk[0].made.size() == 2);
  CHECK(walk[1].node == index(g, s));
  CHECK(walk[1].cotangents[0]->elements[1] == Approx(std::tanh(1)));
  CHECK(walk[4].node == 0);  // x, with its derivative
  CHECK(walk[4].cotangents[0]->elements[0] == Approx(std::sin(2) * (1 - std::tanh(0.5) * std::tanh(0.5))));
  CHECK(walk[4].made.empty());
}

TEST_CASE("graph recording: walks of every order, kept apart") {
  Tensor x = tensor({0.5, 1}, f64).requires_grad_();
  GraphRecording recording;
  Tensors all{tanh(x)};
  for (int order = 1; order <= 3; ++order)
    all.push_back(grad(all.back(), x, {.cotangents = {ones({2}, f64)}, .create_graph = true}));
  const GraphInfo g = recording.graph(all);
  REQUIRE(g.walks.size() == 3);
  for (const auto& walk : g.walks) {
    for (std::size_t i = 1; i < walk.size(); ++i) CHECK(walk[i].node < walk[i - 1].node);
    CHECK(walk.back().node == 0);
  }
  int made = 0, differentiated = 0;
  for (const auto& walk : g.walks)
    for (const auto& step : walk) {
      for (const int n : step.made) {
        CHECK(g.nodes[static_cast<std::size_t>(n)].twin == step.node);
        CHECK(g.nodes[static_cast<std::size_t>(n)].order == g.nodes[static_cast<std::size_t>(step.node)].order + 1);
      }
      made += static_cast<int>(step.made.size());
    }
  for (const auto& n : g.nodes) differentiated += n.order > 0;
  CHECK(made == differentiated);
}

TEST_CASE("graph recording: a walk inside a rule is no walk of its own") {
  Tensor x = tensor({0.5, 1}, f64).requires_grad_();
  GraphRecording recording;
  const Tensor y = record(TanhOfSin{}, x);
  const Tensor d = grad(y, x, {.cotangents = {ones({2}, f64)}, .create_graph = true});
  const GraphInfo g = recording.graph({y, d});
  REQUIRE(g.walks.size() == 1);
  REQUIRE(g.walks[0].size() == 2);  // the op, x
  const auto *op = find(g, "tanh_of_sin", 0), *again = find(g, "tanh", 1);
  REQUIRE((op && again));
  CHECK(again->twin == index(g, op));  // its rule ran the definition,
  const auto* back = find(g, "tanh_backward", 2);
  REQUIRE(back);
  CHECK(back->twin == index(g, again));  // and differentiated that
  for (const auto& n : g.nodes) CHECK((n.order == 0) == (n.twin == -1));
}

TEST_CASE("graph recording: an op defined by others, modules, times, memory") {
  Tensor x = ones({4, 8}, f64).requires_grad_();
  GraphRecording recording;
  Tensor y;
  {
    const ProfileScope scope("layer");
    y = softmax(x, -1);
  }
  const Tensor d = grad(y, x, {.cotangents = {ones({4, 8}, f64)}, .create_graph = true});
  const GraphInfo g = recording.graph({y, d}), again = recording.graph({y, d}, {}, false);
  bool timed = false;
  for (const auto& n : g.nodes) {
    CHECK(n.module == (n.op == "leaf" ? "" : "layer"));  // backward, too
    timed = timed || n.seconds > 0;
    if (n.order > 0) CHECK(g.nodes[static_cast<std::size_t>(n.twin)].op == "softmax");
  }
  CHECK(timed);
  for (const auto& n : again.nodes) CHECK(n.seconds == 0);
  REQUIRE(g.memory.size() >= 2);
  std::int64_t most = 0;
  for (const auto& moment : g.memory) most = std::max(most, moment.bytes);
  CHECK(most >= 2 * 4 * 8 * 8);  // y and d
  CHECK(g.memory.back().order == 1);
  CHECK(g.walks[0][0].moment <= g.memory.size());
}

TEST_CASE("graph recording: one at a time; without one nothing is noted") {
  Tensor x = ones({2}, f64).requires_grad_();
  {
    GraphRecording recording;
    CHECK_THROWS_WITH(GraphRecording(), Catch::Contains("one profile at a time"));
    const Tensor y = exp(x);
    CHECK(recording.graph({y}).memory.size() >= 1);
  }
  Tensor kept;
  {
    const GraphRecording recording;
    kept = exp(x);
  }
  const Tensor d = grad(kept, x, {.cotangents = {ones({2}, f64)}, .create_graph = true});
  const GraphInfo g = graph_info({kept, d});
  CHECK(g.walks.empty());
  for (const auto& n : g.nodes) CHECK(n.twin == -1);
}
