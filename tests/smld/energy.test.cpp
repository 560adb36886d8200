// SPDX-License-Identifier: MIT
// The score of an energy: -grad f, differentiable again.
#include "smld/energy.h"

#include <catch2/catch.hpp>

#include "autograd/calculus/check.h"
#include "autograd/calculus/functional.h"
#include "autograd/grad.h"
#include "nn/mlp.h"
#include "smld/trace.h"
#include "tests/smld/support.h"

using namespace stein;
using namespace stein::smld;
using namespace stein::smld::test;
using Catch::Matchers::Contains;

TEST_CASE("the score of a mixture's energy is the mixture's score") {
  const Balls p = three_balls();
  const Tensor x = p.exact().sample(50, 1);
  const Score s = score_of([&](const Tensor& y) { return neg(p.log_density(y)); });
  CHECK(allclose(s(x), p.exact().score(x), 1e-10, 1e-12));
  // its Jacobian is symmetric: no curl; and its exact trace is that of the analytic score
  const Tensor point = narrow(x, 0, 0, 1);
  const Tensor j = reshape(jacobian(TensorFunction(s), point), {2, 2});
  CHECK(allclose(j, transpose(j), 1e-10, 1e-12));
  CHECK(allclose(trace(s, x), trace([&](const Tensor& y) { return p.score(y); }, x), 1e-9, 1e-10));
}

TEST_CASE("an energy's score is differentiated for x and for parameters, to any order") {
  Generator g(2);
  nn::MLP net({2, 6, 1}, "tanh", g);  // (B, 1) will do for (B)
  net.to(f64);
  const Score s = score_of([&](const Tensor& y) { return net(y); });
  const Tensor x = randn({3, 2}, g, f64);
  const CheckReport report = check_grads(TensorFunction(s), x, {.order = 2});
  INFO(report.to_string(true));
  CHECK(report.ok());
  for (const auto& p : net.parameters()) {  // the last bias has no say in the score
    const Tensor got = grad(sum(square(s(x))), p);
    CHECK(got.shape() == p.shape());
    if (p.numel() > 1) CHECK(amax(abs(got)).item() > 0);
  }
}

TEST_CASE("the caller's tensor stays as it was, and without recording the score is a constant") {
  Generator g(3);
  nn::MLP net({2, 6, 1}, "tanh", g);
  net.to(f64);
  const Score s = score_of([&](const Tensor& y) { return net(y); });
  Tensor x = randn({3, 2}, g, f64);
  const Tensor recorded = s(x);
  CHECK(!x.requires_grad());
  CHECK(recorded.requires_grad());  // for the parameters
  x.requires_grad_();
  const Tensor twice = 2.0 * x;
  const Tensor through = s(twice);
  CHECK(grad(sum(through), x).shape() == x.shape());
  NoGrad guard;
  const Tensor constant = s(x);
  CHECK(!constant.requires_grad());
  CHECK(allclose(constant, recorded.detach(), 1e-14, 1e-14));
}

TEST_CASE("an energy's score takes views, expanded ones too, recorded or not") {
  const Score s = score_of([](const Tensor& y) { return per_sample(square(square(y))); });
  const Tensor row = tensor({{1, 2}}, f64).requires_grad_(), x = row.expand({3, 2});
  CHECK(equal(s(x).detach(), tensor({{-4, -32}, {-4, -32}, {-4, -32}}, f64)));
  CHECK(equal(grad(sum(s(x)), row), tensor({{-36, -144}}, f64)));
  const Tensor turned = tensor({{1, 3}, {2, 4}}, f64).requires_grad_();
  CHECK(equal(grad(sum(s(turned.transpose())), turned), -12.0 * square(turned.detach())));
}

TEST_CASE("energies at a level or time") {
  const LevelScore s = score_of([](const Tensor& x, const Tensor& t) { return per_sample(square(x)) * t; });
  const Tensor x = tensor({{1, 2}, {3, 4}}, f64), t = tensor({0.5, 2}, f64);
  CHECK(allclose(s(x, t), tensor({{-1, -2}, {-12, -16}}, f64)));
  // an energy that does not depend on x has no force
  CHECK(equal(score_of([](const Tensor& y) { return ones({y.size(0)}, f64); })(x), zeros({2, 2}, f64)));
  const Score images = score_of([](const Tensor& y) { return 0.5 * per_sample(square(y)); });
  const Tensor image = ones({2, 3, 4, 4});
  CHECK(equal(images(image), neg(image)));
}

TEST_CASE("an energy is one number a sample, of x's dtype") {
  const Tensor x = ones({2, 3}, f64);
  CHECK_THROWS_WITH(score_of([](const Tensor& y) { return y; })(x),
                    "[energy] expected one number a sample, f64 (2,); got f64 (2, 3)");
  CHECK_THROWS_WITH(score_of([](const Tensor& y) { return sum(y); })(x),
                    Contains("[energy] expected one number a sample"));
  CHECK_THROWS_WITH(score_of([](const Tensor& y) { return per_sample(y).to(f32); })(x), Contains("got f32 (2,)"));
}
