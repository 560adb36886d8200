// SPDX-License-Identifier: MIT
#include "smld/data/batch.h"

#include <fmt/format.h>

#include "tensor/random.h"
#include "tensor/replay.h"

namespace stein::smld {

BatchCursor::BatchCursor(std::int64_t samples, std::int64_t batch, std::uint64_t seed)
    : samples_(samples), batch_(batch), seed_(seed) {
  if (samples < 1 || batch < 1)
    fail("batches", "at least 1 sample and a batch of at least 1", fmt::format("{} and {}", samples, batch));
}

const std::vector<std::int64_t>& BatchCursor::order(std::uint64_t epoch) {
  if (cached_ != epoch) {
    Generator generator = Generator(seed_).fork(epoch);
    order_ = permutation(samples_, generator).to_vector<std::int64_t>();
    cached_ = epoch;
  }
  return order_;
}

std::vector<std::int64_t> BatchCursor::next() {
  std::vector<std::int64_t> indices;
  indices.reserve(static_cast<std::size_t>(batch_));
  const auto n = static_cast<std::uint64_t>(samples_);
  for (std::int64_t i = 0; i < batch_; ++i, ++position_) indices.push_back(order(position_ / n)[position_ % n]);
  return indices;
}

BatchLoader::BatchLoader(Dataset data, std::int64_t batch, std::uint64_t seed, std::uint64_t position,
                         std::size_t ahead, const Device& device)
    : data_(std::move(data)), cursor_(data_.size(), batch, seed), ahead_(ahead), device_(device) {
  if (ahead < 1 || ahead > 64) fail("batches", "1 to 64 batches ahead", std::to_string(ahead));
  cursor_.seek(position);
  worker_ = std::thread([this] { work(); });
}

BatchLoader::~BatchLoader() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  worker_.join();
}

void BatchLoader::work() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stop_ || queue_.size() < ahead_; });
      if (stop_) return;
    }
    Made made;
    std::exception_ptr error;
    try {
      made.batch.indices = cursor_.next();
      made.samples = stein::detail::Transfer(data_.batch(made.batch.indices), device_);
      made.batch.position = cursor_.position();
    } catch (...) {
      error = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    if (error)
      error_ = error;
    else
      queue_.push_back(std::move(made));
    changed_.notify_all();
    if (error) return;
  }
}

Batch BatchLoader::next() {
  detail::not_while_recording("a batch of a loader", "give it as an input");
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !queue_.empty() || error_; });
  if (queue_.empty()) std::rethrow_exception(error_);
  Batch out = std::move(queue_.front().batch);
  out.samples = queue_.front().samples.arrive();
  queue_.pop_front();
  changed_.notify_all();
  return out;
}

}  // namespace stein::smld
