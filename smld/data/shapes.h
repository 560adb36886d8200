// SPDX-License-Identifier: MIT
// A data set that needs no file: simple shapes, drawn with antialiasing.
#pragma once

#include "smld/data/dataset.h"

namespace stein::smld {

/// Pictures of one shape each on black: a disc, a ring, a square, a triangle or a cross (labels 0 to 4), of random place, size,
/// angle and brightness (with 3 channels: colour). Each pixel is the shape's brightness times the share of it that the shape
/// covers, from the signed distance to its edge. Sample i is a function of the seed and i alone.
/// image_size 0: 28, else 8 to 512; channels 0: 1, else 1 or 3; count 0: 10,000. Every tenth is held out.
/// Throws Error for other sizes, channels and counts.
DataSplits make_shapes(const DataOptions& options = {});

}  // namespace stein::smld
