// SPDX-License-Identifier: MIT
// What the engine knows of an op. Authors do not write these classes: they write a plain struct with `forward` and
// rules, and autograd/rule.h wraps it.
#pragma once

#include <cstdint>
#include <span>

#include "tensor/tensor.h"

namespace stein {

class Node;

/// How an op is differentiated forwards, and what the trace planner may assume.
enum class Kind : std::uint8_t {
  elementwise,  ///< diagonal Jacobian: the tangent goes through the same rule as the cotangent
  linear,       ///< the tangent goes through the op itself
  bilinear,     ///< two inputs, linear in each: two calls
  fused,        ///< a kernel beside its composite definition, which is differentiated
  general,      ///< the VJP is transposed
};
/// "elementwise", "linear", "bilinear", "fused" or "general".
const char* name_of(Kind kind);

/// Which inputs and outputs (bit k) the rule of one input reads.
struct Needs {
  std::uint64_t inputs = 0;   ///< inputs read
  std::uint64_t outputs = 0;  ///< outputs read
};

/// Bit of input or output k in such a set; from 63 on they share one.
constexpr std::uint64_t bit(int k) { return std::uint64_t{1} << (k < 63 ? k : 63); }

/// An op with its attributes, as the engine sees it; rule.h makes one from a struct of rules.
class Op : public Counted {
 public:
  ~Op() override = default;
  virtual const char* name() const = 0;  ///< for errors, graphs and profiles
  virtual Kind kind() const = 0;         ///< how its tangent is found
  /// True: rules accept cotangents with leading axes. False: the engine calls them in a loop.
  virtual bool batched() const = 0;
  virtual Needs needs(int input) const = 0;  ///< what the rule of that input reads

  /// Vector-Jacobian products for the inputs in `wanted` (bit k), in the order of the inputs, undefined for the others.
  /// `cotangents` has one entry per output (undefined: zero), each of shape lead axes + output shape; results have
  /// shape lead axes + something that broadcasts from the input's shape: the engine undoes broadcasting.
  virtual Tensors vjp(const Node& node, std::span<const Tensor> cotangents, int lead, std::uint64_t wanted) const = 0;
  /// Jacobian-vector product: `tangents` has one entry per input (undefined: zero), lead axes + input shape; the result
  /// one per output.
  virtual Tensors jvp(const Node& node, std::span<const Tensor> tangents, int lead) const = 0;
  /// Runs and records the op again on other inputs (recomputation, and the tangent of a linear op).
  virtual Tensors apply(std::span<const Tensor> inputs) const = 0;
};

}  // namespace stein
