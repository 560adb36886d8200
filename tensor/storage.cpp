// SPDX-License-Identifier: MIT
#include "tensor/storage.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

#include "tensor/detail/asan.h"
#include "tensor/error.h"

namespace stein {
namespace {

constexpr std::int64_t kAlign = 64;
constexpr int kClasses = 256;
constexpr int kSmallClasses = 16;                        // up to 1 KiB in steps of 64 bytes: kept per thread
constexpr int kSmallKept = 64;                           // blocks a thread keeps of each small class
constexpr std::int64_t kSlack = std::int64_t{64} << 20;  // held beyond twice the most that was ever live

// Size classes: multiples of 64 up to 1 KiB, then four steps per doubling (at most 25% is wasted).
int class_of(std::int64_t bytes) {
  const auto units = std::max<std::int64_t>((bytes + kAlign - 1) / kAlign, 1);
  if (units <= kSmallClasses) return static_cast<int>(units) - 1;
  const int log = 63 - std::countl_zero(static_cast<std::uint64_t>(units - 1));  // units - 1 in [2^log, 2^(log+1))
  const auto step = std::int64_t{1} << (log - 2);
  const auto quarter = (units - 1 - (std::int64_t{1} << log)) / step;  // 0..3
  return kSmallClasses + (log - 4) * 4 + static_cast<int>(quarter);
}

std::int64_t bytes_of(int cls) {
  if (cls < kSmallClasses) return (cls + 1) * kAlign;
  const int log = (cls - kSmallClasses) / 4 + 4, quarter = (cls - kSmallClasses) % 4;
  return ((std::int64_t{1} << log) + (quarter + 1) * (std::int64_t{1} << (log - 2))) * kAlign;
}

struct Pool {
  std::mutex mutex;
  std::array<std::vector<void*>, kClasses> free;
  std::atomic<std::int64_t> live{0}, peak{0}, held{0} /* live + cached */, blocks{0}, limit{INT64_MAX};
  std::atomic<std::int64_t> earlier_peak{0};  // the largest before a reset

  // Gives free blocks back to the system, large ones first, until `target` bytes are held. Needs the mutex.
  void trim(std::int64_t target);
};
// Never destroyed: tensors with static storage duration may outlive any order of destruction.
Pool& pool() {
  static Pool* p = new Pool;
  return *p;
}

// Set when this thread's cache is destroyed: later frees of the thread go straight to the shared lists.
thread_local bool thread_cache_gone = false;

struct ThreadCache {
  std::array<std::array<void*, kSmallKept>, kSmallClasses> slots;
  std::array<int, kSmallClasses> count{};
  ~ThreadCache() {
    thread_cache_gone = true;
    flush();
  }
  void flush() {
    for (std::size_t c = 0; c < kSmallClasses; ++c)
      while (count[c] > 0) give_back(static_cast<int>(c), slots[c][static_cast<std::size_t>(--count[c])]);
  }
  static void give_back(int cls, void* p) {
    std::lock_guard lock(pool().mutex);
    pool().free[static_cast<std::size_t>(cls)].push_back(p);
  }
};
ThreadCache& thread_cache() {
  thread_local ThreadCache cache;
  return cache;
}

void Pool::trim(std::int64_t target) {
  for (int c = kClasses - 1; c >= 0; --c)
    for (auto& blocks_of = free[static_cast<std::size_t>(c)]; !blocks_of.empty() && held > target;) {
      detail::unpoison(blocks_of.back(), bytes_of(c) + detail::kRedZone);
      std::free(blocks_of.back());
      blocks_of.pop_back();
      held -= bytes_of(c);
    }
}

// A block of the class, or null when the system or the limit has none left.
void* take(int cls) {
  auto& p = pool();
  const auto c = static_cast<std::size_t>(cls);
  if (cls < kSmallClasses && !thread_cache_gone) {
    auto& t = thread_cache();
    if (t.count[c] > 0) {
      return t.slots[c][static_cast<std::size_t>(--t.count[c])];
    }
  }
  const std::lock_guard lock(p.mutex);
  if (!p.free[c].empty()) {
    void* block = p.free[c].back();
    p.free[c].pop_back();
    return block;
  }
  // A new size: blocks of sizes that are no longer asked for must not pile up.
  const auto size = bytes_of(cls), most_live = std::max({p.live + size, p.peak.load(), p.earlier_peak.load()});
  p.trim(2 * most_live + kSlack - size);
  if (p.held + size > p.limit) return nullptr;
  void* block = std::aligned_alloc(kAlign, static_cast<std::size_t>(size + detail::kRedZone));
  if (block) p.held += size;
  return block;
}

void put(int cls, void* block) {
  const auto c = static_cast<std::size_t>(cls);
  if (cls < kSmallClasses && !thread_cache_gone) {
    auto& t = thread_cache();
    if (t.count[c] < kSmallKept) {
      t.slots[c][static_cast<std::size_t>(t.count[c]++)] = block;
      return;
    }
  }
  ThreadCache::give_back(cls, block);
}

[[noreturn]] void out_of_memory(std::int64_t bytes) {
  const auto s = memory_stats();
  fail("allocate", "memory for " + std::to_string(bytes) + " bytes", "none left",
       "live " + std::to_string(s.live_bytes) + " bytes, cached " + std::to_string(s.cached_bytes) + " bytes");
}

}  // namespace

MemoryStats memory_stats() {
  auto& p = pool();
  const auto live = p.live.load();
  return {live, p.peak.load(), p.held.load() - live, p.blocks.load()};
}

void reset_peak_memory() {
  auto& p = pool();
  p.earlier_peak = std::max(p.earlier_peak.load(), p.peak.exchange(p.live));
}

void set_memory_limit(std::int64_t bytes) { pool().limit.store(bytes); }

void empty_cache() {
  if (!thread_cache_gone) thread_cache().flush();
  const std::lock_guard lock(pool().mutex);
  pool().trim(0);
}

Storage::Storage(std::int64_t bytes) : bytes_(bytes) {
  if (bytes < 0 || bytes > (std::int64_t{1} << 46)) out_of_memory(bytes);
  auto& p = pool();
  const int cls = class_of(bytes);
  const auto size = bytes_of(cls);
  if (p.live.load(std::memory_order_relaxed) + size > p.limit.load(std::memory_order_relaxed)) out_of_memory(bytes);
  data_ = take(cls);
  if (!data_) {
    empty_cache();
    data_ = take(cls);
    if (!data_) out_of_memory(bytes);
  }
  detail::unpoison(data_, bytes);
  detail::poison(static_cast<char*>(data_) + bytes, size + detail::kRedZone - bytes);
  const auto live = p.live.fetch_add(size, std::memory_order_relaxed) + size;
  auto peak = p.peak.load(std::memory_order_relaxed);
  while (live > peak && !p.peak.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {}
  p.blocks.fetch_add(1, std::memory_order_relaxed);
}

Storage::~Storage() {
  const int cls = class_of(bytes_);
  detail::poison(data_, bytes_of(cls) + detail::kRedZone);
  pool().live.fetch_sub(bytes_of(cls), std::memory_order_relaxed);
  pool().blocks.fetch_sub(1, std::memory_order_relaxed);
  put(cls, data_);
}

}  // namespace stein
