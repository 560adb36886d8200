// SPDX-License-Identifier: MIT
// Blocks of memory that are kept when they are given back: what is common to the allocators of the host's memory, the devices' and
// pinned memory.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "tensor/detail/free_ranges.h"
#include "tensor/storage.h"

namespace stein::detail {

inline constexpr std::int64_t kBlockAlign = 64;
inline constexpr int kBlockClasses = 320;
inline constexpr int kSmallClasses = 16;  // up to 1 KiB in steps of 64 bytes

/// Size classes: multiples of 64 up to 1 KiB, then eight steps per doubling: at most an eighth is wasted, and nothing of 3x3 filters
/// between powers of two of channels.
int class_of(std::int64_t bytes);
/// The bytes of a class's blocks.
std::int64_t bytes_of(int cls);

/// Blocks of one memory. All calls may come from any thread.
///
/// A block that is given back waits in its class's list: requests repeat, and memory that was used last is near. Where the list is
/// empty, the free blocks of 64 KiB and more, of all sizes, are joined with their neighbours, and the smallest range that fits is cut:
/// a training step frees its activations while it makes gradients of other sizes.
class BlockCache {
 public:
  /// `where`: " on sim", for the message when memory runs out. `cut`: whether large blocks may be cut and joined: they
  /// must be addresses, and release() must not throw.
  BlockCache(std::string where, bool cut);
  virtual ~BlockCache() = default;
  BlockCache(const BlockCache&) = delete;

  /// A block for `bytes` bytes, uninitialised. Where none is left the cache goes back to where it came from first; throws Error when
  /// that does not help, and all that was there before is still usable.
  void* allocate(std::int64_t bytes);
  void free(void* block, std::int64_t bytes);  ///< what allocate(bytes) returned

  MemoryStats stats() const;
  void reset_peak();
  void set_limit(std::int64_t bytes) { limit_ = bytes; }
  /// Gives the cached blocks back to where they came from, but for segments that live blocks are part of.
  virtual void empty();

 protected:
  virtual void* obtain(std::int64_t bytes) = 0;  // a new block, null when there is none left
  virtual void release(void* block, std::int64_t bytes) = 0;
  virtual std::string hint() const { return ""; }  // said when memory runs out

  virtual void* take(int cls);  // a free block or a new one; null when the source or the limit has none left
  virtual void put(int cls, void* block);

 private:
  // These need the mutex.
  void* reuse(int cls);            // a free block of the class, or one cut from larger ones; null when there is none
  void* grow(std::int64_t bytes);  // a block of memory that is new; null when the source or the limit has none left
  void join();                     // brings the large free blocks of all lists together
  void trim(std::int64_t target);  // releases free blocks, large ones first, until `target` bytes are held
  [[noreturn]] void out_of_memory(std::int64_t bytes) const;

  const std::string where_;
  const int cut_from_;  // the first class whose blocks are cut from segments
  std::mutex mutex_;
  std::array<std::vector<void*>, kBlockClasses> free_;
  FreeRanges ranges_;  // of segments
  std::atomic<std::int64_t> live_{0}, peak_{0}, held_{0} /* live + cached */, blocks_{0}, limit_{INT64_MAX};
  std::atomic<std::int64_t> earlier_peak_{0};  // the largest before a reset
};

}  // namespace stein::detail
