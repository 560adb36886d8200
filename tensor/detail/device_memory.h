// SPDX-License-Identifier: MIT
// The memory of a device other than the cpu, as tensors use it: blocks from a cache, copies by way of pinned memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "tensor/detail/block_cache.h"
#include "tensor/detail/device_driver.h"
#include "tensor/device.h"

namespace stein::detail {

/// Blocks, counted and kept for the next request without a word to the device. Whoever takes a block uses it in the stream `compute`,
/// and thereby after those who had it before; use in the other stream needs events on both sides (transfer.h).
class DeviceBlocks final : public BlockCache {
 public:
  DeviceBlocks(DeviceDriver& driver, const Device& device);

 protected:
  void* obtain(std::int64_t bytes) override;
  void release(void* block, std::int64_t bytes) override;
  std::string hint() const override;

 private:
  DeviceDriver& driver_;
};

/// Pinned memory of the host's through which uploads go. A piece of it is used again when its copy is over.
class PinnedBlocks final : public BlockCache {
 public:
  PinnedBlocks(DeviceDriver& driver, const Device& device);
  /// Copies into pinned memory at once and from there when the stream comes to it. Waits only while more than 256 MiB are on their
  /// way.
  void upload(void* to, const void* from, std::int64_t bytes, DeviceStream stream);
  /// What allocate(bytes) returned, when the stream of kernels has come to where it is now.
  void free_when_read(void* block, std::int64_t bytes);

 protected:
  void* obtain(std::int64_t bytes) override;
  void release(void* block, std::int64_t bytes) override;

 private:
  struct OnItsWay {
    void* block;
    std::int64_t bytes;
    EventRef copied;
  };
  void collect(
      std::int64_t room);  // the blocks that were copied, waiting until `room` more bytes may go; needs in_order_

  DeviceDriver& driver_;
  std::mutex in_order_;
  std::deque<OnItsWay> on_their_way_[2];  // of each stream, oldest first
  std::int64_t bytes_ = 0;                // of both
};

/// Bytes on their way to the host.
struct Download {
  void* to;
  const void* from;
  std::int64_t bytes;
};

/// What a device was asked while a thread recorded, and all the memory that it needs: nobody else is given that as long as
/// this exists.
class RecordedWork {
 public:
  ~RecordedWork();
  RecordedWork(const RecordedWork&) = delete;
  void play() { recording_->play(); }  ///< see DeviceRecording

 private:
  friend class DeviceMemory;
  explicit RecordedWork(class DeviceMemory& memory) : memory_(memory) {}
  struct Piece {
    void* address;
    std::int64_t bytes;
  };

  DeviceMemory& memory_;
  std::unique_ptr<DeviceRecording> recording_;
  std::vector<Piece> idle_;    // given back since: for who asks for as much while it records
  std::vector<Piece> pinned_;  // what uploads read each time
};

/// The memory of one device.
class DeviceMemory {
 public:
  DeviceMemory(DeviceDriver& driver, const Device& device);

  /// Uninitialised, aligned to 256 bytes. Throws Error when memory runs out.
  void* allocate(std::int64_t bytes);
  void free(void* address, std::int64_t bytes);  ///< what allocate(bytes) returned
  /// Returns when `from` is free again, which is before the bytes are there.
  void upload(void* to, const void* from, std::int64_t bytes, DeviceStream stream = DeviceStream::compute);
  /// Returns when the bytes are there: one wait for all of them.
  void download(std::span<const Download> pieces);
  EventRef record(DeviceStream stream);
  void wait(DeviceStream stream, const EventRef& event);  ///< the stream, not the host

  /// What this thread asks of the device while f runs, noted and not done. Throws Error when f does, when the host would have to
  /// wait, and for a recording inside another one. Other threads use the device meanwhile, but must not give memory back (empty_cache()).
  std::unique_ptr<RecordedWork> recorded(const std::function<void()>& f);

  BlockCache& blocks() { return blocks_; }

 private:
  friend class RecordedWork;
  void* allocate_recorded(std::int64_t bytes);
  bool keep(void* address, std::int64_t bytes);  // whether it belongs to a recording

  DeviceDriver& driver_;
  DeviceBlocks blocks_;
  PinnedBlocks pinned_;
  std::mutex recording_;  // one thread at a time does
  std::mutex owners_mutex_;
  std::unordered_map<void*, RecordedWork*> owners_;  // of memory that recordings need
  std::atomic<std::int64_t> owned_{0};
};

/// That of a device. Throws Error for the cpu, and for a device this build does not have.
DeviceMemory& device_memory(const Device& device);

/// How often the host has waited for a device: downloads, and memory that had to be given back or waited for. What a GPU
/// could have computed meanwhile is lost, so a train step has as few as it can.
std::int64_t device_synchronisations();

}  // namespace stein::detail
