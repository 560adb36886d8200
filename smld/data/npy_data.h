// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "smld/data/dataset.h"

namespace stein::smld {

/// An .npy file of images (N, C, H, W) or (N, H, W), or of vectors (N, D): u8 (read as v/255 for images AND vectors), f32, or f64
/// (rounded to f32). Throws Error for other ranks and dtypes, values that are not finite, and images outside [0, 1].
Dataset read_npy_data(const std::string& path);

}  // namespace stein::smld
