// SPDX-License-Identifier: MIT
// Derivatives where they are delicate: kinks, ties, infinities, large arguments. The every-op suite checks the rest, and
// pytorch_kinks.test.cpp compares with golden values.
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "autograd/grad.h"
#include "ops/ops.h"

using namespace stein;

namespace {

constexpr double inf = INFINITY;
using Unary = Tensor (*)(const Tensor&);

const std::map<std::string, Unary> unary_ops = {
    {"elu", [](const Tensor& x) { return elu(x); }},
    {"silu", silu},
    {"softplus", softplus},
    {"gelu", gelu},
    {"gelu_tanh", gelu_tanh},
    {"tanh", stein::tanh},
    {"sigmoid", sigmoid},
    {"erf", stein::erf},
};

Tensors derivatives(const Tensor& y, const Tensors& x, const Tensor& cotangent) {
  return grad({y}, x, {.cotangents = {cotangent}});
}

double derivative(Unary f, double at, int order, DType dtype) {
  Tensor x = scalar(at, dtype).requires_grad_(), y = f(x);
  for (int i = 0; i < order; ++i) {
    if (!y.requires_grad()) return 0;
    y = grad(y, x, {.create_graph = true});
  }
  return y.item();
}

}  // namespace

TEST_CASE("elementwise: smooth activations have finite, vanishing or constant derivatives far out, to third order") {
  struct Case {
    const char* name;
    double left, right;  // the first derivative at -infinity and +infinity
  };
  for (const Case& c : {Case{"sigmoid", 0, 0},
                        {"softplus", 0, 1},
                        {"silu", 0, 1},
                        {"gelu", 0, 1},
                        {"gelu_tanh", 0, 1},
                        {"elu", 0, 1},
                        {"tanh", 0, 0},
                        {"erf", 0, 0}})
    for (const DType dtype : {f32, f64})
      for (const double far : {50.0, 100.0, 709.0, 1e4, 1e19, 3e38, inf})
        for (const double x : {-far, far}) {
          INFO(c.name << " at " << x << " in " << name_of(dtype));
          const Unary f = unary_ops.at(c.name);
          CHECK(derivative(f, x, 1, dtype) == Approx(x < 0 ? c.left : c.right).margin(1e-18));
          CHECK(std::fabs(derivative(f, x, 2, dtype)) < 1e-18);
          CHECK(std::fabs(derivative(f, x, 3, dtype)) < 1e-18);
        }
}

TEST_CASE("elementwise: derivatives keep their digits in the tails") {
  // f'(x) = e^x (1 + ...) there; a formula with 1 - y or 1 + erf would give 0.
  CHECK(derivative(softplus, -60, 1, f64) == Approx(std::exp(-60)).epsilon(1e-14));
  CHECK(derivative(sigmoid, -60, 1, f64) == Approx(std::exp(-60)).epsilon(1e-14));
  CHECK(derivative(sigmoid, -60, 2, f64) == Approx(std::exp(-60)).epsilon(1e-14));
  CHECK(derivative(silu, -60, 1, f64) == Approx(-59 * std::exp(-60)).epsilon(1e-14));
  const auto phi = [](double x) { return std::exp(-x * x / 2) / std::sqrt(2 * M_PI); };
  CHECK(derivative(gelu, -9, 1, f64) == Approx(std::erfc(9 / std::sqrt(2.0)) / 2 - 9 * phi(9)).epsilon(1e-13));
  CHECK(derivative(gelu, -9, 2, f64) == Approx((2 - 81) * phi(9)).epsilon(1e-13));
}

