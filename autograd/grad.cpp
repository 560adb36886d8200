// SPDX-License-Identifier: MIT
// Reverse mode. Everything rests on two facts: a rule is made of ops, so recording the backward pass is nothing
// special; and an input's node is always older than its user's, so walking from the newest to the oldest meets every
// node after all its users, when its cotangent is complete.
#include "autograd/grad.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "autograd/detail/observer.h"
#include "autograd/rule.h"
#include "autograd/walk.h"

namespace stein {
namespace {

using detail::engine_add;
using detail::engine_stack;
using detail::engine_sum_to;

Tensor start_cotangent(const Tensor& output, const Tensors& given, std::size_t i, int batched) {
  if (!output.requires_grad())
    fail("grad", "outputs that were recorded", describe(output) + ", a constant",
         "does it depend on a tensor with requires_grad_()? integer and bool results have no gradient");
  if (i < given.size() && given[i].defined()) {
    const Tensor& c = given[i];
    if (c.dtype() != output.dtype() || c.rank() != output.rank() + batched ||
        c.shape().slice(batched, c.rank()) != output.shape())
      fail("grad",
           "a cotangent " + std::string(name_of(output.dtype())) + " of " + std::to_string(batched) +
               " batch axes + output shape " + to_string(output.shape()),
           describe(c), "batched says how many leading axes are a batch of cotangents");
    return c;
  }
  if (output.numel() != 1 || batched)
    fail("grad", "a cotangent for an output with more than one element", "none for " + describe(output),
         "reduce the output to a scalar, or pass cotangents");
  return ones_like(output);
}

// True when nobody else sees the memory of t, and each element has its own.
bool owns_memory(const Tensor& t) {
  return t.handle()->references() == 1 && t.impl().storage->references() == 1 && !has_repeated_axis(t);
}

// Broadcasting is undone here, once: `g` has the batch's axes and then a shape that broadcasts from the input's, so what
// is summed stands between the two.
Tensor undo_broadcasting(Tensor g, const Shape& batch, const Node& node, int k) {
  const auto& input = node.inputs[k];
  if (g.device() != input.device) g = g.to(input.device);  // a number from the cpu among operands of a device
  if (batch.empty() && g.shape() == input.shape && g.dtype() == input.dtype) return g;
  const int lead = batch.rank(), extra = g.rank() - lead - input.shape.rank();
  if (g.dtype() != input.dtype || extra < 0 || g.shape().slice(0, lead) != batch)
    fail("grad",
         "rule " + std::to_string(k) + " of op " + node.name() + " to return " + std::string(name_of(input.dtype)) +
             " of batch axes " + to_string(batch) + " + a shape that " + to_string(input.shape) + " broadcasts to",
         describe(g));
  if (extra == 0) {
    bool same = true;
    for (int i = 0; i < input.shape.rank(); ++i) same = same && g.size(lead + i) == input.shape[i];
    if (same) return g;
    return engine_sum_to(g, batch + input.shape);
  }
  return engine_sum_to(g, batch + Dims::filled(extra, 1) + input.shape).reshape(batch + input.shape);
}

// One lead index after the other, for ops whose rules cannot take a batch of cotangents.
Tensors vjp_in_a_loop(const Node& node, const Tensors& cotangents, int lead, std::uint64_t wanted) {
  Shape batch;
  for (const auto& c : cotangents)
    if (c.defined()) batch = c.shape().slice(0, lead);
  const auto n = numel(batch);
  std::vector<Tensors> parts(static_cast<std::size_t>(node.inputs.size()));
  for (std::int64_t b = 0; b < n; ++b) {
    Tensors one;
    for (int j = 0; j < node.outputs.size(); ++j) {
      const auto& c = cotangents[static_cast<std::size_t>(j)];
      one.push_back(c.defined() ? c.reshape(Shape{n} + node.outputs[j].shape)[b] : Tensor{});
    }
    auto r = node.op->vjp(node, one, 0, wanted);
    for (std::size_t k = 0; k < parts.size(); ++k)
      if (r[k].defined()) parts[k].push_back(undo_broadcasting(std::move(r[k]), {}, node, static_cast<int>(k)));
  }
  Tensors r(parts.size());
  for (std::size_t k = 0; k < parts.size(); ++k) {
    const auto& shape = node.inputs[static_cast<int>(k)].shape;
    if (n == 0 && wanted & bit(static_cast<int>(k)))
      r[k] = zeros(batch + shape, node.inputs[static_cast<int>(k)].dtype, node.inputs[static_cast<int>(k)].device);
    else if (!parts[k].empty())
      r[k] = engine_stack(parts[k]).reshape(batch + shape);
  }
  return r;
}

}  // namespace

Tensors detail::grad_edges(const Tensors& outputs, std::span<const Edge> inputs, const GradOptions& options,
                           std::uint64_t stop) {
  const int lead = options.batched;
  if (!options.cotangents.empty() && options.cotangents.size() != outputs.size())
    fail("grad", "one cotangent for each of " + std::to_string(outputs.size()) + " outputs",
         std::to_string(options.cotangents.size()));
  NoGrad guard(!options.create_graph);
  const bool free_kept = !options.retain_graph.value_or(options.create_graph);

  // What lies between outputs and inputs, and a place for the cotangent of every output of every node there.
  std::vector<Edge> from;
  for (std::size_t i = 0; i < outputs.size(); ++i) from.push_back(edge_of(outputs[i]));
  const Walk walk(from, inputs, stop);
  if (detail::observer) detail::observer->walk_begins();
  Tensors cotangent(static_cast<std::size_t>(walk.slots()));
  auto accumulate = [&](int slot, Tensor value) {
    Tensor& sum = cotangent[static_cast<std::size_t>(slot)];
    if (!sum.defined())
      sum = std::move(value);
    else if (options.create_graph || !owns_memory(sum) || !detail::engine_add_to(sum, value))
      sum = engine_add(sum, value);
  };

  // The walk starts with the cotangents of the outputs.
  Shape batch;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    Tensor start = start_cotangent(outputs[i], options.cotangents, i, lead);
    const Shape axes = start.shape().slice(0, lead);
    if (i > 0 && axes != batch)
      fail("grad", "the same batch axes " + to_string(batch) + " in all cotangents", describe(start));
    batch = axes;
    if (const int slot = walk.slot(from[i]); slot >= 0) accumulate(slot, std::move(start));
  }

