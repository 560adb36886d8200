// SPDX-License-Identifier: MIT
// What every source of training data becomes: samples held in memory, handed out in batches of f32.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace stein::smld {

/// N samples of one shape: images (C, H, W) with values in [0, 1], or vectors (D) with any values. A cheap value: copies
/// share the samples.
class Dataset {
 public:
  Dataset() = default;
  /// samples: (N, C, H, W) or (N, D), u8 (read as v/255) or f32; labels: (N) i64, or undefined.
  /// Throws Error for other ranks or dtypes, empty axes, labels of another length, f32 values that are not
  /// finite, and f32 images outside [0, 1].
  Dataset(std::string name, Tensor samples, Tensor labels = {});

  const std::string& name() const { return name_; }  ///< for people
  /// Number of samples.
  std::int64_t size() const { return rows_ ? static_cast<std::int64_t>(rows_->size()) : all_rows(); }
  /// (C, H, W) or (D).
  const Shape& sample_shape() const { return sample_shape_; }
  bool is_image() const { return sample_shape_.rank() == 3; }  ///< samples (C, H, W)
  bool has_labels() const { return labels_.defined(); }        ///< whether labels() may be called

  /// (B, C, H, W) or (B, D), f32, of the samples at `indices`, each in [0, size()). Throws Error otherwise.
  Tensor batch(std::span<const std::int64_t> indices) const;
  /// The first `count` samples, in order (all when there are fewer).
  Tensor first(std::int64_t count) const;
  /// (B) i64. Throws Error when the data set has no labels.
  Tensor labels(std::span<const std::int64_t> indices) const;
  /// CRC-32 of the samples' bytes and of their order: tells whether these are the data that a run began with.
  std::uint32_t checksum() const;
  /// The samples at `rows` as a data set of its own, sharing memory with this one.
  Dataset subset(std::string name, const std::vector<std::int64_t>& rows) const;

 private:
  std::int64_t all_rows() const { return samples_.defined() ? samples_.size(0) : 0; }
  std::int64_t row(std::int64_t index) const;

  std::string name_;
  Tensor samples_, labels_;
  Shape sample_shape_;
  std::shared_ptr<const std::vector<std::int64_t>> rows_;  // null: all of them
};

/// Data to train on and data never trained on.
struct DataSplits {
  Dataset train;     ///< to learn from
  Dataset held_out;  ///< to judge by
};

/// Splits data that comes in one piece: samples 9, 19, 29, ... are held out (the last one when there are fewer than ten).
/// Throws Error for fewer than two samples.
DataSplits split_every_tenth(const Dataset& data);

/// What open_data() makes of the files.
struct DataOptions {
  std::int64_t image_size =
      0;                   ///< side of the square images of a folder and of "shapes"; 0: see image_folder.h, shapes.h
  int channels = 0;        ///< 1 or 3, for image folders and "shapes"; 0: as the files are
  std::int64_t count = 0;  ///< most samples to use; 0: all (of made data: 10,000)
  std::uint64_t seed = 0;  ///< of made data
};

/// Opens data by name or path. Names: "fashion-mnist" (Debian's package dataset-fashion-mnist), "shapes" (shapes.h),
/// and the mixtures of mixture.h ("two", "ring", "grid"). Paths: a folder with MNIST-like IDX files, with CIFAR-10's binary
/// batches, or with PNG and JPEG images; an IDX file (gzipped or not); an .npy file of (N, C, H, W) or (N, D).
/// Throws Error for anything else, saying what it found.
DataSplits open_data(const std::string& name_or_path, const DataOptions& options = {});

}  // namespace stein::smld
