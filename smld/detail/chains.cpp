// SPDX-License-Identifier: MIT
#include "smld/detail/chains.h"

#include <algorithm>
#include <string_view>

#include "autograd/walk.h"
#include "ops/ops.h"

namespace stein::smld::detail {
namespace {

using Chains = std::vector<Chain>;
constexpr std::size_t kMost = 16;

// What one walk needs to know; `why` is filled by whoever gives up.
struct Walker {
  std::int64_t batch;
  std::string& why;

  std::int64_t width(const Shape& shape) const { return numel(shape) / batch; }

  bool give_up(const Node& node, const char* reason) const {
    why = std::string(node.name()) + " (" + reason + ")";
    return false;
  }

  static void times_scale(Chain& c, const Tensor& s) {
    if (s.numel() == 1 && !s.requires_grad() && s.item() == 1) return;
    c.scale = c.scale.defined() ? c.scale * s : s;
  }

  // diag(d) c, d expanded to (B, n).
  static void times_diagonal(Chain& c, Tensor d) {
    for (int axis : {0, 1})
      if (d.size(axis) > 1 && d.strides()[axis] == 0) d = narrow(d, axis, 0, 1);
    if (d.size(1) == 1) return times_scale(c, d);
    if (!c.factors.empty() && c.factors.back().kind == Factor::diagonal) {
      c.factors.back().t = c.factors.back().t * d;
    } else if (!c.factors.empty() && d.size(0) == 1) {
      c.factors.back().t = transpose(d) * c.factors.back().t;  // rows of the matrix, once for all samples
    } else {
      c.factors.push_back({Factor::diagonal, d});
    }
  }

  static void times_matrix(Chain& c, const Tensor& m) { c.factors.push_back({Factor::matrix, m}); }

  // Element by element: a per-sample diagonal for each input, which may have been (B, 1).
  bool elementwise(const Node& node, int k, Chains& chains) const {
    const Shape &in = node.inputs[k].shape, &out = node.outputs[0].shape;
    const auto n = width(out);
    if (in != out) {
      if (in.rank() != 2 || out.rank() != 2 || in[0] != batch || in[1] != 1)
        return give_up(node, "broadcasts its input");
      for (auto& c : chains) times_matrix(c, ones({n, 1}, node.outputs[0].dtype));
    }
    const Tensor one = scalar(1, node.outputs[0].dtype).expand(out);
    Tensor d = node.op->vjp(node, {&one, 1}, 0, bit(k))[static_cast<std::size_t>(k)];
    if (!d.defined()) {
      chains.clear();
      return true;
    }
    const bool constant = std::all_of(d.strides().begin(), d.strides().end(), [](auto s) { return s == 0; });
    if (constant) {
      for (int axis = 0; axis < d.rank(); ++axis) d = narrow(d, axis, 0, 1);
      d = reshape(d, {1, 1}).expand({batch, n});
    } else {
      d = reshape(d.shape() == out ? d : d.expand(out), {batch, n});
    }
    for (auto& c : chains) times_diagonal(c, d);
    return true;
  }

  // x W, W shared by the batch.
  bool product(const Node& node, int k, Chains& chains) const {
    const Shape& in = node.inputs[0].shape;
    if (k != 0 || node.inputs[1].shape.rank() != 2 || in.rank() != 2 || in[0] != batch)
      return give_up(node, "not with a matrix shared by the batch");
    for (auto& c : chains) times_matrix(c, transpose(node.input(1)));
    return true;
  }

  // Reads the matrix of a linear op off its columns, which must be the same for all samples.
  bool linear(const Node& node, int k, Chains& chains) const {
    const std::string_view name = node.name();
    const Shape &in = node.inputs[k].shape, &out = node.outputs[0].shape;
    if (in.empty() || in[0] != batch || out.empty() || out[0] != batch) return give_up(node, "moves the batch axis");
    if (name == "reshape") return true;
    const auto n = width(in), m = width(out);
    const DType dtype = node.outputs[0].dtype;
    Tensors tangents(static_cast<std::size_t>(node.inputs.size()));
    for (int j = 0; j < node.inputs.size(); ++j)  // one sample speaks for all
      tangents[static_cast<std::size_t>(j)] =
          (j == k ? reshape(eye(n, dtype), Shape{n, 1} + in.slice(1, in.rank()))
                  : zeros(Shape{n, 1} + node.inputs[j].shape.slice(1, node.inputs[j].shape.rank()), dtype))
              .expand(Shape{n} + node.inputs[j].shape);
    const Tensor columns = node.op->jvp(node, tangents, 1)[0];  // (n, B, ...)
    for (auto& c : chains) times_matrix(c, transpose(reshape(narrow(columns, 1, 0, 1), {n, m})));
    return true;
  }

  bool step(const Node& node, int k, Chains& chains) const {
    if (node.outputs.size() != 1) return give_up(node, "several results");
    if (numel(node.outputs[0].shape) % batch != 0 || node.outputs[0].shape.empty())
      fail("trace", "a model that keeps the samples of the batch apart",
           std::string(node.name()) + " with a result " + to_string(node.outputs[0].shape));
    switch (node.op->kind()) {
      case Kind::elementwise:
        return elementwise(node, k, chains);
      case Kind::bilinear:
        return node.op->name() == std::string_view("matmul") ? product(node, k, chains)
                                                             : give_up(node, "no matrix product");
      case Kind::linear:
        return linear(node, k, chains);
      default:
        return give_up(node, "no rule for chains");
    }
  }
};

}  // namespace

std::optional<Chains> jacobian_chains(const Tensor& s, const Tensor& x, std::string& why) {
  const Edge from = edge_of(s), to = edge_of(x);
  const Walk walk({&from, 1}, {&to, 1});
  const Walker walker{x.size(0), why};
  std::vector<Chains> at(static_cast<std::size_t>(walk.slots()));
  const int start = walk.slot(to);
  if (start < 0) return Chains{};  // s does not depend on x
  at[static_cast<std::size_t>(start)] = {Chain{}};
  for (int i = 0; i < walk.size(); ++i) {
    const Node& node = walk.node(i);
    if (!walk.reaches(i) || walk.is_end(i) || walk.first_slot(i) == start) continue;
    Chains sum;
    for (int k = 0; k < node.inputs.size(); ++k) {
      const int slot = walk.input_slot(i, k);
      if (slot < 0) continue;
      Chains part = at[static_cast<std::size_t>(slot)];
      if (!walker.step(node, k, part)) return std::nullopt;
      sum.insert(sum.end(), part.begin(), part.end());
    }
    if (sum.size() > kMost) {
      why = "more than " + std::to_string(kMost) + " chains at " + node.name();
      return std::nullopt;
    }
    at[static_cast<std::size_t>(walk.first_slot(i))] = std::move(sum);
  }
  return at[static_cast<std::size_t>(walk.slot(from))];
}

}  // namespace stein::smld::detail
