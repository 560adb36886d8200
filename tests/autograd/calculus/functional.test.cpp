// SPDX-License-Identifier: MIT
#include "autograd/calculus/functional.h"

#include <catch2/catch.hpp>

#include "autograd/grad.h"
#include "ops/ops.h"

using namespace stein;

namespace {

Tensor point() { return tensor({0.3, -0.7, 1.1}, f64); }

// Smooth, mixes its inputs: y_i = tanh(x_i) * sum(x * x)
Tensor mixing(const Tensor& x) { return tanh(x) * sum(x * x); }
Tensor energy(const Tensor& x) { return sum(tanh(x) * x * x) * sum(x); }

Tensor mixing_jacobian(const Tensor& x) {
  const auto v = x.to_vector<double>();
  double s = 0;
  for (double e : v) s += e * e;
  Tensor j = zeros({3, 3}, f64);
  double* p = j.mutable_data<double>();
  for (int i = 0; i < 3; ++i)
    for (int k = 0; k < 3; ++k) {
      const double t = std::tanh(v[static_cast<std::size_t>(i)]);
      p[3 * i + k] = t * 2 * v[static_cast<std::size_t>(k)] + (i == k ? (1 - t * t) * s : 0);
    }
  return j;
}

}  // namespace

TEST_CASE("vjp, jvp and jacobian against a Jacobian written by hand") {
  const Tensor at = point();
  const Tensor expected = mixing_jacobian(at);
  const auto [y, pullback] = vjp(mixing, at);
  CHECK(allclose(y, mixing(at), 1e-15));
  CHECK_FALSE(y.requires_grad());
  const Tensor c = tensor({1, -2, 0.5}, f64);
  CHECK(allclose(pullback(c), matmul(c, expected), 1e-13));
  CHECK(allclose(pullback(c), matmul(c, expected), 1e-13));  // a second time
  CHECK(allclose(pullback(eye(3, f64), 1), expected, 1e-13));
  CHECK(allclose(jvp(mixing, at, c).second, matmul(expected, c), 1e-13));
  CHECK(allclose(jacobian(mixing, at), expected, 1e-13));
  CHECK(allclose(jacobian(mixing, at, {.mode = Mode::forward}), expected, 1e-13));
  for (const auto mode : {Mode::reverse, Mode::forward})
    CHECK(allclose(jacobian(mixing, at, {.mode = mode, .chunk = 2}), expected, 1e-13));
}

TEST_CASE("jacobian of matrices has the shape of the result, then that of the input") {
  Generator g(1);
  const Tensor a = randn({2, 3}, g, f64), b = randn({3, 4}, g, f64);
  const auto f = [](const Tensors& in) { return Tensors{matmul(in[0], in[1]), sum(in[0])}; };
  const auto r = jacobian(f, {a, b}), c = jacobian(f, {a, b}, {.mode = Mode::forward});
  CHECK(r[0][0].shape() == Shape{2, 4, 2, 3});
  CHECK(r[0][1].shape() == Shape{2, 4, 3, 4});
  CHECK(r[1][0].shape() == Shape{2, 3});
  CHECK(equal(r[1][1], zeros({3, 4}, f64)));
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 2; ++j)
      CHECK(allclose(r[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)],
                     c[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)], 1e-13, 1e-15));
  CHECK(r[0][0](1, 2, 1, 0).item() == b(0, 2).item());
  CHECK(r[0][0](1, 2, 0, 0).item() == 0);
}

TEST_CASE("hessian and hvp agree with reverse over reverse") {
  const Tensor at = point();
  const Tensor h = hessian(energy, at);
  const Tensor expected = jacobian([](const Tensor& x) { return gradient(energy, x); }, at);
  CHECK(allclose(h, expected, 1e-12, 1e-14));
  CHECK(allclose(h, h.transpose(), 1e-13, 1e-14));
  const Tensor v = tensor({1, 2, -1}, f64);
  const auto [g, hv] = hvp(energy, at, v);
  CHECK(allclose(g, gradient(energy, at), 1e-14));
  CHECK(allclose(hv, matmul(h, v), 1e-13, 1e-14));
  CHECK(allclose(hvp(energy, at, eye(3, f64), 1).second, h, 1e-13, 1e-14));
  // A linear function has zero curvature, not an error.
  CHECK(equal(hessian([](const Tensor& x) { return sum(x); }, at), zeros({3, 3}, f64)));
}

