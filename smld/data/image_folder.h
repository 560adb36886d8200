// SPDX-License-Identifier: MIT
// Folders of PNG and JPEG files, any size, made into square images of one size.
#pragma once

#include <string>
#include <vector>

#include "smld/data/dataset.h"

namespace stein::smld {

/// A decoded picture: row by row, channels innermost, values in [0, 1].
struct Picture {
  std::int64_t height = 0;    ///< rows
  std::int64_t width = 0;     ///< columns
  std::int64_t channels = 0;  ///< 1 grey or 3 RGB
  bool deep = false;          ///< the file had 16 bits a channel
  std::vector<float> values;  ///< (H, W, C)
};

/// Decodes a PNG (grey, palette or RGB, 1 to 16 bits, interlaced or not) or a JPEG (grey or colour), told apart by their first
/// bytes. Transparency is composited on white. Gamma, colour profiles and EXIF orientation are ignored, CMYK is refused.
/// Throws Error, and prints nothing, when the file is damaged or truncated, or claims more than 2^26 pixels.
Picture read_picture(const std::string& path);

/// Centre crop to the largest square (the odd pixel stays right and below), then resize to side x side: separable, each
/// output pixel is a triangle-weighted mean over twice its footprint (so shrinking does not alias; enlarging is bilinear with
/// half-pixel centres), the rule of Pillow's BILINEAR and of PyTorch's interpolate(antialias=True). Works on stored values, without
/// linearising.
Picture square(const Picture& picture, std::int64_t side);

/// 1: luminance 0.299 R + 0.587 G + 0.114 B of RGB; 3: grey repeated. Throws Error for other counts.
Picture with_channels(const Picture& picture, int channels);

/// True when `folder` holds a file ending in .png, .jpg or .jpeg, in any case of letters, at any depth.
bool is_image_folder(const std::string& folder);

/// All .png, .jpg and .jpeg files below `folder`, in the order of their paths, each cropped, resized and converted as above.
/// image_size 0: the size of the first file where it is square, even and at most 64, else 32. channels 0: as the first file has.
/// Every tenth is held out. Kept as u8, or as f32 when a file has 16 bits. Throws Error naming the first bad file.
DataSplits read_image_folder(const std::string& folder, const DataOptions& options = {});

}  // namespace stein::smld
