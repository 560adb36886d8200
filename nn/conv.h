// SPDX-License-Identifier: MIT
#pragma once

#include "nn/module.h"
#include "ops/ops.h"

namespace stein::nn {

/// x (N, in, H, W) -> (N, out, H', W'), channels-last in memory; weight (out, in / groups, k, k), bias (out).
class Conv2d : public Module {
 public:
  /// kernel is the side of the kernel. Throws Error for sizes below 1 and groups that do not divide.
  Conv2d(std::int64_t in, std::int64_t out, std::int64_t kernel, const Conv2dOptions& options = {}, bool bias = true,
         Generator& generator = default_generator());
  Tensor operator()(const Tensor& x) const { return conv2d(x, weight, bias, options_); }  ///< as conv2d

  const Tensor weight;  ///< (out, in / groups, k, k)
  const Tensor bias;    ///< (out), undefined without one

 private:
  Conv2dOptions options_;
};

/// The transposed convolution: weight (in, out / groups, k, k), bias (out).
class ConvTranspose2d : public Module {
 public:
  /// kernel is the side of the kernel. Throws Error for sizes below 1 and groups that do not divide.
  ConvTranspose2d(std::int64_t in, std::int64_t out, std::int64_t kernel, const Conv2dOptions& options = {},
                  std::int64_t output_padding = 0, bool bias = true, Generator& generator = default_generator());
  /// As conv_transpose2d.
  Tensor operator()(const Tensor& x) const { return conv_transpose2d(x, weight, bias, options_, output_padding_); }

  const Tensor weight;  ///< (in, out / groups, k, k)
  const Tensor bias;    ///< (out), undefined without one

 private:
  Conv2dOptions options_;
  std::int64_t output_padding_;
};

}  // namespace stein::nn
