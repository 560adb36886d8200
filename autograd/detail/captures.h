// SPDX-License-Identifier: MIT
// Notices which tensors from outside a function's arguments its graph refers to, while the function runs.
#pragma once

#include "autograd/node.h"

namespace stein::detail {

/// While alive, lists in this thread the inputs of newly made nodes that are older than node number `before`: what the
/// function running meanwhile has captured (parameters, say). Objects nest: what a function inside captures from outside
/// of the outer one is captured by both.
class Captures {
 public:
  explicit Captures(std::uint64_t before) : before_(before), outer_(current) { current = this; }
  ~Captures() { current = outer_; }
  Captures(const Captures&) = delete;
  Captures& operator=(const Captures&) = delete;

  /// Called by Node's constructor for every input that requires a gradient.
  static void see(const Tensor& input, const Edge& edge) {
    for (Captures* c = current; c; c = c->outer_)
      if (edge.node->id < c->before_) c->seen_.push_back(input);
  }
  /// Each captured tensor once, oldest first; `results` that are older themselves count as captured.
  Tensors tensors(const Tensors& results = {}) const;

 private:
  static inline thread_local Captures* current = nullptr;

  std::uint64_t before_;
  Captures* outer_;
  Tensors seen_;
};

/// Nodes made from now on (in this thread) have at least this number.
std::uint64_t next_node_id();

}  // namespace stein::detail
