// SPDX-License-Identifier: MIT
// MNIST's file format: big-endian header (0, 0, type, rank, one 32-bit size an axis), then the values.
#pragma once

#include <string>

#include "smld/data/dataset.h"

namespace stein::smld {

/// The u8 values of an IDX file, gzipped or not, of rank 1 to 4. The sizes are checked against the file's before anything is
/// allocated. Throws Error for wrong magic bytes, other types, zero sizes, files that are too short or too long, and damaged
/// gzip data.
Tensor read_idx(const std::string& path);

/// Images (N, H, W) become (N, 1, H, W); rank 4 is taken as (N, C, H, W). Labels: an IDX file of rank 1, or "".
Dataset read_idx_images(const std::string& name, const std::string& images, const std::string& labels = {});

/// True when `folder` holds train-images-idx3-ubyte, gzipped or not.
bool is_idx_folder(const std::string& folder);

/// train-images-idx3-ubyte[.gz] and, to hold out, t10k-images-idx3-ubyte[.gz], with the labels beside them where they exist.
DataSplits read_idx_folder(const std::string& name, const std::string& folder);

}  // namespace stein::smld