TEST_CASE("functional derivatives may be nested and differentiated from outside") {
  const Tensor at = point();
  // d/dx of the sum of the Jacobian's diagonal, through jacobian() itself.
  Tensor x = at.clone().requires_grad_();
  const Tensor trace = sum(diagonal(jacobian(mixing, x)));
  REQUIRE(trace.requires_grad());
  const Tensor by_outer = grad(trace, x);
  const double h = 1e-5;
  for (int i = 0; i < 3; ++i) {
    const Tensor step = zeros({3}, f64);
    as_strided(step, {1}, {1}, i).fill_(h);
    const double up = sum(diagonal(mixing_jacobian(at + step))).item();
    const double down = sum(diagonal(mixing_jacobian(at - step))).item();
    CHECK(by_outer[i].item() == Approx((up - down) / (2 * h)).epsilon(1e-8));
  }
  const auto third = [](const Tensor& y) {
    return gradient([](const Tensor& z) { return gradient(energy, z).sum(); }, y);
  };
  CHECK(allclose(third(at), sum(hessian(energy, at), {0}), 1e-12));
  // Perturbation confusion: d/dx [x * d/dy (x * y)] = 2 x.
  const auto outer = [](const Tensor& a) { return sum(a * gradient([&](const Tensor& b) { return sum(a * b); }, a)); };
  CHECK(allclose(gradient(outer, at), at * 2.0, 1e-15));
}

TEST_CASE("derivatives in captured parameters: recorded when asked for, not under NoGrad") {
  const Tensor at = point();
  Tensor w = tensor({0.5, 2, -1}, f64).requires_grad_();
  const auto f = [&](const Tensor& x) { return tanh(w * x); };
  const Tensor v = ones({3}, f64);
  const Tensor d = jvp(f, at, v).second;  // w (1 - tanh^2(w x))
  const Tensor t = tanh(w.detach() * at), s = 1.0 - t * t;
  CHECK(allclose(grad(sum(d), w), s - 2.0 * w.detach() * at * t * s, 1e-13));
  CHECK(allclose(grad(sum(vjp(f, at).second(v)), w), s - 2.0 * w.detach() * at * t * s, 1e-13));
  const NoGrad guard;
  CHECK_FALSE(jvp(f, at, v).second.requires_grad());
  CHECK_FALSE(vjp(f, at).second(v).requires_grad());
  CHECK(allclose(vjp(f, at).second(v), w * s, 1e-13));
}

TEST_CASE("an expanded input has a derivative for every element") {
  const Tensor x = tensor({0.2, 0.4}, f64).expand({3, 2});
  const Tensor g = gradient([](const Tensor& y) { return sum(tanh(y)); }, x);
  CHECK(allclose(g, 1.0 - tanh(x) * tanh(x), 1e-15));
  const Tensor tangent = zeros({3, 2}, f64);
  as_strided(tangent, {2}, {1}, 2).fill_(1);  // the middle row moves
  const Tensor d = jvp([](const Tensor& y) { return tanh(y); }, x, tangent).second;
  CHECK(equal(d, tangent * (1.0 - tanh(x) * tanh(x))));
  const Tensor repeated = tensor({{0.2, 0.4}}, f64).requires_grad_().expand({3, 2});
  CHECK_THROWS_WITH(grad(sum(tanh(repeated)), repeated), Catch::Contains("repeated (expanded) axis"));
}

TEST_CASE("functional derivatives: errors and constants") {
  const Tensor at = point();
  CHECK_THROWS_WITH(gradient(mixing, at),
                    Catch::Contains("[gradient] expected a function whose first result is a floating scalar"));
  CHECK_THROWS_WITH(vjp(mixing, at).second(ones({2}, f64)),
                    Catch::Contains("[vjp] expected a cotangent of 0 batch axes + f64 (3,)"));
  CHECK_THROWS_WITH(jvp(mixing, at, ones({3})),
                    Catch::Contains("[jvp] expected a tangent of 0 batch axes + f64 (3,); got f32 (3,)"));
  const auto constant = [](const Tensor&) { return tensor({4, 5}, f64); };
  CHECK(equal(vjp(constant, at).second(ones({2}, f64)), zeros({3}, f64)));
  CHECK(equal(jvp(constant, at, at).second, zeros({2}, f64)));
  CHECK(equal(jacobian(constant, at), zeros({2, 3}, f64)));
  CHECK(live_nodes() == 0);
}

TEST_CASE("functional: results share no memory; integer arguments leave the outer graph alone") {
  const TensorsFunction f = [](const Tensors& x) { return Tensors{sum((x[0] + x[1]) * tensor({1, 2}, f64))}; };
  auto g = gradient(f, {ones({2}, f64), ones({2}, f64)});
  g[0].fill_(7);
  CHECK(equal(g[1], tensor({1, 2}, f64)));
  Tensor w = ones({2}, f64).requires_grad_();
  const Tensor square = w * w;
  {
    const NoGrad guard;
    gradient([&](const Tensor&) { return sum(square * square); }, from_vector<std::int64_t>({1}, {1}));
  }
  CHECK(equal(grad(sum(square), w), full({2}, 2, f64)));
}
