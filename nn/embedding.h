// SPDX-License-Identifier: MIT
#pragma once

#include "nn/module.h"
#include "tensor/random.h"

namespace stein::nn {

/// index (any shape, i64, each in [0, count)) -> index shape + (width); weight (count, width), N(0, 1) at first.
class Embedding : public Module {
 public:
  /// Throws Error for sizes below 1.
  Embedding(std::int64_t count, std::int64_t width, Generator& generator = default_generator());
  Tensor operator()(const Tensor& index) const;  ///< throws Error for an index out of range

  const Tensor weight;  ///< (count, width)
};

}  // namespace stein::nn
