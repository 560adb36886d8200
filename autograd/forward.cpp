// SPDX-License-Identifier: MIT
#include "autograd/forward.h"

#include <algorithm>

#include "autograd/alias.h"
#include "autograd/rule.h"
#include "autograd/walk.h"

namespace stein {

const char* name_of(Kind kind) {
  static const char* const names[] = {"elementwise", "linear", "bilinear", "fused", "general"};
  return names[static_cast<int>(kind)];
}

Tensors push_forward(const Tensors& outputs, const Tensors& inputs, const Tensors& tangents, int lead,
                     bool create_graph) {
  if (tangents.size() != inputs.size())
    fail("jvp", "one tangent for each of " + std::to_string(inputs.size()) + " inputs",
         std::to_string(tangents.size()));
  const std::vector<Edge> wanted = detail::variables("jvp", inputs);
  Shape batch;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Tensor &x = inputs[i], &t = tangents[i];
    if (t.dtype() != x.dtype() || t.rank() != x.rank() + lead || t.shape().slice(lead, t.rank()) != x.shape())
      fail("jvp", "a tangent of " + std::to_string(lead) + " batch axes + " + describe(x), describe(t));
    const Shape mine = t.shape().slice(0, lead);
    if (i > 0 && mine != batch)
      fail("jvp", "the same batch axes " + to_string(batch) + " in all tangents", describe(t));
    batch = mine;
  }
  Tensors r = detail::push_edges(outputs, wanted, tangents, lead, create_graph);
  for (std::size_t j = 0; j < outputs.size(); ++j)
    if (!r[j].defined()) r[j] = zeros(batch + outputs[j].shape(), outputs[j].dtype(), outputs[j].device());
  return r;
}

Tensors detail::push_edges(const Tensors& outputs, std::span<const Edge> inputs, const Tensors& tangents, int lead,
                           bool create_graph, std::uint64_t stop) {
  std::vector<Edge> from;
  for (const auto& t : outputs) from.push_back(edge_of(t));
  NoGrad guard(!create_graph);
  const Walk walk(from, inputs, stop);
  Tensors tangent(static_cast<std::size_t>(walk.slots()));
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (const int slot = walk.slot(inputs[i]); slot >= 0) {
      Tensor& t = tangent[static_cast<std::size_t>(slot)];
      t = t.defined() ? detail::engine_add(t, tangents[i]) : tangents[i];
    }

  for (int i = 0; i < walk.size(); ++i) {
    Node& node = walk.node(i);
    if (!walk.reaches(i) || walk.is_end(i)) continue;
    Tensors in(static_cast<std::size_t>(node.inputs.size()));
    bool any = false;
    for (int k = 0; k < node.inputs.size(); ++k)
      if (const int slot = walk.input_slot(i, k); slot >= 0) {
        in[static_cast<std::size_t>(k)] = tangent[static_cast<std::size_t>(slot)];
        any = any || in[static_cast<std::size_t>(k)].defined();
      }
    if (!any) continue;
    const detail::OrderGuard order(node.order + 1);
    const detail::ModuleGuard module(node.module);
    Tensors out = node.op->jvp(node, in, lead);
    for (std::size_t j = 0; j < out.size(); ++j) {
      // A wanted intermediate result keeps the tangent it was given beside what flows into it.
      Tensor& t = tangent[static_cast<std::size_t>(walk.first_slot(i)) + j];
      if (out[j].defined()) t = t.defined() ? detail::engine_add(t, out[j]) : out[j];
    }
  }

  Tensors r;
  for (const auto& e : from) {
    const int slot = walk.slot(e);
    r.push_back(slot >= 0 ? tangent[static_cast<std::size_t>(slot)] : Tensor{});
  }
  return r;
}

