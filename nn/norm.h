// SPDX-License-Identifier: MIT
#pragma once

#include "nn/module.h"

namespace stein::nn {

/// Over the last axes, whose sizes are `shape`; weight and bias of that shape (1 and 0 at first) where `affine`.
class LayerNorm : public Module {
 public:
  explicit LayerNorm(const Shape& shape, double eps = 1e-5, bool affine = true);
  explicit LayerNorm(std::initializer_list<std::int64_t> shape, double eps = 1e-5, bool affine = true)
      : LayerNorm(Shape(shape), eps, affine) {}
  Tensor operator()(const Tensor& x) const;

  const Tensor weight, bias;

 private:
  Shape shape_;
  double eps_;
};

/// x (N, channels, ...); weight and bias (channels) where `affine`.
class GroupNorm : public Module {
 public:
  GroupNorm(std::int64_t groups, std::int64_t channels, double eps = 1e-5, bool affine = true);
  Tensor operator()(const Tensor& x) const;

  const Tensor weight, bias;

 private:
  std::int64_t groups_;
  double eps_;
};

/// x (N, channels, H, W), each plane by its own biased variance, in training and evaluation alike (no running statistics).
class InstanceNorm2d : public Module {
 public:
  explicit InstanceNorm2d(std::int64_t channels, double eps = 1e-5, bool affine = false);
  Tensor operator()(const Tensor& x) const;

  const Tensor weight, bias;

 private:
  std::int64_t channels_;
  double eps_;
};

}  // namespace stein::nn
