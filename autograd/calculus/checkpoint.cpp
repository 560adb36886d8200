// SPDX-License-Identifier: MIT
#include "autograd/calculus/checkpoint.h"

#include "autograd/alias.h"
#include "autograd/detail/captures.h"
#include "autograd/forward.h"
#include "autograd/grad.h"
#include "autograd/rule.h"
#include "ops/exact_convolution.h"
#include "tensor/device_math.h"
#include "tensor/random.h"
#include "tensor/recording.h"

namespace stein {
namespace {

// What a run of a function depends on besides its inputs and captures: this thread's switches and the numbers it draws.
struct Setting {
  Generator::State random = default_generator().state();
  detail::DeviceMath math = detail::device_math;
  bool exact_convolution = detail::exact_convolution;
};

// While alive, this thread is in an earlier setting.
class Restored {
 public:
  explicit Restored(const Setting& s) : draws_(s.random), convolution_(s.exact_convolution) {
    detail::device_math = s.math;
  }
  ~Restored() { detail::device_math = before_; }
  Restored(const Restored&) = delete;
  Restored& operator=(const Restored&) = delete;

 private:
  Substitute draws_;
  ExactConvolution convolution_;
  detail::DeviceMath before_ = detail::device_math;
};

// One run of a function, recorded on variables of its own.
struct Run {
  Tensors inputs, outputs;
  std::uint64_t before;  // nodes from outside have smaller numbers
};

// `linked`: the variables are tied to the graph outside.
Run run(const TensorsFunction& f, std::span<const Tensor> inputs, bool linked) {
  Run r;
  const NoGrad record(false);
  r.before = detail::next_node_id();
  for (const auto& x : inputs)
    r.inputs.push_back(!x.requires_grad() ? x : linked ? alias(x) : x.detach().requires_grad_());
  r.outputs = f(r.inputs);
  return r;
}

// f as it first ran. What is done with the graph afterwards is under the settings of its own time, as without a checkpoint.
Run run_again(const TensorsFunction& f, const Setting& first, std::span<const Tensor> inputs, bool linked) {
  const Restored setting(first);
  return run(f, inputs, linked);
}

Tensors joined(std::span<const Tensor> a, std::span<const Tensor> b) {
  Tensors r(a.begin(), a.end());
  r.insert(r.end(), b.begin(), b.end());
  return r;
}

// f(inputs) under no graph, then one node for it.
Tensors record_checkpoint(const TensorsFunction& f, const Tensors& inputs, const Tensors& captured,
                          const Setting& first, Tensors outputs);

class Checkpoint final : public Op {
 public:
  Checkpoint(TensorsFunction f, int explicit_inputs, const Setting& first)
      : f_(std::move(f)), explicit_(explicit_inputs), first_(first) {}

  const char* name() const override { return "checkpoint"; }
  Kind kind() const override { return Kind::general; }
  bool batched() const override { return true; }
  Needs needs(int) const override { return {~std::uint64_t{0}, 0}; }

  Tensors vjp(const Node& node, std::span<const Tensor> cotangents, int lead, std::uint64_t wanted) const override {
    std::vector<int> asked;
    for (int k = 0; k < node.inputs.size(); ++k)
      if ((wanted & bit(k)) && node.inputs[k].edge.node) asked.push_back(k);
    const TensorsFunction back = [f = f_, first = first_, n = explicit_, lead, asked, outside = captured(node),
                                  has = defined(cotangents)](const Tensors& z) {
      const auto [inputs, given] = split(z, n);
      const bool create_graph = is_recording();
      const Run r = run_again(f, first, inputs, create_graph);
      Tensors from;
      GradOptions options;
      options.batched = lead;
      options.create_graph = create_graph;
      for (std::size_t j = 0, next = 0; j < has.size(); ++j) {
        if (!has[j]) continue;
        const Tensor& c = given[next++];
        if (!r.outputs[j].requires_grad()) continue;
        from.push_back(r.outputs[j]);
        options.cotangents.push_back(c);
      }
      std::vector<Edge> to;
      for (int k : asked)
        to.push_back(edge_of(k < n ? r.inputs[static_cast<std::size_t>(k)] : outside[static_cast<std::size_t>(k - n)]));
      Tensors g = from.empty() ? Tensors(to.size()) : detail::grad_edges(from, to, options, r.before);
      for (std::size_t i = 0; i < g.size(); ++i)
        if (!g[i].defined()) {
          const Tensor& x = asked[i] < n ? r.inputs[static_cast<std::size_t>(asked[i])]
                                         : outside[static_cast<std::size_t>(asked[i] - n)];
          g[i] = zeros(given[0].shape().slice(0, lead) + x.shape(), x.dtype(), x.device());
        }
      return g;
    };
    const Tensors g = again(back, node, cotangents);
    Tensors r(static_cast<std::size_t>(node.inputs.size()));
    for (std::size_t i = 0; i < asked.size(); ++i) r[static_cast<std::size_t>(asked[i])] = g[i];
    return r;
  }

