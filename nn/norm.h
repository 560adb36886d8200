// SPDX-License-Identifier: MIT
#pragma once

#include "nn/module.h"

namespace stein::nn {

/// Over the last axes, whose sizes are `shape`; weight and bias of that shape (1 and 0 at first) where `affine`.
class LayerNorm : public Module {
 public:
  explicit LayerNorm(const Shape& shape, double eps = 1e-5, bool affine = true);  ///< sizes of the normalised axes
  /// Sizes of the normalised axes.
  explicit LayerNorm(std::initializer_list<std::int64_t> shape, double eps = 1e-5, bool affine = true)
      : LayerNorm(Shape(shape), eps, affine) {}
  Tensor operator()(const Tensor& x) const;  ///< as layer_norm

  const Tensor weight;  ///< of `shape`, or undefined
  const Tensor bias;    ///< of `shape`, or undefined

 private:
  Shape shape_;
  double eps_;
};

/// x (N, channels, ...); weight and bias (channels) where `affine`.
class GroupNorm : public Module {
 public:
  /// Throws Error unless groups divide channels.
  GroupNorm(std::int64_t groups, std::int64_t channels, double eps = 1e-5, bool affine = true);
  Tensor operator()(const Tensor& x) const;  ///< as group_norm

  const Tensor weight;  ///< (channels), or undefined
  const Tensor bias;    ///< (channels), or undefined

 private:
  std::int64_t groups_;
  double eps_;
};

/// x (N, channels, H, W), each plane by its own biased variance, in training and evaluation alike (no running statistics).
class InstanceNorm2d : public Module {
 public:
  /// Without weight and bias unless `affine`.
  explicit InstanceNorm2d(std::int64_t channels, double eps = 1e-5, bool affine = false);
  Tensor operator()(const Tensor& x) const;  ///< as instance_norm

  const Tensor weight;  ///< (channels), or undefined
  const Tensor bias;    ///< (channels), or undefined

 private:
  std::int64_t channels_;
  double eps_;
};

}  // namespace stein::nn
