// SPDX-License-Identifier: MIT
#pragma once

#include "nn/module.h"
#include "tensor/random.h"

namespace stein::nn {

/// x (..., in) -> x W^T + b (..., out); weight (out, in), bias (out). PyTorch's initial values, drawn from `generator`.
class Linear : public Module {
 public:
  /// Throws Error for sizes below 1.
  Linear(std::int64_t in, std::int64_t out, bool bias = true, Generator& generator = default_generator());
  Tensor operator()(const Tensor& x) const;  ///< throws Error when the last size is not `in`

  const Tensor weight;  ///< (out, in)
  const Tensor bias;    ///< (out), undefined without one
};

}  // namespace stein::nn
