// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "nn/activation.h"
#include "nn/sequential.h"
#include "nn/time_embedding.h"

namespace stein::nn {

/// What a ConditionalMLP is built of.
struct ConditionalMLPOptions {
  std::int64_t dimension = 2;  ///< d of x (B, d)
  std::int64_t outputs =
      0;  ///< width of the result: 0: d, a score; the number of classes for a classifier of noisy points
  std::vector<std::int64_t> hidden{128, 128, 128};  ///< widths, at least one
  std::string activation = "silu";                  ///< a name of activation_names()
  bool residual = false;                            ///< h + layer(h) where a layer keeps the width
  ConditionOptions condition{};                     ///< nothing: a plain MLP. Features 64 and width 128 unless given
};

/// A network for points which may be told a time or noise level and a class: h_l = act(W_l h_(l-1) + b_l + V_l e), e the embedding of
/// Condition, and a linear output. Parameters: condition.*, layers.L.weight and .bias, embeddings.L.weight (V_L), output.*.
/// PyTorch's initial values from `generator`.
class ConditionalMLP : public Module {
 public:
  /// Throws Error for sizes below 1, no hidden layer, an unknown activation, and as Condition does.
  explicit ConditionalMLP(const ConditionalMLPOptions& options = {}, Generator& generator = default_generator());

  /// x (B, d) of the parameters' dtype -> (B, outputs). t and label as in Condition: required, or refused, as the network was built; a
  /// label left out is the null label.
  Tensor operator()(const Tensor& x, const Tensor& t = {}, const Tensor& label = {}) const;
  const ConditionalMLPOptions& options() const { return options_; }  ///< as it was built

 private:
  ConditionalMLPOptions options_;
  Activation activation_;
  Condition condition_;
  ModuleList<Linear> layers_, embeddings_;
  Linear output_;
};

}  // namespace stein::nn
