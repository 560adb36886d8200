// SPDX-License-Identifier: MIT
// What the every-op suite shares. STEIN_TEST_OP=name restricts it to one op.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>

#include "autograd/calculus/gradcheck_table.h"
#include "autograd/grad.h"
#include "ops/ops.h"

namespace stein::test {

/// Calls body(op) for each registered op, with its name in the messages; an Error thrown is a failure of that op only.
template <class Body>
void each_op(Body body) {
  const char* only = std::getenv("STEIN_TEST_OP");
  int seen = 0;
  for (const auto& op : op_registry().entries()) {
    if (only && op.name != only) continue;
    ++seen;
    INFO("op: " << op.name);
    try {
      body(op);
    } catch (const Error& e) {
      FAIL_CHECK("threw: " << e.what());
    }
  }
  CHECK(seen > 0);
}

/// Calls body(op, sample) for each sample of each op.
template <class Body>
void each_sample(Body body) {
  each_op([&](const OpEntry& op) {
    CHECK(!op.samples.empty());
    for (const auto& sample : op.samples) {
      INFO("sample: " << sample.label);
      try {
        body(op, sample);
      } catch (const Error& e) {
        FAIL_CHECK("threw: " << e.what());
      }
    }
  });
}

inline void check(const CheckReport& report) {
  if (report.ok())
    SUCCEED();
  else
    FAIL_CHECK(report.to_string(true));
}

inline double largest(const Tensor& t) {
  double m = 0;
  for (const double v : cast(t.detach(), f64).to_vector<double>())
    if (std::isfinite(v)) m = std::max(m, std::abs(v));
  return m;
}

/// |a - b| <= tolerance * largest |b| everywhere; NaN equals NaN; dtypes may differ.
inline bool close(const Tensor& a, const Tensor& b, double tolerance) {
  if (a.shape() != b.shape()) return false;
  return allclose(cast(a.detach(), f64), cast(b.detach(), f64), 0, tolerance * std::max(largest(b), 1e-300));
}

/// f(inputs) and the gradients, by random cotangents, of its floating results in its floating inputs (empty when the op
/// has none). Leaves are made of exactly the given tensors: layout and all.
struct Outcome {
  Tensors values, gradients;
};
inline Outcome outcome(const OpEntry& op, const Sample& sample, const Tensors& inputs, DType dtype = f64) {
  Outcome r;
  Tensors in, leaves, from, cotangents;
  for (const auto& x : inputs) {
    in.push_back(x.detach());
    if (op.differentiable && x.dtype() == dtype) leaves.push_back(in.back().requires_grad_());
  }
  Generator generator(5);
  for (const auto& y : sample.call(in)) {
    r.values.push_back(y.detach());
    if (!y.requires_grad()) continue;
    from.push_back(y);
    cotangents.push_back(cast(uniform(y.shape(), generator, 0.5, 1.5, f64), y.dtype()));
  }
  if (!from.empty()) r.gradients = grad(from, leaves, {.cotangents = cotangents});
  return r;
}

}  // namespace stein::test
