// SPDX-License-Identifier: MIT
#include "smld/detail/chains.h"

#include <algorithm>
#include <string_view>

#include "autograd/walk.h"
#include "ops/ops.h"
#include "tensor/random.h"

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
    // Of a device a factor of 1 stays: to look at it is to wait for it.
    if (s.device() == cpu && s.numel() == 1 && !s.requires_grad() && s.item() == 1) return;
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
    if (in != out)
      for (auto& c : chains) times_matrix(c, ones({n, 1}, node.outputs[0].dtype, node.outputs[0].device));
    const Tensor one = full({}, 1, node.outputs[0].dtype, node.outputs[0].device).expand(out);
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

  // Reads the matrix of a linear op off its columns for one sample. It speaks for the others when the op is (B times) that matrix:
  // tried on one random tangent V, A V against V M^T, along a random direction r. An op that moves samples, or treats them
  // differently (gather), fails.
  bool linear(const Node& node, int k, Chains& chains) const {
    if (node.name() == std::string_view("reshape")) return true;
    const Shape &in = node.inputs[k].shape, &out = node.outputs[0].shape;
    const auto n = width(in), m = width(out);
    const DType dtype = node.outputs[0].dtype;
    const Device device = node.outputs[0].device;
    const auto push = [&](const Tensor& tangent, int lead) {
      Tensors tangents(static_cast<std::size_t>(node.inputs.size()));
      for (int j = 0; j < node.inputs.size(); ++j)
        if (j == k)
          tangents[static_cast<std::size_t>(j)] = tangent;
        else if (is_floating(node.inputs[j].dtype))  // indices stay what they are
          tangents[static_cast<std::size_t>(j)] =
              full({}, 0, dtype, device).expand((lead ? Shape{n} : Shape{}) + node.inputs[j].shape);
      return node.op->jvp(node, tangents, lead)[0];
    };
    const Tensor units = reshape(eye(n, dtype, device), Shape{n, 1} + in.slice(1, in.rank())).expand(Shape{n} + in);
    const Tensor columns = reshape(narrow(push(units, 1), 1, 0, 1), {n, m});
    Generator g(0x7472616365);
    const Tensor v = randn(in, g, dtype, device), r = randn({m, 1}, g, dtype, device);
    const Tensor got = matmul(reshape(push(v, 0), {batch, m}), r).detach(),
                 expected = matmul(reshape(v, {batch, n}), matmul(columns, r)).detach();
    const Tensor scale = amax(abs(expected)) + amax(abs(got));
    if (!(amax(abs(got - expected)) <= (dtype == f32 ? 1e-3 : 1e-9) * scale).item<bool>())
      return give_up(node, "does not do the same to every sample");
    for (auto& c : chains) times_matrix(c, transpose(columns));
    return true;
  }

  // Whether a rule exists, by kind and shapes alone: nothing is computed for a model that has none.
  bool has_rule(const Node& node, int k, std::int64_t memory) const {
    if (node.outputs.size() != 1) return give_up(node, "several results");
    const Shape &in = node.inputs[k].shape, &out = node.outputs[0].shape;
    if (numel(out) % batch != 0 || out.empty())
      fail("trace", "a model that keeps the samples of the batch apart",
           std::string(node.name()) + " with a result " + to_string(out));
    if (node.inputs[k].dtype != node.outputs[0].dtype) return give_up(node, "changes the dtype, and a ring has one");
    switch (node.op->kind()) {
      case Kind::elementwise:
        if (in != out && (in.rank() != 2 || out.rank() != 2 || in[0] != batch || in[1] != 1))
          return give_up(node, "broadcasts its input");
        return true;
      case Kind::bilinear:
        if (node.name() != std::string_view("matmul")) return give_up(node, "no matrix product");
        if (k != 0 || node.inputs[1].shape.rank() != 2 || in.rank() != 2 || in[0] != batch)
          return give_up(node, "not with a matrix shared by the batch");
        return true;
      case Kind::linear:
        if (in.empty() || in[0] != batch || out[0] != batch) return give_up(node, "moves the batch axis");
        if (node.name() != std::string_view("reshape") && static_cast<double>(numel(in)) *
                                                                  static_cast<double>(width(out)) *
                                                                  static_cast<double>(size_of(node.outputs[0].dtype)) >
                                                              static_cast<double>(memory))
          return give_up(node, "its matrix takes more memory than allowed");
        return true;
      default:
        return give_up(node, "no rule for chains");
    }
  }

  bool step(const Node& node, int k, Chains& chains) const {
    switch (node.op->kind()) {
      case Kind::elementwise:
        return elementwise(node, k, chains);
      case Kind::bilinear:
        for (auto& c : chains) times_matrix(c, transpose(node.input(1)));  // x W
        return true;
      default:
        return linear(node, k, chains);
    }
  }
};

}  // namespace

std::optional<Chains> jacobian_chains(const Tensor& s, const Tensor& x, std::int64_t memory, std::string& why) {
  const Edge from = edge_of(s), to = edge_of(x);
  const Walk walk({&from, 1}, {&to, 1});
  const Walker walker{x.size(0), why};
  std::vector<Chains> at(static_cast<std::size_t>(walk.slots()));
  const int start = walk.slot(to);
  if (start < 0) return Chains{};  // s does not depend on x
  at[static_cast<std::size_t>(start)] = {Chain{}};
  const auto passed = [&](int i) { return !walk.reaches(i) || walk.is_end(i) || walk.first_slot(i) == start; };
  for (int i = 0; i < walk.size(); ++i)
    for (int k = 0; !passed(i) && k < walk.node(i).inputs.size(); ++k)
      if (walk.input_slot(i, k) >= 0 && !walker.has_rule(walk.node(i), k, memory)) return std::nullopt;
  for (int i = 0; i < walk.size(); ++i) {
    const Node& node = walk.node(i);
    if (passed(i)) continue;
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