namespace detail {
namespace {

// Lead axes + core shape, core padded with 1s on its left up to `rank`, so that it broadcasts against lead + output.
Tensor align(const Tensor& t, int lead, int rank) {
  Shape s = t.shape().slice(0, lead);
  for (int i = t.rank() - lead; i < rank; ++i) s.push_back(1);
  return t.reshape(s + t.shape().slice(lead, t.rank()));
}

Shape batch_of(std::span<const Tensor> ts, int lead) {
  for (const auto& t : ts)
    if (t.defined()) return t.shape().slice(0, lead);
  return {};
}

Tensor zeros_expanded(const Shape& shape, DType dtype, const Device& device) {
  return full({}, 0, dtype, device).expand(shape);
}

}  // namespace

Tensor RuleCall::cotangent(int j) const {
  const Tensor& c = cotangents[static_cast<std::size_t>(j)];
  const auto& out = node.outputs[j];
  return c.defined() ? c : zeros_expanded(batch_of(cotangents, lead) + out.shape, out.dtype, out.device);
}

void no_rule(const Node& node, int input) {
  fail("grad", "ops with a gradient on the way to the input",
       std::string(node.name()) + ", which has none for input " + std::to_string(input),
       "detach() the tensor before this op if no derivative is meant");
}

void mixed_devices(const char* op, const Tensors& inputs) {
  fail(op, "tensors on one device", describe(inputs), "move them with to(device)");
}

void attach(Ref<const Op> op, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  auto node = make_ref<Node>(std::move(op), inputs, outputs);
  for (std::size_t j = 0; j < outputs.size(); ++j)
    if (is_floating(outputs[j].dtype())) {
      // forward may return its input, one tensor twice or an attribute: their handles belong to others.
      if (outputs[j].handle()->references() > 1) outputs[j] = outputs[j].detach();
      outputs[j].impl().node = node;
      outputs[j].impl().output = static_cast<int>(j);
    }
}

// dy = sum_k (dy/dx_k) t_k, and a diagonal Jacobian is its own transpose.
Tensor jvp_elementwise(const Op& op, const Node& node, std::span<const Tensor> tangents, int lead) {
  const Shape target = batch_of(tangents, lead) + node.outputs[0].shape;
  Tensor sum;
  for (int k = 0; k < node.inputs.size(); ++k) {
    const Tensor& t = tangents[static_cast<std::size_t>(k)];
    if (!t.defined()) continue;
    const Tensor g = align(t.to(node.outputs[0].device), lead, node.outputs[0].shape.rank()).expand(target);
    Tensor part = op.vjp(node, {&g, 1}, lead, bit(k))[static_cast<std::size_t>(k)];
    if (part.defined()) sum = sum.defined() ? engine_add(sum, part) : part;  // undefined: zero everywhere
  }
  if (!sum.defined()) return zeros_expanded(target, node.outputs[0].dtype, node.outputs[0].device);
  return sum.shape() == target ? sum : sum.expand(target);
}

Tensors jvp_linear(const Op& op, const Node& node, std::span<const Tensor> tangents, int lead) {
  Tensors in;
  for (int k = 0; k < node.inputs.size(); ++k) {
    const auto& t = tangents[static_cast<std::size_t>(k)];
    const auto& i = node.inputs[k];
    if (t.defined())
      in.push_back(t);
    else if (is_floating(i.dtype))
      in.push_back(zeros_expanded(batch_of(tangents, lead) + i.shape, i.dtype, i.device));
    else
      in.push_back(node.input(k));
  }
  return op.apply(in);
}

Tensors jvp_bilinear(const Op& op, const Node& node, std::span<const Tensor> tangents, int lead) {
  Tensor sum;
  for (int k = 0; k < 2; ++k) {
    if (!tangents[static_cast<std::size_t>(k)].defined()) continue;
    Tensor in[2];
    in[k] = tangents[static_cast<std::size_t>(k)];
    in[1 - k] = node.input(1 - k);
    // Lead axes stand left of everything the op calls its own.
    in[k] = align(in[k], lead, std::max(in[k].rank() - lead, node.outputs[0].shape.rank()));
    Tensor part = op.apply(in)[0];
    sum = sum.defined() ? engine_add(sum, part) : part;
  }
  return {sum};
}

// The VJP g -> J^T g is linear in g, so its own VJP is t -> J t.
Tensors jvp_transposed(const Op& op, const Node& node, std::span<const Tensor> tangents, int lead) {
  const bool create_graph = is_recording();
  std::uint64_t wanted = 0;
  for (int k = 0; k < node.inputs.size(); ++k)
    if (tangents[static_cast<std::size_t>(k)].defined()) wanted |= bit(k);
  Tensors dummies, outputs, cotangents;
  {
    NoGrad on(false);
    for (int j = 0; j < node.outputs.size(); ++j) {
      const auto& o = node.outputs[j];
      dummies.push_back(is_floating(o.dtype) ? zeros(o.shape, o.dtype, o.device).requires_grad_() : Tensor{});
    }
    Tensors back = op.vjp(node, dummies, 0, wanted);
    for (std::size_t k = 0; k < back.size(); ++k)
      if (tangents[k].defined() && back[k].defined()) {
        Tensor b = engine_sum_to(back[k], node.inputs[static_cast<int>(k)].shape);
        if (!b.requires_grad()) continue;  // a derivative that is zero everywhere
        outputs.push_back(b);
        cotangents.push_back(tangents[k]);
      }
  }
  Tensors asked, r(dummies.size());
  for (const auto& d : dummies)
    if (d.defined()) asked.push_back(d);
  GradOptions options;
  options.cotangents = cotangents;
  options.create_graph = create_graph;
  options.retain_graph = true;
  options.batched = lead;
  Tensors g = outputs.empty() ? Tensors(asked.size()) : [&] {
    std::vector<Edge> edges;
    for (const auto& d : asked) edges.push_back(edge_of(d));
    return grad_edges(outputs, edges, options);
  }();
  std::size_t next = 0;
  for (std::size_t j = 0; j < r.size(); ++j)
    if (dummies[j].defined()) {
      r[j] = g[next++];
      if (!r[j].defined())
        r[j] = zeros_expanded(batch_of(tangents, lead) + dummies[j].shape(), dummies[j].dtype(), dummies[j].device());
    }
  return r;
}

namespace {

// The inputs of `node` as fresh aliases: differentiating with respect to them stops at the op's own boundary.
Tensors boundary(const Node& node, Tensors& asked, std::vector<int>& position, std::uint64_t wanted) {
  Tensors in;
  for (int k = 0; k < node.inputs.size(); ++k) {
    Tensor x = node.input(k);
    if (wanted & bit(k)) {
      x = x.requires_grad() ? alias(x) : x.detach().requires_grad_();
      asked.push_back(x);
      position.push_back(k);
    }
    in.push_back(x);
  }
  return in;
}

}  // namespace

Tensors vjp_composite(const Composite& f, const Node& node, std::span<const Tensor> cotangents, int lead,
                      std::uint64_t wanted) {
  const bool create_graph = is_recording();
  Tensors asked, outputs, given, r(static_cast<std::size_t>(node.inputs.size()));
  std::vector<int> position;
  {
    NoGrad on(false);
    Tensors all = f(boundary(node, asked, position, wanted));
    for (std::size_t j = 0; j < all.size(); ++j)
      if (cotangents[j].defined() && all[j].requires_grad()) {
        outputs.push_back(all[j]);
        given.push_back(cotangents[j]);
      }
  }
  if (outputs.empty()) return r;
  std::vector<Edge> edges;
  for (const auto& a : asked) edges.push_back(edge_of(a));
  GradOptions options;
  options.cotangents = given;
  options.create_graph = create_graph;
  options.batched = lead;
  Tensors g = grad_edges(outputs, edges, options);
  for (std::size_t i = 0; i < g.size(); ++i) r[static_cast<std::size_t>(position[i])] = g[i];
  return r;
}

Tensors jvp_composite(const Composite& f, const Node& node, std::span<const Tensor> tangents, int lead) {
  const bool create_graph = is_recording();
  Tensors asked, given, outputs;
  std::vector<int> position;
  std::uint64_t wanted = 0;
  for (int k = 0; k < node.inputs.size(); ++k)
    if (tangents[static_cast<std::size_t>(k)].defined()) wanted |= bit(k);
  {
    NoGrad on(false);
    outputs = f(boundary(node, asked, position, wanted));
  }
  for (int k : position) given.push_back(tangents[static_cast<std::size_t>(k)]);
  return push_forward(outputs, asked, given, lead, create_graph);
}

}  // namespace detail
}  // namespace stein
