// SPDX-License-Identifier: MIT
#include "tensor/detail/block_cache.h"

#include <algorithm>
#include <bit>

#include "tensor/error.h"

namespace stein::detail {
namespace {

constexpr std::int64_t kMost = std::int64_t{1} << 46;             // more than any machine has
constexpr std::int64_t kSlack = std::int64_t{64} << 20;           // held beyond twice the most that was ever live
constexpr std::int64_t kCutFrom = std::int64_t{1} << 16;          // smaller blocks are not cut
constexpr std::int64_t kLargestSegment = std::int64_t{64} << 20;  // unless one block needs more

}  // namespace

int class_of(std::int64_t bytes) {
  const auto units = std::max<std::int64_t>((bytes + kBlockAlign - 1) / kBlockAlign, 1);
  if (units <= kSmallClasses) return static_cast<int>(units) - 1;
  const int log = 63 - std::countl_zero(static_cast<std::uint64_t>(units - 1));  // units - 1 in [2^log, 2^(log+1))
  const auto step = std::int64_t{1} << (log - 3);
  const auto eighth = (units - 1 - (std::int64_t{1} << log)) / step;  // 0..7
  return kSmallClasses + (log - 4) * 8 + static_cast<int>(eighth);
}

std::int64_t bytes_of(int cls) {
  if (cls < kSmallClasses) return (cls + 1) * kBlockAlign;
  const int log = (cls - kSmallClasses) / 8 + 4, eighth = (cls - kSmallClasses) % 8;
  return ((std::int64_t{1} << log) + (eighth + 1) * (std::int64_t{1} << (log - 3))) * kBlockAlign;
}

BlockCache::BlockCache(std::string where, bool cut)
    : where_(std::move(where)), cut_from_(cut ? class_of(kCutFrom) : kBlockClasses) {}

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
  if (void* block = reuse(cls)) return block;
  // Segments grow with what there is, so that they are few and what the last one leaves unused is little; whole numbers of these
  // blocks, so that such requests leave nothing.
  const auto size = bytes_of(cls);
  const auto segment =
      cls < cut_from_ ? size : std::max(size, std::min<std::int64_t>(held_ / 4, kLargestSegment) / size * size);
  // Blocks of sizes that are no longer asked for must not pile up.
  const auto most_live = std::max({live_ + size, peak_.load(), earlier_peak_.load()});
  trim(2 * most_live + kSlack - segment);
  if (cls < cut_from_) return grow(size);
  for (const auto bytes : {segment, size})
    if (void* base = grow(bytes)) {
      ranges_.add_segment(base, bytes);
      return ranges_.take(size);
    }
  return nullptr;
}

void BlockCache::put(int cls, void* block) {
  const std::lock_guard lock(mutex_);
  free_[static_cast<std::size_t>(cls)].push_back(block);
}

void* BlockCache::reuse(int cls) {
  if (auto& blocks = free_[static_cast<std::size_t>(cls)]; !blocks.empty()) {
    void* block = blocks.back();
    blocks.pop_back();
    return block;
  }
  if (cls < cut_from_) return nullptr;
  join();
  return ranges_.take(bytes_of(cls));
}

void* BlockCache::grow(std::int64_t bytes) {
  if (held_ + bytes > limit_) return nullptr;
  void* block = obtain(bytes);
  if (block) held_ += bytes;
  return block;
}

void BlockCache::join() {
  for (int c = cut_from_; c < kBlockClasses; ++c)
    for (auto& blocks = free_[static_cast<std::size_t>(c)]; !blocks.empty();) {
      void* block = blocks.back();
      blocks.pop_back();  // first: were there no memory for the ranges, it must not be in both
      ranges_.give(block, bytes_of(c));
    }
}

void BlockCache::trim(std::int64_t target) {
  if (held_ <= target) return;
  join();
  while (held_ > target) {
    const auto segment = ranges_.remove_segment();
    if (!segment) break;
    release(segment->base, segment->bytes);
    held_ -= segment->bytes;
  }
  for (int c = cut_from_ - 1; c >= 0; --c)
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