TEST_CASE("elementwise: kinks") {
  for (const DType t : {f32, f64}) {
    for (const double zero : {0.0, -0.0}) {
      CHECK(derivative(stein::abs, zero, 1, t) == 0);
      CHECK(derivative(relu, zero, 1, t) == 0);
      CHECK(derivative(unary_ops.at("elu"), zero, 1, t) == 1);
      CHECK(derivative(unary_ops.at("elu"), zero, 2, t) == 0);  // as PyTorch
      CHECK(derivative([](const Tensor& x) { return elu(x, 0); }, zero, 1, t) == 0);
      CHECK(derivative([](const Tensor& x) { return leaky_relu(x, 0.25); }, zero, 1, t) == 0.25);
      CHECK(derivative([](const Tensor& x) { return leaky_relu(x, 0); }, zero, 1, t) == 0);
    }
    CHECK(derivative(stein::sqrt, 0, 1, t) == inf);
    CHECK(derivative([](const Tensor& x) { return clamp(x, -1, 1); }, 1, 1, t) == 0);
    CHECK(derivative([](const Tensor& x) { return clamp(x, -1, 1); }, -1, 1, t) == 0);
    CHECK(derivative([](const Tensor& x) { return clamp(x, -1, 1); }, 0.5, 1, t) == 1);
    for (const Unary f : {sign, stein::floor, stein::round}) CHECK(derivative(f, 0.5, 1, t) == 0);
    CHECK(derivative(unary_ops.at("elu"), -1e-30, 1, t) == 1);
  }
  // An infinite cotangent is not multiplied by the 0 of a closed gate.
  Tensor x = tensor({-1, 2}, f64).requires_grad_();
  const Tensor g = tensor({inf, 3}, f64), zero = scalar(0, f64);
  CHECK(equal(derivatives(relu(x), {x}, g)[0], tensor({0, 3}, f64)));
  CHECK(equal(derivatives(clamp(x, 0, 5), {x}, g)[0], tensor({0, 3}, f64)));
  CHECK(equal(derivatives(maximum(x, zero), {x}, g)[0], tensor({0, 3}, f64)));
  CHECK(equal(derivatives(where(x > 0, x, zero), {x}, g)[0], tensor({0, 3}, f64)));
}

TEST_CASE("elementwise: the side that where does not select gets no gradient") {
  Tensor x = tensor({-1, 0, 4}, f64).requires_grad_();
  const Tensor one = scalar(1, f64);
  // The usual remedy: an argument that is harmless where it is not used, so that nothing is 0 * inf.
  const Tensor y = where(x > 0, stein::sqrt(where(x > 0, x, one)), scalar(0, f64) * x);
  CHECK(equal(grad(sum(y), x), tensor({0, 0, 0.25}, f64)));
  Tensor a = tensor({1, NAN, 3}, f64).requires_grad_(), b = tensor({NAN, 5, 6}, f64).requires_grad_();
  const Tensor condition = tensor({1, 0, 1}, boolean);
  const auto g = grad({sum(where(condition, a, b) * 2.0)}, {a, b});
  CHECK(equal(g[0], tensor({2, 0, 2}, f64)));
  CHECK(equal(g[1], tensor({0, 2, 0}, f64)));
  CHECK_THROWS_WITH(grad(where(condition, a, b) > 0, a), Catch::StartsWith("[grad] expected "));
}

TEST_CASE("elementwise: pow at base 0 and exponent 0") {
  Tensor a = tensor({0, 0, 0, 0, -2, 2}, f64).requires_grad_(), b = tensor({0, 1, 2, -1, 3, 0}, f64).requires_grad_();
  const Tensor y = pow(a, b);
  CHECK(equal(y.detach(), tensor({1, 0, 0, inf, -8, 1}, f64)));
  const auto g = grad({sum(y)}, {a, b}, {.create_graph = true});
  CHECK(equal(g[0].detach(), tensor({0, 1, 0, -inf, 12, 0}, f64)));
  const auto to_exponent = g[1].detach().to_vector<double>();
  CHECK(to_exponent[0] == 0);
  CHECK(to_exponent[1] == 0);
  CHECK(to_exponent[2] == 0);
  CHECK(to_exponent[3] == -inf);
  CHECK(std::isnan(to_exponent[4]));
  CHECK(to_exponent[5] == Approx(std::log(2)));
  // d/da (b a^(b-1)) = b (b - 1) a^(b-2), and d/db of it = a^(b-1) (1 + b log a), at the last element 1/2
  const auto second = grad({sum(narrow(g[0], 0, 0, 3)) + sum(narrow(g[0], 0, 5, 1))}, {a, b});
  CHECK(equal(narrow(second[0], 0, 0, 3), tensor({0, 0, 2}, f64)));
  CHECK(second[0].to_vector<double>()[5] == 0);
  CHECK(second[1].to_vector<double>()[5] == Approx(0.5));
  Tensor x = tensor({-2, 0, 3}, f64).requires_grad_();
  CHECK(equal(grad(sum(pow(x, 3)), x), tensor({12, 0, 27}, f64)));
  CHECK(equal(grad(sum(pow(x, 1)), x), tensor({1, 1, 1}, f64)));
  CHECK(allclose(grad(sum(pow(x, -1)), x), tensor({-0.25, -inf, -1 / 9.0}, f64), 1e-15));
}
