// SPDX-License-Identifier: MIT
#include "autograd/node.h"

#include <algorithm>
#include <vector>

#include "autograd/detail/captures.h"
#include "tensor/recording.h"

namespace stein {
namespace {

std::atomic<std::uint64_t> next_id{1};
std::atomic<std::int64_t> live{0};

[[noreturn]] void stale(const Node& node, const Tensor& kept, std::uint32_t version, bool freed, const char* what,
                        int k) {
  const std::string which = std::string(what) + " " + std::to_string(k) + " of op " + node.name();
  if (!kept.defined())
    fail("grad", "the kept " + which,
         freed ? "a graph that an earlier walk has freed" : "a rule that reads what it does not declare",
         freed ? "pass retain_graph = true to the earlier grad or backward" : "name it in the rule's parameters");
  fail("grad", "the kept " + which + " as it was when recorded (version " + std::to_string(version) + ")",
       describe(kept) + " written in place since (version " + std::to_string(kept.impl().storage->version()) + ")",
       "write to a clone() instead");
}

const Tensor& checked(const Node& node, const Tensor& kept, std::uint32_t version, bool freed, const char* what,
                      int k) {
  if (!kept.defined() || kept.impl().storage->version() != version) stale(node, kept, version, freed, what, k);
  return kept;
}

}  // namespace

Edge edge_of(const Tensor& t) {
  if (!t.requires_grad()) return {};
  return {Ref<Node>(static_cast<Node*>(t.impl().node.get())), t.impl().output};
}

Node::Node(Ref<const Op> o, std::span<const Tensor> in, std::span<const Tensor> out)
    : id(next_id.fetch_add(1, std::memory_order_relaxed)),
      order(detail::current_order),
      module(detail::current_module),
      op(std::move(o)),
      inputs(static_cast<int>(in.size())),
      outputs(static_cast<int>(out.size())) {
  live.fetch_add(1, std::memory_order_relaxed);
  std::uint64_t keep_inputs = 0, keep_outputs = 0;  // bit k: some rule that may be asked for reads it
  for (int k = 0; k < inputs.size(); ++k) {
    const Tensor& t = in[static_cast<std::size_t>(k)];
    auto& i = inputs[k];
    i.edge = edge_of(t);
    i.shape = t.shape();
    i.dtype = t.dtype();
    i.device = t.device();
    if (!i.edge.node) continue;
    detail::Captures::see(t, i.edge);
    const auto needs = op->needs(k);
    keep_inputs |= needs.inputs;
    keep_outputs |= needs.outputs;
  }
  for (int k = 0; k < inputs.size(); ++k)
    if (keep_inputs & bit(k)) {
      inputs[k].kept = in[static_cast<std::size_t>(k)];
      inputs[k].version = inputs[k].kept.impl().storage->version();
    }
  for (int k = 0; k < outputs.size(); ++k) {
    const Tensor& t = out[static_cast<std::size_t>(k)];
    auto& o2 = outputs[k];
    o2.shape = t.shape();
    o2.dtype = t.dtype();
    o2.device = t.device();
    if (keep_outputs & bit(k)) {
      o2.kept = t.detach();
      o2.version = t.impl().storage->version();
    }
  }
}

Node::Node(const Tensor& t)
    : id(next_id.fetch_add(1, std::memory_order_relaxed)), order(0), module(0), inputs(0), outputs(1) {
  live.fetch_add(1, std::memory_order_relaxed);
  outputs[0].shape = t.shape();
  outputs[0].dtype = t.dtype();
  outputs[0].device = t.device();
}

Node::~Node() { live.fetch_sub(1, std::memory_order_relaxed); }

// A chain of a million nodes must not be destroyed by a million nested calls: the first destroy of a thread works off
// a list to which the nested ones only add.
void Node::destroy() const {
  thread_local std::vector<const Node*>* pending = nullptr;
  if (pending) {
    pending->push_back(this);
    return;
  }
  std::vector<const Node*> list{this};
  pending = &list;
  while (!list.empty()) {
    const Node* n = list.back();
    list.pop_back();
    delete n;
  }
  pending = nullptr;
}

Tensor Node::input(int k) const {
  const Tensor& t = checked(*this, inputs[k].kept, inputs[k].version, freed_, "input", k);
  const auto& edge = inputs[k].edge;
  if (t.impl().node.get() == edge.node.get()) return t;
  Tensor r = t.detach();  // requires_grad_() was called on it since: what counts is how it was when recorded
  r.impl().node = edge.node;
  r.impl().output = edge.output;
  return r;
}

Tensor Node::output(int k) const {
  const Tensor& t = checked(*this, outputs[k].kept, outputs[k].version, freed_, "output", k);
  if (!is_recording() || !is_floating(t.dtype())) return t;
  Tensor r = t.detach();
  r.impl().node = Ref<GraphNode>(const_cast<Node*>(this));
  r.impl().output = k;
  return r;
}

void Node::free_kept() {
  for (auto& i : inputs) i.kept = {};
  for (auto& o : outputs) o.kept = {};
  freed_ = true;
}

std::int64_t live_nodes() { return live.load(); }

namespace detail {

std::uint64_t next_node_id() { return next_id.load(std::memory_order_relaxed); }

Tensors Captures::tensors(const Tensors& results) const {
  const auto key = [](const Tensor& t) { return std::pair(static_cast<Node&>(*t.impl().node).id, t.impl().output); };
  Tensors r = seen_;
  for (const auto& t : results)
    if (t.requires_grad() && key(t).first < before_) r.push_back(t);
  std::sort(r.begin(), r.end(), [&](const Tensor& a, const Tensor& b) { return key(a) < key(b); });
  r.erase(std::unique(r.begin(), r.end(), [&](const Tensor& a, const Tensor& b) { return key(a) == key(b); }), r.end());
  return r;
}

}  // namespace detail

// ---- the members of Tensor that deal with leaves ----

bool Tensor::is_leaf() const { return !requires_grad() || static_cast<Node&>(*impl().node).is_leaf(); }

Tensor& Tensor::requires_grad_(bool on) {
  if (!is_leaf())
    fail("requires_grad_", "a leaf", describe(*this) + ", the result of a recorded op", "detach() it first");
  if (on && !is_floating(dtype())) fail("requires_grad_", "a floating dtype (f32 or f64)", describe(*this));
  // Ops compute one slice of what is repeated, which is right for its sum over the axis, not for each element. The copy
  // has a handle of its own, because nodes may have kept the old one.
  if (on && !requires_grad() && has_repeated_axis(*this)) *this = detail::dense_copy(*this);
  if (on && !requires_grad()) impl().node = make_ref<Node>(*this);
  if (!on) impl().node = nullptr;
  return *this;
}

Tensor Tensor::grad() const { return requires_grad() && is_leaf() ? static_cast<Node&>(*impl().node).grad : Tensor{}; }

void Tensor::set_grad(const Tensor& value) {
  if (!requires_grad() || !is_leaf()) fail("set_grad", "a leaf that requires a gradient", describe(*this));
  if (value.defined() && (value.shape() != shape() || value.dtype() != dtype()))
    fail("set_grad", describe(*this), describe(value));
  static_cast<Node&>(*impl().node).grad = value.defined() ? value.detach() : value;
}

}  // namespace stein
