// SPDX-License-Identifier: MIT
// Which samples come next: a position in a sequence that is a function of the seed alone.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "smld/data/dataset.h"
#include "tensor/detail/transfer.h"

namespace stein::smld {

/// Goes through the data epoch by epoch, each in an order of its own: epoch e's permutation is drawn by Philox from (seed, e). A
/// batch may straddle two epochs, so every batch is full. The position, one number, is all there is to save: seek() continues
/// exactly.
class BatchCursor {
 public:
  /// Throws Error unless samples >= 1 and batch >= 1.
  BatchCursor(std::int64_t samples, std::int64_t batch, std::uint64_t seed);

  /// The next `batch` indices, each in [0, samples).
  std::vector<std::int64_t> next();
  /// Samples handed out since the beginning.
  std::uint64_t position() const { return position_; }
  void seek(std::uint64_t position) { position_ = position; }  ///< to a position() of before
  /// Passes through the data that are complete.
  std::uint64_t epoch() const { return position_ / static_cast<std::uint64_t>(samples_); }

 private:
  const std::vector<std::int64_t>& order(std::uint64_t epoch);

  std::int64_t samples_, batch_;
  std::uint64_t seed_, position_ = 0;
  std::optional<std::uint64_t> cached_;
  std::vector<std::int64_t> order_;
};

/// One batch: samples (B, C, H, W) or (B, D) f32, where they came from, and the cursor's position after it (to save and seek).
struct Batch {
  Tensor samples;                     ///< (B, ...)
  std::vector<std::int64_t> indices;  ///< of the samples in the data set
  std::uint64_t position = 0;         ///< of the cursor behind this batch
};

/// The batches of a BatchCursor, made on a thread of its own up to `ahead` batches early. The sequence is the cursor's. To a device
/// they are copied as soon as they are made, while it computes with those before.
class BatchLoader {
 public:
  /// Starts at `position`. Throws Error for an empty data set, batch < 1, ahead outside [1, 64].
  BatchLoader(Dataset data, std::int64_t batch, std::uint64_t seed, std::uint64_t position = 0, std::size_t ahead = 2,
              const Device& device = cpu);
  ~BatchLoader();
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;

  /// Waits for the next batch to be made, not for its copy. An error met while making it is thrown here.
  Batch next();

 private:
  void work();

  struct Made {
    Batch batch;  // but for the samples
    stein::detail::Transfer samples;
  };

  Dataset data_;
  BatchCursor cursor_;  // of the worker alone once it runs
  std::size_t ahead_;
  Device device_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Made> queue_;  // guarded by mutex_, like error_ and stop_
  std::exception_ptr error_;
  bool stop_ = false;
  std::thread worker_;
};

}  // namespace stein::smld
