// SPDX-License-Identifier: MIT
// The module tree: parameters and buffers under PyTorch's dotted names.
//
//   struct Net : nn::Module {
//     nn::Linear first = add("first", nn::Linear(2, 64));
//     nn::Linear second = add("second", nn::Linear(64, 2));
//     Tensor operator()(const Tensor& x) const { return second(tanh(first(x))); }
//   };
//   Net net;   // parameters first.weight, first.bias, second.weight, second.bias
//
// A module is a handle on a shared tree, as a Tensor is on its elements: a copy has the same parameters, and copying or
// moving a module, or the object that holds it, leaves its place in the tree as it is. An independent network is made by
// building another and loading this one's state_dict(). Assignment is deleted: `net.first = ...` would leave the old
// layer in the tree.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tensor/safetensors.h"
#include "tensor/tensor.h"

namespace stein::nn {

/// Names and tensors in order.
using NamedList = std::vector<std::pair<std::string, Tensor>>;

/// How load_state_dict() takes what does not fit.
struct LoadOptions {
  bool strict = true;    ///< names that are missing or not expected are errors
  bool convert = false;  ///< converts f32 <-> f64; otherwise another dtype is an error
};

/// A node of the tree: parameters, buffers and modules below, under names. Derive from it, and declare operator().
class Module {
 public:
  Module();                         ///< without parameters and children
  Module(const Module&) = default;  ///< the same tree
  Module& operator=(const Module&) = delete;

  // Names are dotted paths ("res1.0.conv1.weight"). The order is that of registration, as in PyTorch: a module's own
  // tensors, then those of its children. A tensor that stands in several places is listed at the first.
  NamedList named_parameters() const;   ///< of this module and all below it
  NamedList named_buffers() const;      ///< of this module and all below it
  Tensors parameters() const;           ///< in the order of named_parameters()
  std::int64_t num_parameters() const;  ///< elements of all parameters
  /// Calls f(path, module) for this module (path "") and all below it, parents first.
  void visit(const std::function<void(const std::string&, const Module&)>& f) const;

  /// Parameters and buffers, without history; they share their elements with the module. A tensor that stands in several
  /// places is listed at each.
  NamedTensors state_dict() const;
  /// The same in PyTorch's order.
  NamedList named_state() const;
  /// Copies the values in. Everything is checked first: names (the prefix `module.`, left by PyTorch's DataParallel on
  /// every name, is dropped), shapes, dtypes; one Error lists all that is wrong, and then nothing has changed. Returns the
  /// names that were not used (with strict none).
  std::vector<std::string> load_state_dict(const NamedTensors& state, const LoadOptions& options = {});

  /// Converts floating parameters and buffers in place: all handles on them see the new dtype. Gradients are dropped, and
  /// the derivative of what was computed before is an Error; an optimiser or average over the parameters is to be made
  /// afterwards.
  void to(DType dtype);
  /// Moves parameters and buffers to a device. Gradients are dropped; optimiser and average are to be made afterwards.
  void to(const Device& device);
  /// Switches Dropout in this module and all below it on or off.
  void train(bool on = true);
  void eval() { train(false); }  ///< train(false)
  bool is_training() const;      ///< of this module
  /// Drops all gradients.
  void zero_grad();

 protected:
  // Called by constructors and member initialisers. Names are not empty, hold no dot and are used once; Error otherwise.
  /// Marks `value` (a floating leaf, made row-major if it is not) as a parameter and returns it. An undefined value adds
  /// nothing: a layer without bias.
  Tensor add_parameter(const std::string& name, const Tensor& value);
  /// A tensor that is saved but not trained.
  Tensor add_buffer(const std::string& name, const Tensor& value);
  /// A module below this one, for use in member initialisers; returns it.
  template <class M>
  M add(const std::string& name, M module) {
    add_child(name, module);
    return module;
  }

 private:
  struct State;
  void add_child(const std::string& name, const Module& child);
  NamedList collect(bool parameters, bool buffers, bool repeat) const;
  explicit Module(std::shared_ptr<State> state) : state_(std::move(state)) {}

  std::shared_ptr<State> state_;
};

}  // namespace stein::nn
