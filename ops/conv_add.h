// SPDX-License-Identifier: MIT
#pragma once

#include "ops/ops.h"

namespace stein {

/// conv2d(x, weight, bias, options) + skip, added in the memory of the convolution's result: images (N, C, H, W); bias may be
/// undefined, skip has the result's shape and is kept for forward mode. Throws Error.
Tensor conv2d_add(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& skip,
                  const Conv2dOptions& options = {});

}  // namespace stein
