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

TEST_CASE("graph: text of tanh differentiated three times") {
  Tensor x = tensor({0.5, 1}, f64).requires_grad_();
  Tensor g = tanh(x);
  for (int order = 1; order <= 3; ++order) g = grad(sum(g), x, {.create_graph = true});
  // The golden text follows the rules of sum, tanh, tanh_backward and mul; a new rule there means a new text here.
  // sum's rule expands a scalar, so what depends on it alone has stride 0 and eight bytes.
  const char* expected =
      R"(node  op             kind         order  result    inputs     bytes  saved
#0    leaf           -            0      f64 (2,)  -          0      -
#1    tanh           elementwise  0      f64 (2,)  #0         16     out 0 f64 (2,)
#2    mul            elementwise  2      f64 (2,)  const, #1  8      in 0 f64 (2,)
#3    mul            elementwise  2      f64 (2,)  #2, const  8      in 1 f64 ()
#4    tanh_backward  elementwise  2      f64 (2,)  const, #1  8      in 0 f64 (2,), in 1 f64 (2,) (shared)
#5    mul            elementwise  2      f64 (2,)  const, #3  0      in 0 f64 (2,) (shared)
#6    mul            elementwise  2      f64 (2,)  #5, #1     16     in 0 f64 (2,), in 1 f64 (2,) (shared)
#7    mul            elementwise  2      f64 (2,)  #6, const  8      in 1 f64 ()
#8    mul            elementwise  3      f64 (2,)  #4, const  0      in 1 f64 () (shared)
#9    mul            elementwise  3      f64 (2,)  const, #8  0      in 0 f64 (2,) (shared)
#10   add            elementwise  3      f64 (2,)  #7, #9     0      -
#11   tanh_backward  elementwise  1      f64 (2,)  #10, #1    16     in 0 f64 (2,), in 1 f64 (2,) (shared)
results: #11
order 0: 2 nodes, 16 bytes saved
order 1: 1 node, 16 bytes saved
order 2: 6 nodes, 48 bytes saved
order 3: 3 nodes, 0 bytes saved
in all 12 nodes, 80 bytes saved
)";
  CHECK(graph_text(g) == expected);
}
