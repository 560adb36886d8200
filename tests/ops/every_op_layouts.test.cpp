// SPDX-License-Identifier: MIT
// Every op gives the same values and gradients whatever the memory layout of its inputs.
#include <functional>

#include "tests/ops/support/every_op.h"

using namespace stein;

namespace {

// A recorded view of another layout, and the leaf it is a view of.
struct Laid {
  Tensor leaf;
  std::function<Tensor(const Tensor&)> view;
};
Tensor itself(const Tensor& t) { return t; }

// Every other element of a larger buffer full of NaN, backwards along the first axis.
Laid sliced(const OpEntry&, const Tensor& t) {
  if (t.numel() == 0) return {t, itself};
  Shape wide = t.shape();
  for (auto& n : wide) n = 2 * n + 1;
  const Tensor big = is_floating(t.dtype()) ? full(wide, NAN, t.dtype()) : zeros(wide, t.dtype());
  const auto view = [](const Tensor& b) {
    Tensor v = b;
    for (int i = 0; i < v.rank(); ++i) {
      const auto n = v.size(i) / 2;
      v = slice_axis(v, i, i == 0 ? 2 * n - 1 : 1, i == 0 ? -2 : 2, n);
    }
    return v;
  };
  view(big).copy_(t);
  return {big, view};
}

Laid column_major(const OpEntry&, const Tensor& t) {
  Axes reversed;
  for (int i = t.rank() - 1; i >= 0; --i) reversed.push_back(i);
  return {t.permute(reversed).contiguous(), [reversed](const Tensor& b) { return b.permute(reversed); }};
}

Laid images_channels_last(const OpEntry&, const Tensor& t) {
  if (t.rank() != 4) return {t, itself};
  return {t, [](const Tensor& b) { return b.channels_last(); }};
}

// Its first slice along `axis`, repeated by stride 0. A matrix of equal rows or columns, several of both, has not full rank: qr of it
// is rounding alone, other on every CPU.
Laid expanded(const OpEntry& op, const Tensor& t, int axis) {
  if (axis >= t.rank() || t.size(axis) < 2) return {t, itself};
  if (op.name == "qr" && axis >= t.rank() - 2 && t.size(-2) > 1 && t.size(-1) > 1) return {t, itself};
  return {narrow(t, axis, 0, 1).clone(), [shape = t.shape()](const Tensor& b) { return b.expand(shape); }};
}

struct Outcome {
  Tensors values, gradients;
};
// Gradients with respect to the leaves; `dense`: through a row-major copy of each view.
Outcome outcome(const OpEntry& op, const Sample& sample, const std::vector<Laid>& inputs,
                const std::vector<bool>& dense) {
  Outcome r;
  Tensors in, leaves, from, cotangents;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    Tensor leaf = inputs[k].leaf.detach();
    if (op.differentiable && leaf.dtype() == f64) leaves.push_back(leaf.requires_grad_());
    const Tensor view = inputs[k].view(leaf);
    in.push_back(dense[k] ? view.contiguous() : view);
  }
  Generator generator(5);
  for (const auto& y : sample.call(in)) {
    r.values.push_back(y.detach());
    if (!y.requires_grad()) continue;
    from.push_back(y);
    cotangents.push_back(uniform(y.shape(), generator, 0.5, 1.5, f64));
  }
  if (!from.empty()) r.gradients = grad(from, leaves, {.cotangents = cotangents});
  return r;
}

void same(const OpEntry& op, const Outcome& a, const Outcome& b) {
  const bool exact = op.kind == Kind::elementwise;
  REQUIRE(a.values.size() == b.values.size());
  REQUIRE(a.gradients.size() == b.gradients.size());
  for (std::size_t j = 0; j < a.values.size(); ++j) {
    INFO("result " << j);
    if (exact || !is_floating(a.values[j].dtype()))
      CHECK(equal(a.values[j], b.values[j]));
    else
      CHECK(test::close(b.values[j], a.values[j], 1e-13));
  }
  for (std::size_t k = 0; k < a.gradients.size(); ++k) {
    INFO("gradient " << k);
    // Cotangents are about 1. A gradient may be 0 but for rounding: of a norm, along an axis on which x is constant.
    CHECK(allclose(b.gradients[k], a.gradients[k], 0, 1e-12 * std::max(test::largest(a.gradients[k]), 1.0)));
  }
}

template <class Make>
void each_layout(Make make) {
  test::each_sample([&](const OpEntry& op, const Sample& sample) {
    std::vector<Laid> inputs;
    for (const auto& t : draw_inputs(sample)) inputs.push_back(make(op, t));
    const auto expected = outcome(op, sample, inputs, std::vector<bool>(inputs.size(), true));
    same(op, expected, outcome(op, sample, inputs, std::vector<bool>(inputs.size(), false)));
    for (std::size_t k = 0; k < inputs.size() && inputs.size() > 1; ++k) {  // one at a time too
      INFO("only input " << k);
      std::vector<bool> dense(inputs.size(), true);
      dense[k] = false;
      same(op, expected, outcome(op, sample, inputs, dense));
    }
  });
  CHECK(live_nodes() == 0);
}

}  // namespace

TEST_CASE("every op: inputs cut from a larger buffer") { each_layout(sliced); }
TEST_CASE("every op: column-major inputs") { each_layout(column_major); }
TEST_CASE("every op: channels-last inputs") { each_layout(images_channels_last); }
TEST_CASE("every op: inputs expanded along the first axis") {
  each_layout([](const OpEntry& op, const Tensor& t) { return expanded(op, t, 0); });
}
TEST_CASE("every op: inputs expanded along the second axis") {
  each_layout([](const OpEntry& op, const Tensor& t) { return expanded(op, t, 1); });
}
