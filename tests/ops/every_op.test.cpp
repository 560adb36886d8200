// SPDX-License-Identifier: MIT
// What every registered op gets unasked: its derivatives. Values are in every_op_values.test.cpp, memory layouts in
// every_op_layouts.test.cpp.
#include "tests/ops/support/every_op.h"

using namespace stein;

TEST_CASE("every op: derivatives of orders 1, 2 and 3 in all modes", "[simd]") {
  test::each_sample([](const OpEntry& op, const Sample& sample) {
    if (!has_derivative(op, sample)) return;
    if (op.tolerance > 1e-7) CHECK(!op.reason.empty());
    CheckOptions options;
    options.tolerance = op.tolerance;
    test::check(check_grads(sample.call, draw_inputs(sample), options));
  });
  CHECK(live_nodes() == 0);
}

TEST_CASE("every op: batches of cotangents and of tangents equal a loop") {
  test::each_sample([](const OpEntry& op, const Sample& sample) {
    if (has_derivative(op, sample)) test::check(check_batched(sample.call, draw_inputs(sample)));
  });
  CHECK(live_nodes() == 0);
}

TEST_CASE("every op: adjoint identity of linear ops") {
  test::each_sample([](const OpEntry& op, const Sample& sample) {
    if (sample.linear) CHECK(op.differentiable);
    if (sample.linear && has_derivative(op, sample)) test::check(check_adjoint(sample.call, draw_inputs(sample)));
  });
  CHECK(live_nodes() == 0);
}

TEST_CASE("every op: asking for the gradient of an op that has none is an error") {
  test::each_sample([](const OpEntry& op, const Sample& sample) {
    if (op.differentiable) return;
    Tensors in = draw_inputs(sample);
    Tensors leaves;
    for (auto& x : in)
      if (is_floating(x.dtype())) leaves.push_back(x.requires_grad_());
    if (leaves.empty()) return;
    for (const auto& y : sample.call(in)) {
      INFO("result " << describe(y));
      std::string text = "nothing was thrown";
      try {
        grad({y}, leaves, {.cotangents = {ones_like(y)}});
      } catch (const Error& e) {
        text = e.what();
      }
      if (is_floating(y.dtype()))
        CHECK_THAT(text, Catch::Contains("[grad] expected ops with a gradient") && Catch::Contains(op.name));
      else
        CHECK_THAT(text, Catch::Contains("integer and bool results have no gradient"));
    }
  });
  CHECK(live_nodes() == 0);
}
