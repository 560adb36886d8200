// SPDX-License-Identifier: MIT
#include "autograd/calculus/graph.h"

#include <catch2/catch.hpp>

#include "autograd/grad.h"
#include "ops/ops.h"

using namespace stein;

TEST_CASE("graph: description of a small graph") {
  Tensor a = ones({2, 3}, f64).requires_grad_(), b = ones({3}, f64).requires_grad_();
  const Tensor y = sum(a * b * b);
  const GraphInfo g = graph_info({y, ones({1})});
  REQUIRE(g.nodes.size() == 5);
  CHECK(g.nodes[2].op == "mul");
  CHECK(g.nodes[2].kind == "elementwise");
  CHECK(g.nodes[2].inputs == std::vector<std::pair<int, int>>{{0, 0}, {1, 0}});
  CHECK(g.nodes[2].saved.size() == 2);
  CHECK(g.nodes[3].saved[1].bytes == 0);  // b again
  CHECK(g.outputs == std::vector<std::pair<int, int>>{{4, 0}, {-1, 0}});
  CHECK(g.levels.size() == 1);
  std::int64_t storages = 0;
  for (const auto& n : g.nodes) storages += n.bytes;
  CHECK(g.bytes == storages);
  CHECK(graph_text(ones({1})) ==
        "node  op  kind  order  result  inputs  bytes  saved\nresults: const\nin all 0 nodes, 0 bytes saved\n");
}
