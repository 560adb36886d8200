// SPDX-License-Identifier: MIT
// What the engine tells whoever watches it work. With nobody watching it costs a test of a pointer for each op of a backward walk.
#pragma once

#include <span>

#include "tensor/tensor.h"

namespace stein {
class Node;
}

namespace stein::detail {

/// One for each thread that is watched; see autograd/calculus/graph_recording.h.
class Observer {
 public:
  virtual ~Observer() = default;
  /// An op has run in this thread and took `seconds`. The node made for it, if any, is the next one. Only while a Profile counts.
  virtual void op_ran(const char* op, double seconds) = 0;
  /// What it was given and its results, before op_ran. An op that treats several sets of tensors says so once for each set.
  virtual void op_gave(const char* op, std::span<const Tensor> inputs, std::span<const Tensor> results) = 0;
  virtual void walk_begins() = 0;
  /// The cotangents of node's outputs (undefined: zero) are complete.
  virtual void cotangents_arrived(const Node& node, std::span<const Tensor> cotangents) = 0;
  /// The rules of the node whose cotangents arrived last run between these two, and may walk graphs of their own.
  virtual void rules_begin() = 0;
  virtual void rules_end() = 0;
};

inline thread_local Observer* observer = nullptr;

class ObservedRules {
 public:
  ObservedRules() : observer_(observer) {
    if (observer_) [[unlikely]]
      observer_->rules_begin();
  }
  ~ObservedRules() {
    if (observer_) [[unlikely]]
      observer_->rules_end();
  }
  ObservedRules(const ObservedRules&) = delete;
  ObservedRules& operator=(const ObservedRules&) = delete;

 private:
  Observer* observer_;
};

}  // namespace stein::detail
