// SPDX-License-Identifier: MIT
// Tensors as pictures.
#pragma once

#include <string>

#include "tensor/tensor.h"

namespace stein::smld {

/// Images (N, C, H, W), f32 or u8, side by side in rows of `columns` (0: the whole number nearest above sqrt(N)) with `pad` pixels of
/// mid-grey between and around them: (C, rows (H + pad) + pad, columns (W + pad) + pad), same dtype. Places without an image are
/// grey too. Throws Error for other ranks, no images, and numbers below 0.
Tensor make_grid(const Tensor& images, std::int64_t columns = 0, std::int64_t pad = 2);

/// Every pixel repeated a whole number of times, so that an image (C, H, W) is at least `width` wide: small grids become
/// visible on a screen without blurring. Throws Error for other ranks.
Tensor enlarge(const Tensor& image, std::int64_t width = 640);

/// The bytes of an 8-bit PNG of (C, H, W), C = 1 grey or 3 RGB: see write_png.
std::string encode_png(const Tensor& image);

/// Writes (C, H, W), C = 1 grey or 3 RGB, as an 8-bit PNG. f32 values are clipped to [0, 1] and rounded to n/255 (NaN: 0).
/// Needs no libpng. The file appears under its name only when complete. Throws Error for other shapes and dtypes, and when the
/// file cannot be written.
void write_png(const std::string& path, const Tensor& image);

}  // namespace stein::smld
