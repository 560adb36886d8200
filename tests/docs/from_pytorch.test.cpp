// SPDX-License-Identifier: MIT
// The right-hand column of docs/from_pytorch.md, compiled and run.
#include <catch2/catch.hpp>
#include <sstream>

#include "stein/stein.h"

using namespace stein;

TEST_CASE("what docs/from_pytorch.md says works") {
  const Tensor m = tensor({{1, 2}, {3, 4}}), index = tensor({1, 0}, i64);
  CHECK(m.dtype() == f32);
  CHECK(arange(12).dtype() == i64);
  CHECK(arange(0, 1, 0.25).dtype() == f32);
  std::ostringstream text;
  text << m.shape() << m.dtype() << m.to(f64);
  CHECK(text.str() == "(2, 2)f32[[1. 2.]\n [3. 4.]]");

  const Tensor x = reshape(arange(0.0, 24.0), {4, 6});
  CHECK(x[0].shape() == Shape{6});
  CHECK(equal(x["1:3"], x(slice(1, 3))));
  CHECK(equal(x["..., ::2"], index_select(x, 1, tensor({0, 2, 4}, i64))));
  CHECK(where(x > 10, x, 0.0)[0].to_vector<float>() == std::vector<float>(6, 0));
  CHECK(equal(index_select(m, 0, index), tensor({{3, 4}, {1, 2}})));
  Tensor w = m.clone();
  w[0].fill_(1);
  w[1].copy_(tensor({7, 8}));
  CHECK(equal(w, tensor({{1, 1}, {7, 8}})));
  CHECK(equal(sum(m, 1), tensor({3, 7})));
  CHECK(sum(m, {0, 1}, true).shape() == Shape{1, 1});
  CHECK(equal(matmul(m, transpose(m)), tensor({{5, 11}, {11, 25}})));
  CHECK(equal(eq(m, 3) || !(m > 1), tensor({{1, 0}, {1, 0}}).to(boolean)));
  CHECK(equal((m > 1) && (m < 4), tensor({{0, 1}, {1, 0}}).to(boolean)));
  CHECK_THROWS_WITH(index * 2.5, Catch::Matchers::Contains("[mul] expected a number that i64 holds exactly; got 2.5"));

  Tensor leaf = tensor({1, 2}, f64).requires_grad_();
  sum(square(leaf)).backward();
  CHECK(equal(leaf.grad(), tensor({2, 4}, f64)));
  const Tensor g = grad(square(leaf), leaf, {.cotangents = {tensor({1, 3}, f64)}, .create_graph = true});
  CHECK(equal(grad(sum(g), leaf), tensor({2, 6}, f64)));
  CHECK(check_grads([](const Tensor& t) { return exp(t); }, leaf).ok());
  const NoGrad guard;
  CHECK(!exp(leaf).requires_grad());
}
