// SPDX-License-Identifier: MIT
#pragma once

#include "nn/mlp.h"

namespace stein::nn {

/// An energy f: x (B, d) -> (B), the model p = exp(-f) / Z, whose score -grad f is a gradient by construction. An MLP with
/// one output, under its keys (0.weight, 0.bias, 2.weight, ...), and without an axis for it.
class EnergyMLP : public MLP {
 public:
  /// d, then any number of hidden layers. Throws Error as MLP does, and for relu: it is linear piece by piece, so that the
  /// Laplacian, which the trace of the score is, is 0 wherever it exists.
  EnergyMLP(std::int64_t dimension, const std::vector<std::int64_t>& hidden, std::string_view activation = "softplus",
            Generator& generator = default_generator());
  Tensor operator()(const Tensor& x) const;  ///< x (B, d) -> (B)

  const std::int64_t dimension;  ///< d
};

}  // namespace stein::nn
