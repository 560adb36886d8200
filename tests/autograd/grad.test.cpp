// SPDX-License-Identifier: MIT
#include "autograd/grad.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "autograd/forward.h"
#include "ops/ops.h"

using namespace stein;

TEST_CASE("grad: tanh to third order") {
  Tensor x = scalar(0.7, f64).requires_grad_();
  const double t = std::tanh(0.7), d = 1 - t * t;
  Tensor y = tanh(x);
  Tensor g1 = grad(y, x, {.create_graph = true});
  Tensor g2 = grad(g1, x, {.create_graph = true});
  Tensor g3 = grad(g2, x);
  CHECK(g1.item() == Approx(d).epsilon(1e-14));
  CHECK(g2.item() == Approx(-2 * t * d).epsilon(1e-14));
  CHECK(g3.item() == Approx(-2 * d * d + 4 * t * t * d).epsilon(1e-14));
}

TEST_CASE("grad: broadcasting is undone, unused inputs get zeros, intermediate results may be inputs") {
  Tensor a = tensor({{1, 2, 3}, {4, 5, 6}}, f64).requires_grad_(), b = tensor({10, 20, 30}, f64).requires_grad_();
  Tensor unused = ones({2}, f64).requires_grad_();
  Tensor c = a * b;
  Tensor y = sum(c + b);
  auto g = grad({y}, {a, b, unused, c}, {.retain_graph = true});
  CHECK(equal(g[0], b.detach().expand({2, 3}).clone()));
  CHECK(equal(g[1], tensor({7, 9, 11}, f64)));
  CHECK(equal(g[2], zeros({2}, f64)));
  CHECK(equal(g[3], ones({2, 3}, f64)));
  y.backward();
  CHECK(equal(b.grad(), tensor({7, 9, 11}, f64)));
}

TEST_CASE("grad: a batch of cotangents gives the Jacobian") {
  Tensor x = tensor({{1, 2}, {3, 4}}, f64).requires_grad_(), w = tensor({{1, -1}, {2, 0.5}}, f64).requires_grad_();
  Tensor y = tanh(matmul(x, w));
  Tensor eye4 = reshape(eye(4, f64), {4, 2, 2});
  Tensor j = grad(y, w, {.cotangents = {eye4}, .retain_graph = true, .batched = 1});
  CHECK(j.shape() == Shape{4, 2, 2});
  for (int i = 0; i < 4; ++i) CHECK(allclose(j[i], grad(y, w, {.cotangents = {eye4[i]}, .retain_graph = true}), 1e-14));
  // forward mode agrees: <J^T e, t> = <e, J t>
  Tensor t = tensor({{0.3, 0.1}, {-0.2, 0.7}}, f64);
  Tensor jt = push_forward({y}, {w}, {t})[0];
  CHECK(allclose(reshape(jt, {4}), sum(j * t, {-1, -2}), 1e-13));
}

TEST_CASE("grad: a batch of cotangents through operands of lower rank") {
  Tensor a = tensor({1, 2, 3}, f64).requires_grad_(), b = scalar(2, f64).requires_grad_();
  Tensor y = tensor({{1, 2, 3}, {4, 5, 6}}, f64) * a + b;
  Tensor c = reshape(arange(0, 24, 1, f64), {2, 2, 2, 3});
  auto g = grad({y}, {a, b}, {.cotangents = {c}, .retain_graph = true, .batched = 2});
  REQUIRE(g[0].shape() == Shape{2, 2, 3});
  REQUIRE(g[1].shape() == Shape{2, 2});
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 2; ++j) {
      auto one = grad({y}, {a, b}, {.cotangents = {c[i][j]}, .retain_graph = true});
      CHECK(equal(g[0][i][j], one[0]));
      CHECK(equal(g[1][i][j], one[1]));
    }
}

TEST_CASE("grad: each element of an expanded leaf has a derivative of its own") {
  Tensor x = tensor({1, 2}, f64).expand({3, 2}).requires_grad_();
  Tensor w = tensor({{1, 2}, {3, 4}, {5, 6}}, f64);
  CHECK(equal(grad(sum(tanh(x)), x)[0], grad(sum(tanh(x)), x)[2]));
  CHECK(equal(grad(sum(x * w), x), w));
  CHECK(equal(grad(sum(x.transpose()), x), ones({3, 2}, f64)));
}

TEST_CASE("grad: a million nodes neither overflow nor leak") {
  const auto nodes = live_nodes();
  const auto bytes = memory_stats().live_bytes;
  {
    Tensor x = scalar(1, f64).requires_grad_();
    Tensor y = x;
    for (int i = 0; i < 1000000; ++i) y = y + x;
    CHECK(grad(y, x).item() == 1000001);
  }
  CHECK(live_nodes() == nodes);
  CHECK(memory_stats().live_bytes == bytes);
}