  Tensors jvp(const Node& node, std::span<const Tensor> tangents, int lead) const override {
    const TensorsFunction push = [f = f_, first = first_, n = explicit_, lead, outside = captured(node),
                                  has = defined(tangents)](const Tensors& z) {
      const auto [inputs, given] = split(z, n);
      const bool create_graph = is_recording();
      const Run r = run_again(f, first, inputs, create_graph);
      std::vector<Edge> moved;
      for (std::size_t k = 0; k < has.size(); ++k)
        if (has[k]) moved.push_back(edge_of(k < r.inputs.size() ? r.inputs[k] : outside[k - r.inputs.size()]));
      Tensors floating;
      for (const auto& y : r.outputs)
        if (is_floating(y.dtype())) floating.push_back(y);
      Tensors d =
          detail::push_edges(floating, moved, Tensors(given.begin(), given.end()), lead, create_graph, r.before);
      for (std::size_t j = 0; j < d.size(); ++j)
        if (!d[j].defined())
          d[j] =
              zeros(given[0].shape().slice(0, lead) + floating[j].shape(), floating[j].dtype(), floating[j].device());
      return d;
    };
    const Tensors d = again(push, node, tangents);
    Tensors r(static_cast<std::size_t>(node.outputs.size()));
    std::size_t next = 0;
    for (int j = 0; j < node.outputs.size(); ++j)
      if (is_floating(node.outputs[j].dtype)) r[static_cast<std::size_t>(j)] = d[next++];
    return r;
  }

  Tensors apply(std::span<const Tensor> inputs) const override {
    return checkpoint(f_, Tensors(inputs.begin(), inputs.begin() + explicit_));
  }

 private:
  static std::pair<std::span<const Tensor>, std::span<const Tensor>> split(const Tensors& z, int n) {
    const std::span<const Tensor> all(z);
    return {all.first(static_cast<std::size_t>(n)), all.subspan(static_cast<std::size_t>(n))};
  }
  static std::vector<bool> defined(std::span<const Tensor> ts) {
    std::vector<bool> r;
    for (const auto& t : ts) r.push_back(t.defined());
    return r;
  }
  // Each read is checked: a parameter overwritten since would make the second run another function.
  Tensors kept(const Node& node, int first, int last) const {
    Tensors r;
    for (int k = first; k < last; ++k) r.push_back(node.input(k));
    return r;
  }
  Tensors captured(const Node& node) const { return kept(node, explicit_, node.inputs.size()); }

  // f's derivative is a function of f's inputs and of what is pulled or pushed: recorded, it is a checkpoint again.
  Tensors again(const TensorsFunction& derivative, const Node& node, std::span<const Tensor> along) const {
    Tensors z = kept(node, 0, explicit_);
    for (const auto& t : along)
      if (t.defined()) z.push_back(t);
    if (!is_recording()) return derivative(z);
    const Setting first;
    Tensors outputs = [&] {
      const NoGrad guard;
      return derivative(z);
    }();
    return record_checkpoint(derivative, z, captured(node), first, std::move(outputs));
  }

  TensorsFunction f_;
  int explicit_;
  Setting first_;
};

Tensors record_checkpoint(const TensorsFunction& f, const Tensors& inputs, const Tensors& captured,
                          const Setting& first, Tensors outputs) {
  for (auto& y : outputs) y = y.detach();
  bool any = !captured.empty();
  for (const auto& x : inputs) any = any || x.requires_grad();
  if (any)
    detail::attach(make_ref<Checkpoint>(f, static_cast<int>(inputs.size()), first), joined(inputs, captured), outputs);
  return outputs;
}

}  // namespace

Tensors checkpoint(const TensorsFunction& f, const Tensors& inputs) {
  if (!is_recording()) return f(inputs);
  const Setting first;
  Tensors outputs, captured;
  {
    const detail::Captures captures(detail::next_node_id());
    const Run r = run(f, inputs, false);
    outputs = r.outputs;
    captured = captures.tensors(outputs);
  }
  return record_checkpoint(f, inputs, captured, first, std::move(outputs));
}

Tensor checkpoint(const TensorFunction& f, const Tensor& x) {
  return checkpoint([f](const Tensors& in) { return Tensors{f(in[0])}; }, Tensors{x})[0];
}

}  // namespace stein
