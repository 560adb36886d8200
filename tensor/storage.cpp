// SPDX-License-Identifier: MIT
#include "tensor/storage.h"

#include <array>
#include <cstdlib>

#include "tensor/detail/asan.h"
#include "tensor/detail/block_cache.h"
#include "tensor/detail/device_memory.h"

namespace stein {
namespace {

using detail::bytes_of;
using detail::class_of;
using detail::kSmallClasses;

constexpr int kSmallKept = 64;  // blocks a thread keeps of each small class

// Set when this thread's cache is destroyed: later frees of the thread go straight to the shared lists.
thread_local bool thread_cache_gone = false;

// The host's memory. Each thread keeps a few small blocks to itself.
class HostBlocks final : public detail::BlockCache {
 public:
  // With AddressSanitizer no block is cut: the red zone behind it would be its neighbour.
  HostBlocks() : BlockCache("", !detail::kAsan) {}
  void empty() override {
    if (!thread_cache_gone) mine().flush();
    BlockCache::empty();
  }

 protected:
  void* obtain(std::int64_t bytes) override {
    return std::aligned_alloc(detail::kBlockAlign, static_cast<std::size_t>(bytes + detail::kRedZone));
  }
  void release(void* block, std::int64_t bytes) override {
    detail::unpoison(block, bytes + detail::kRedZone);
    std::free(block);
  }
  void* take(int cls) override {
    if (cls < kSmallClasses && !thread_cache_gone) {
      auto& t = mine();
      if (auto& count = t.count[static_cast<std::size_t>(cls)]; count > 0)
        return t.slots[static_cast<std::size_t>(cls)][static_cast<std::size_t>(--count)];
    }
    return BlockCache::take(cls);
  }
  void put(int cls, void* block) override {
    if (cls < kSmallClasses && !thread_cache_gone) {
      auto& t = mine();
      if (auto& count = t.count[static_cast<std::size_t>(cls)]; count < kSmallKept) {
        t.slots[static_cast<std::size_t>(cls)][static_cast<std::size_t>(count++)] = block;
        return;
      }
    }
    BlockCache::put(cls, block);
  }

 private:
  struct OfThread {
    std::array<std::array<void*, kSmallKept>, kSmallClasses> slots;
    std::array<int, kSmallClasses> count{};
    ~OfThread() {
      thread_cache_gone = true;
      flush();
    }
    void flush();
  };
  static OfThread& mine() {
    thread_local OfThread cache;
    return cache;
  }
};

// Never destroyed: tensors with static storage duration may outlive any order of destruction.
HostBlocks& host_blocks() {
  static HostBlocks* blocks = new HostBlocks;
  return *blocks;
}

void HostBlocks::OfThread::flush() {
  for (std::size_t c = 0; c < kSmallClasses; ++c)
    while (count[c] > 0)
      host_blocks().BlockCache::put(static_cast<int>(c), slots[c][static_cast<std::size_t>(--count[c])]);
}

detail::BlockCache& blocks_of(const Device& device) {
  if (device.kind == Device::Kind::cpu) return host_blocks();
  return detail::device_memory(device).blocks();
}

}  // namespace

MemoryStats memory_stats(const Device& device) { return blocks_of(device).stats(); }
void reset_peak_memory(const Device& device) { blocks_of(device).reset_peak(); }
void set_memory_limit(std::int64_t bytes, const Device& device) { blocks_of(device).set_limit(bytes); }
void empty_cache(const Device& device) { blocks_of(device).empty(); }

Storage::Storage(std::int64_t bytes, const Device& device) : bytes_(bytes), device_(device) {
  if (device.kind != Device::Kind::cpu) {
    data_ = detail::device_memory(device).allocate(bytes);
    return;
  }
  data_ = host_blocks().allocate(bytes);
  detail::unpoison(data_, bytes);
  detail::poison(static_cast<char*>(data_) + bytes, bytes_of(class_of(bytes)) + detail::kRedZone - bytes);
}

Storage::~Storage() {
  if (device_.kind != Device::Kind::cpu) {
    detail::device_memory(device_).free(data_, bytes_);
    return;
  }
  detail::poison(data_, bytes_of(class_of(bytes_)) + detail::kRedZone);
  host_blocks().free(data_, bytes_);
}

}  // namespace stein
