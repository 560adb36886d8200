// SPDX-License-Identifier: MIT
// The op of docs/add_an_op.md, compiled from the page itself: its values, its derivatives, and a wrong rule in its place.
#include <docs/add_an_op.h>  // written by add_an_op.cmake from the page
#include <catch2/catch.hpp>

#include "autograd/calculus/gradcheck_table.h"
#include "nn/mlp.h"

using namespace stein;

namespace stein {
void register_mish(OpRegistry& r);
void register_last_norm(OpRegistry& r);
}  // namespace stein

TEST_CASE("the page's op has its values, in f64 and in f32") {
  const Tensor x = linspace(-6, 6, 1001, f64);
  const Tensor expected = x * tanh(softplus(x));
  CHECK(amax(abs(mish(x) - expected)).item() < 1e-14);
  CHECK(amax(abs(mish(x.to(f32)).to(f64) - expected)).item() < 2e-6);
}

TEST_CASE("the page's ops pass the checks of orders 1 to 3 in every mode") {
  OpRegistry registry;
  register_mish(registry);
  register_last_norm(registry);
  REQUIRE(registry.entries().size() == 2);
  std::vector<GradcheckRow> rows;
  for (const auto& op : registry.entries())
    for (const auto& row : gradcheck(op)) rows.push_back(row);
  CHECK(rows.size() > 10);
  int third = 0;
  for (const auto& r : rows) {
    INFO(r.sample << " order " << r.order << " " << r.mode << ": " << r.error << " " << r.problem);
    CHECK(r.ok);
    third += r.order == 3;
  }
  CHECK(third > 0);
}
