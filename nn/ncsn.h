// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "nn/module.h"
#include "tensor/random.h"

namespace stein::nn {

/// What an NCSN is built of.
struct NCSNOptions {
  std::int64_t channels = 1;  ///< of the images
  std::int64_t ngf = 64;      ///< feature maps at full resolution
  std::int64_t levels = 10;   ///< of noise
  /// Keeps the inputs of each of the twelve blocks only, and runs a block again when its derivative is taken: less memory
  /// for one more forward pass. The parameters must not be written in between.
  bool recompute = false;
};

/// Noise conditional score network, version 1 (Song and Ermon 2019, arXiv 1907.05600, appendix A, as published in code): a
/// dilated RefineNet with conditional instance norm ++. Names and shapes of the published state dict: 173 tensors, 7,638,657
/// parameters for ngf 64 and one channel. Initial values as published, drawn from `generator`.
class NCSN : public Module {
 public:
  /// Throws Error for sizes out of range.
  explicit NCSN(const NCSNOptions& options = {}, Generator& generator = default_generator());

  /// The score: x (B, channels, S, S') in [0, 1], S and S' even; y (B) i64, the noise level of each image, 0 = the largest;
  /// returns the shape of x, channels-last in memory. Errors name the argument; x must have the parameters' dtype.
  Tensor operator()(const Tensor& x, const Tensor& y) const;
  const NCSNOptions& options() const;  ///< as it was built

 private:
  struct Parts;
  std::shared_ptr<const Parts> parts_;
};

}  // namespace stein::nn
