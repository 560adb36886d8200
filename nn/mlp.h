// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "nn/sequential.h"
#include "tensor/random.h"

namespace stein::nn {

/// Linear layers of the given sizes with an activation (a name of activation_names()) between them, as torch's
/// Sequential(Linear, activation, ..., Linear): x (..., sizes.front()) -> (..., sizes.back()); keys 0.weight, 0.bias,
/// 2.weight, ... Error for fewer than two sizes, a size below 1, an unknown activation.
class MLP : public Sequential {
 public:
  /// Initial values from `generator`.
  MLP(const std::vector<std::int64_t>& sizes, std::string_view activation, Generator& generator = default_generator());
};

}  // namespace stein::nn
