// SPDX-License-Identifier: MIT
// Counted buffers and the caching allocator behind them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "tensor/counted.h"
#include "tensor/detail/small_alloc.h"
#include "tensor/device.h"

namespace stein {

/// What the allocator holds, in bytes. Live = in use by tensors (rounded up to the allocator's block sizes),
/// cached = kept for the next request: together at most twice the most that was ever live, and 64 MiB.
struct MemoryStats {
  std::int64_t live_bytes;    ///< in use now
  std::int64_t peak_bytes;    ///< most in use since reset_peak_memory()
  std::int64_t cached_bytes;  ///< kept for the next request
  std::int64_t live_blocks;   ///< buffers in use now
};
MemoryStats memory_stats();  ///< of the process
/// Starts a new measurement: peak_bytes becomes live_bytes.
void reset_peak_memory();
/// Requests that would lift live + cached bytes above `bytes` give the cache back first, and throw as if memory had run
/// out where that does not help.
void set_memory_limit(std::int64_t bytes);
/// Gives the cached blocks back to the system, but for the few of up to 1 KiB that other threads keep to themselves.
void empty_cache();

/// A buffer of `bytes` bytes, 64-byte aligned, uninitialised. Throws Error when memory runs out.
/// `version` counts the writes after creation: autograd compares it to find stale saved tensors.
class Storage final : public Counted {
 public:
  STEIN_SMALL_OBJECT
  /// Throws Error when memory runs out.
  explicit Storage(std::int64_t bytes);
  ~Storage() override;
  Storage(const Storage&) = delete;

  void* data() const { return data_; }                                                ///< aligned to 64 bytes
  std::int64_t bytes() const { return bytes_; }                                       ///< size
  std::uint32_t version() const { return version_.load(std::memory_order_acquire); }  ///< writes so far
  void bump_version() { version_.fetch_add(1, std::memory_order_acq_rel); }           ///< called before each write

 private:
  void* data_;
  std::int64_t bytes_;
  std::atomic<std::uint32_t> version_{0};
};

}  // namespace stein
