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

/// What the allocator holds, in bytes. Live = in use by tensors (rounded up to the allocator's block sizes), cached = kept for the
/// next request. A request that nothing cached serves first gives so much of the cache back to the system that at most twice the
/// highest live_bytes ever, plus 64 MiB, are held, but for stretches of memory that live blocks are part of. Not counted, and kept until
/// a thread ends: up to 4 MiB of its kernels' scratch memory (ops/detail/scratch.h), and freed nodes and descriptors
/// (detail/small_alloc.h).
struct MemoryStats {
  std::int64_t live_bytes;    ///< in use now
  std::int64_t peak_bytes;    ///< most in use since reset_peak_memory()
  std::int64_t cached_bytes;  ///< kept for the next request
  std::int64_t live_blocks;   ///< buffers in use now
};
MemoryStats memory_stats(const Device& device = cpu);  ///< of the process, in the host's memory or a device's
/// Starts a new measurement: peak_bytes becomes live_bytes.
void reset_peak_memory(const Device& device = cpu);
/// Requests that would lift live + cached bytes above `bytes` give the cache back first, and throw as if memory had run
/// out where that does not help.
void set_memory_limit(std::int64_t bytes, const Device& device = cpu);
/// Gives the cached blocks back to the system, but for stretches of memory that live blocks are part of, and for up to 64 of each
/// size up to 1 KiB of the host's memory that every other thread keeps. On a GPU this waits for all that was launched.
void empty_cache(const Device& device = cpu);

/// A buffer of `bytes` bytes, 64-byte aligned, uninitialised, in the host's memory or a device's.
/// `version` counts the writes after creation: autograd compares it to find stale saved tensors.
class Storage final : public Counted {
 public:
  STEIN_SMALL_OBJECT
  /// Throws Error when memory runs out, and for a device this build does not have.
  explicit Storage(std::int64_t bytes, const Device& device = cpu);
  ~Storage() override;
  Storage(const Storage&) = delete;

  /// Aligned to 64 bytes; an address of the device's, which the host cannot follow.
  void* data() const { return data_; }
  std::int64_t bytes() const { return bytes_; }                                       ///< size
  std::uint32_t version() const { return version_.load(std::memory_order_acquire); }  ///< writes so far
  void bump_version() { version_.fetch_add(1, std::memory_order_acq_rel); }           ///< called before each write

 private:
  void* data_;
  std::int64_t bytes_;
  Device device_;
  std::atomic<std::uint32_t> version_{0};
};

}  // namespace stein
