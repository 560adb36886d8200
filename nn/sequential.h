// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

#include "autograd/profile.h"
#include "nn/module.h"

namespace stein::nn {

/// One layer after another, named "0", "1", ... as in PyTorch: Sequential(Linear(2, 64), Tanh(), Linear(64, 2)) has
/// parameters 0.weight, 0.bias, 2.weight, 2.bias. A layer is a module that is called with a tensor and returns one.
class Sequential : public Module {
 public:
  /// Layers in the order of their calls.
  template <class... Layers>
  explicit Sequential(const Layers&... layers) {
    (append(layers), ...);
  }
  Sequential(const Sequential&) = default;  ///< the same layers

  /// One more at the end.
  template <class Layer>
  void append(const Layer& layer) {
    layers_.push_back(add(std::to_string(layers_.size()), layer));
  }
  std::size_t size() const { return layers_.size(); }  ///< number of layers
  /// The last layer's result.
  Tensor operator()(Tensor x) const {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const ProfileScope scope(is_profiling() ? std::to_string(i) : std::string());
      x = layers_[i](x);
    }
    return x;
  }

 private:
  std::vector<std::function<Tensor(const Tensor&)>> layers_;
};

/// Modules of one kind, named "0", "1", ...; the owner calls them. `add` it first and append then, or the other way round.
template <class M>
class ModuleList : public Module {
 public:
  /// One more at the end; returns it.
  const M& append(const M& module) {
    modules_.push_back(add(std::to_string(modules_.size()), module));
    return modules_.back();
  }
  const M& operator[](std::size_t i) const { return modules_.at(i); }  ///< throws std::out_of_range
  std::size_t size() const { return modules_.size(); }                 ///< number of modules

 private:
  std::vector<M> modules_;
};

}  // namespace stein::nn
