// SPDX-License-Identifier: MIT
#pragma once

#include "nn/module.h"
#include "tensor/random.h"

namespace stein::nn {

/// In training zeroes elements with probability p and scales the others by 1 / (1 - p); after eval() does nothing.
/// `generator` must outlive the module: masks are drawn from it. Inside checkpoint() leave it at the default, the only
/// generator which checkpoint() puts back for its second run: with another the gradient would be that of another mask, and
/// is an Error.
class Dropout : public Module {
 public:
  explicit Dropout(double p = 0.5, Generator& generator = default_generator());  ///< throws Error unless 0 <= p < 1
  Tensor operator()(const Tensor& x) const;                                      ///< x itself after eval()

 private:
  double p_;
  Generator* generator_;
};

}  // namespace stein::nn