  // The inputs asked for that wait at a slot, as a list: its first, and each one's next.
  std::vector<int> waiting(static_cast<std::size_t>(walk.slots()), -1), next(inputs.size(), -1);
  for (std::size_t w = 0; w < inputs.size(); ++w)
    if (const int slot = walk.slot(inputs[w]); slot >= 0)
      next[w] = std::exchange(waiting[static_cast<std::size_t>(slot)], static_cast<int>(w));
  Tensors result(inputs.size()), arrived;

  // From the newest node to the oldest: whoever used a node's outputs has been here before, so what has arrived is complete.
  for (int i = walk.size() - 1; i >= 0; --i) {
    if (!walk.reaches(i)) continue;
    Node& node = walk.node(i);
    arrived.resize(static_cast<std::size_t>(node.outputs.size()));
    bool any = false;
    for (std::size_t j = 0; j < arrived.size(); ++j) {
      const auto slot = static_cast<std::size_t>(walk.first_slot(i)) + j;
      arrived[j] = std::move(cotangent[slot]);
      any = any || arrived[j].defined();
      if (waiting[slot] >= 0 && arrived[j].defined() && arrived[j].dtype() != node.outputs[static_cast<int>(j)].dtype)
        fail("grad", "a leaf of dtype " + std::string(name_of(arrived[j].dtype())) + ", as it was when recorded",
             name_of(node.outputs[static_cast<int>(j)].dtype), "convert a module before the forward pass");
      for (int w = waiting[slot]; w >= 0; w = next[static_cast<std::size_t>(w)])
        result[static_cast<std::size_t>(w)] = arrived[j];
    }
    if (detail::observer && any) detail::observer->cotangents_arrived(node, arrived);
    if (!any || walk.is_end(i)) continue;

    std::uint64_t wanted = 0;
    for (int k = 0; k < node.inputs.size(); ++k)
      if (walk.input_slot(i, k) >= 0) wanted |= bit(k);
    if (!wanted) continue;  // a wanted intermediate result with nothing wanted behind it
    const OrderGuard order(node.order + 1);
    const detail::ModuleGuard module(node.module);
    const detail::ObservedRules observed;
    Tensors back = lead > 0 && !node.op->batched() ? vjp_in_a_loop(node, arrived, lead, wanted)
                                                   : node.op->vjp(node, arrived, lead, wanted);
    for (int k = 0; k < node.inputs.size(); ++k) {
      const int slot = walk.input_slot(i, k);
      Tensor& g = back[static_cast<std::size_t>(k)];
      if (slot < 0 || !g.defined()) continue;
      accumulate(slot, undo_broadcasting(std::move(g), batch, node, k));
    }
    if (free_kept) node.free_kept();
  }
  return result;
}

