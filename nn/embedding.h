// SPDX-License-Identifier: MIT
#pragma once

#include "nn/module.h"
#include "tensor/random.h"

namespace stein::nn {

/// index (any shape, i64, each in [0, count)) -> index shape + (width); weight (count, width), N(0, 1) at first.
class Embedding : public Module {
 public:
  Embedding(std::int64_t count, std::int64_t width, Generator& generator = default_generator());
  Tensor operator()(const Tensor& index) const;

  const Tensor weight;
};

}  // namespace stein::nn
