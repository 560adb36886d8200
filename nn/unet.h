// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <vector>

#include "nn/time_embedding.h"

namespace stein::nn {

/// What a UNet is built of.
struct UNetOptions {
  std::int64_t channels = 1;  ///< of the images
  std::int64_t width = 32;    ///< channels at full resolution
  std::vector<std::int64_t> multipliers = {1, 2,
                                           2};  ///< of the width, a resolution each; each next one has half of H and W
  std::int64_t blocks = 1;  ///< residual blocks a resolution on the way down; one more on the way up
  bool attention = false;   ///< self-attention at the lowest resolution
  std::int64_t groups = 8;  ///< of the group norms; divides the channels everywhere
  double dropout = 0;       ///< before each block's second convolution, from default_generator()
  /// Features `width` and width 4 `width` unless given.
  ConditionOptions condition{.time = TimeFeatures::sinusoidal};
};

/// A small U-Net with time, after DDPM (Ho et al. 2020, arXiv 2006.11239, appendix B, as published in code): residual blocks of
/// group norm, SiLU and convolution, to which the embedding of Condition is added between the convolutions; down by convolutions
/// of stride 2, up by nearest neighbours and a convolution, skips by concatenation. Published start: PyTorch's initial values, but
/// 0 for each block's second convolution, the attention's projection and the last convolution, so that the first result is 0.
///
/// Parameters: condition.*, conv_in, down.I.blocks.J.(norm1, conv1, embed, norm2, conv2, shortcut), down.I.downsample,
/// mid1.*, attention.(norm, qkv, proj), mid2.*, up.I.blocks.J.*, up.I.upsample, norm_out, conv_out.
class UNet : public Module {
 public:
  /// Throws Error for sizes below 1, groups that do not divide the channels, and as Condition and Dropout do.
  explicit UNet(const UNetOptions& options = {}, Generator& generator = default_generator());

  /// x (B, channels, H, W) of the parameters' dtype, H and W >= 1, odd ones too -> the same shape, channels-last in memory. t and
  /// label as in Condition: required, or refused, as the network was built; a label left out is the null label.
  Tensor operator()(const Tensor& x, const Tensor& t = {}, const Tensor& label = {}) const;
  const UNetOptions& options() const;  ///< as it was built

 private:
  struct Parts;
  std::shared_ptr<const Parts> parts_;
};

}  // namespace stein::nn