std::vector<Edge> detail::variables(const char* op, const Tensors& inputs) {
  std::vector<Edge> edges;
  for (const auto& t : inputs) {
    if (!t.requires_grad())
      fail(op, "inputs that require a gradient", describe(t) + ", a constant",
           "call requires_grad_() before the forward pass");
    // Ops compute the slices of a repeated axis once, so no derivative exists for each of them.
    if (has_repeated_axis(t))
      fail(op, "inputs whose elements all lie in memory", describe(t) + " with a repeated (expanded) axis",
           "ask for the derivative of what was expanded, or use its clone()");
    edges.push_back(edge_of(t));
  }
  return edges;
}

void detail::separate(Tensors& results, const Tensors& given) {
  for (auto r = results.begin(); r != results.end(); ++r) {
    if (!r->defined() || (r->handle()->references() == 1 && r->impl().storage->references() == 1)) continue;
    const auto shares = [&](const Tensor& t) { return t.defined() && t.impl().storage == r->impl().storage; };
    if (std::any_of(given.begin(), given.end(), shares) || std::any_of(results.begin(), r, shares)) *r = r->clone();
  }
}

Tensors grad(const Tensors& outputs, const Tensors& inputs, const GradOptions& options) {
  const std::vector<Edge> edges = detail::variables("grad", inputs);
  Tensors r = detail::grad_edges(outputs, edges, options);
  Shape batch;
  for (const auto& c : options.cotangents)
    if (c.defined()) batch = c.shape().slice(0, options.batched);
  for (std::size_t i = 0; i < r.size(); ++i)
    if (!r[i].defined()) r[i] = zeros(batch + inputs[i].shape(), inputs[i].dtype(), inputs[i].device());
  const NoGrad guard(!options.create_graph);
  detail::separate(r, options.cotangents);
  return r;
}

Tensor grad(const Tensor& output, const Tensor& input, const GradOptions& options) {
  return grad(Tensors{output}, Tensors{input}, options)[0];
}

void Tensor::backward(const Tensor& cotangent) const {
  const Edge start = edge_of(*this);
  const Walk walk = Walk::whole({&start, 1});
  std::vector<Edge> leaves;
  for (int i = 0; i < walk.size(); ++i)
    if (walk.node(i).is_leaf()) leaves.push_back({Ref<Node>(&walk.node(i)), 0});
  GradOptions options;
  options.cotangents = {cotangent};
  Tensors g = detail::grad_edges({*this}, leaves, options);
  const NoGrad guard;
  static std::mutex accumulating;  // several threads may differentiate graphs with the same leaves
  const std::lock_guard lock(accumulating);
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    Tensor& sum = leaves[i].node->grad;
    if (!g[i].defined()) continue;
    // A user may write grad() in place: it must be nobody else's memory (the cotangent's, another leaf's).
    if (sum.defined())
      sum = engine_add(sum, g[i]);
    else
      sum = owns_memory(g[i]) ? g[i].detach() : g[i].clone();
  }
}

}  // namespace stein
