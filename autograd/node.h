// SPDX-License-Identifier: MIT
// The recorded graph: a Node is one application of an op; its edges point at the nodes that made its inputs.
#pragma once

#include <memory>
#include <span>

#include "autograd/op.h"
#include "autograd/profile.h"
#include "tensor/tensor.h"

namespace stein {

class Node;

/// Output `output` of `node`; a null node stands for a constant.
struct Edge {
  Ref<Node> node;  ///< null for a constant
  int output = 0;  ///< which of its results
};
/// Where t comes from; a null node for a constant.
Edge edge_of(const Tensor& t);

/// A short array whose length is fixed when the node is made; up to N entries stand inside the node.
template <class T, int N>
class NodeArray {
 public:
  /// `count` default-made entries.
  explicit NodeArray(int count) : count_(count), heap_(count > N ? new T[static_cast<std::size_t>(count)] : nullptr) {}
  T& operator[](int i) { return begin()[i]; }                       ///< not checked
  const T& operator[](int i) const { return begin()[i]; }           ///< not checked
  int size() const { return count_; }                               ///< number of entries
  T* begin() { return heap_ ? heap_.get() : inline_; }              ///< first entry
  T* end() { return begin() + count_; }                             ///< behind the last
  const T* begin() const { return heap_ ? heap_.get() : inline_; }  ///< first entry
  const T* end() const { return begin() + count_; }                 ///< behind the last

 private:
  int count_;
  T inline_[N];
  std::unique_ptr<T[]> heap_;
};

/// One recorded application of an op, or a leaf (no op). Nodes are numbered as they are made, so an input's number is
/// always smaller than its user's: descending numbers are a topological order.
///
/// A node owns the nodes of its inputs, and the input tensors its rules ask for. It keeps its own outputs WITHOUT their
/// node, so no owning cycle can be built.
class Node final : public GraphNode {
 public:
  STEIN_SMALL_OBJECT

  /// What is known of an input.
  struct Input {
    Edge edge;                  ///< where it comes from
    Tensor kept;                ///< with its history; undefined when no rule needs the elements
    std::uint32_t version = 0;  ///< of the kept storage when it was kept
    DType dtype = f32;          ///< of the input
    Device device;              ///< of the input
    Shape shape;                ///< of the input
  };
  /// What is known of an output.
  struct Output {
    Tensor kept;                ///< without history
    std::uint32_t version = 0;  ///< of the kept storage when it was kept
    DType dtype = f32;          ///< of the output
    Device device;              ///< of the output
    Shape shape;                ///< of the output
  };

  /// Records `op`; what it keeps follows from the rules of those inputs that require a gradient.
  Node(Ref<const Op> op, std::span<const Tensor> inputs, std::span<const Tensor> outputs);
  /// A leaf that stands for `t`.
  explicit Node(const Tensor& t);
  ~Node() override;

  bool is_leaf() const { return !op; }                           ///< no op
  const char* name() const { return op ? op->name() : "leaf"; }  ///< the op's, or "leaf"

  /// Kept input or output k, checked: throws Error when it was freed by an earlier walk or overwritten since.
  Tensor input(int k) const;
  /// The output gets its history back: it points at this node again.
  Tensor output(int k) const;
  /// Drops what was kept; the graph's shape stays.
  void free_kept();

  const std::uint64_t id;        ///< numbered as made, in the process
  const int order;               ///< 0: made by the user's forward pass; n: by differentiating n times
  const int module;              ///< for profiles: the module in which it was made
  const Ref<const Op> op;        ///< null for a leaf
  NodeArray<Input, 2> inputs;    ///< in the order of the call
  NodeArray<Output, 1> outputs;  ///< in the order of the results
  Tensor grad;                   ///< of a leaf: what backward() has accumulated, without history

 private:
  void destroy() const override;
  bool freed_ = false;
};

/// Number of nodes alive in the process, leaves included. 0 when every recorded tensor is gone.
std::int64_t live_nodes();

namespace detail {
/// Derivative order given to nodes made by this thread; the engine raises it while it records a backward pass.
inline thread_local int current_order = 0;

class OrderGuard {
 public:
  explicit OrderGuard(int order) : before_(current_order) { current_order = order; }
  ~OrderGuard() { current_order = before_; }
  OrderGuard(const OrderGuard&) = delete;
  OrderGuard& operator=(const OrderGuard&) = delete;

 private:
  int before_;
};
}  // namespace detail

}  // namespace stein
