// SPDX-License-Identifier: MIT
#include "tensor/detail/block_cache.h"

#include <algorithm>
#include <bit>

#include "tensor/error.h"

namespace stein::detail {
namespace {

constexpr std::int64_t kMost = std::int64_t{1} << 46;    // more than any machine has
constexpr std::int64_t kSlack = std::int64_t{64} << 20;  // held beyond twice the most that was ever live

}  // namespace

int class_of(std::int64_t bytes) {
  const auto units = std::max<std::int64_t>((bytes + kBlockAlign - 1) / kBlockAlign, 1);
  if (units <= kSmallClasses) return static_cast<int>(units) - 1;
  const int log = 63 - std::countl_zero(static_cast<std::uint64_t>(units - 1));  // units - 1 in [2^log, 2^(log+1))
  const auto step = std::int64_t{1} << (log - 2);
  const auto quarter = (units - 1 - (std::int64_t{1} << log)) / step;  // 0..3
  return kSmallClasses + (log - 4) * 4 + static_cast<int>(quarter);
}

std::int64_t bytes_of(int cls) {
  if (cls < kSmallClasses) return (cls + 1) * kBlockAlign;
  const int log = (cls - kSmallClasses) / 4 + 4, quarter = (cls - kSmallClasses) % 4;
  return ((std::int64_t{1} << log) + (quarter + 1) * (std::int64_t{1} << (log - 2))) * kBlockAlign;
}

void* BlockCache::allocate(std::int64_t bytes) {
  if (bytes < 0 || bytes > kMost) out_of_memory(bytes);
  const int cls = class_of(bytes);
  const auto size = bytes_of(cls);
  if (live_.load(std::memory_order_relaxed) + size > limit_.load(std::memory_order_relaxed)) out_of_memory(bytes);
  void* block = take(cls);
  if (!block) {
    empty();
    block = take(cls);
    if (!block) out_of_memory(bytes);
  }
  const auto live = live_.fetch_add(size, std::memory_order_relaxed) + size;
  auto peak = peak_.load(std::memory_order_relaxed);
  while (live > peak && !peak_.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {}
  blocks_.fetch_add(1, std::memory_order_relaxed);
  return block;
}

void BlockCache::free(void* block, std::int64_t bytes) {
  const int cls = class_of(bytes);
  live_.fetch_sub(bytes_of(cls), std::memory_order_relaxed);
  blocks_.fetch_sub(1, std::memory_order_relaxed);
  put(cls, block);
}

MemoryStats BlockCache::stats() const {
  const auto live = live_.load();
  return {live, peak_.load(), held_.load() - live, blocks_.load()};
}

void BlockCache::reset_peak() { earlier_peak_ = std::max(earlier_peak_.load(), peak_.exchange(live_)); }

void BlockCache::empty() {
  const std::lock_guard lock(mutex_);
  trim(0);
}

void* BlockCache::take(int cls) {
  const std::lock_guard lock(mutex_);
  if (auto& blocks = free_[static_cast<std::size_t>(cls)]; !blocks.empty()) {
    void* block = blocks.back();
    blocks.pop_back();
    return block;
  }
  // A new size: blocks of sizes that are no longer asked for must not pile up.
  const auto size = bytes_of(cls), most_live = std::max({live_ + size, peak_.load(), earlier_peak_.load()});
  trim(2 * most_live + kSlack - size);
  if (held_ + size > limit_) return nullptr;
  void* block = obtain(size);
  if (block) held_ += size;
  return block;
}

void BlockCache::put(int cls, void* block) {
  const std::lock_guard lock(mutex_);
  free_[static_cast<std::size_t>(cls)].push_back(block);
}

void BlockCache::trim(std::int64_t target) {
  for (int c = kBlockClasses - 1; c >= 0; --c)
    for (auto& blocks = free_[static_cast<std::size_t>(c)]; !blocks.empty() && held_ > target;) {
      release(blocks.back(), bytes_of(c));
      blocks.pop_back();
      held_ -= bytes_of(c);
    }
}

void BlockCache::out_of_memory(std::int64_t bytes) const {
  const auto s = stats();
  fail("allocate", "memory for " + std::to_string(bytes) + " bytes" + where_, "none left",
       "live " + std::to_string(s.live_bytes) + " bytes, cached " + std::to_string(s.cached_bytes) + " bytes" + hint());
}

}  // namespace stein::detail
