// SPDX-License-Identifier: MIT
#include "tensor/detail/device_memory.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <exception>
#include <iterator>
#include <utility>

#include "tensor/error.h"
#include "tensor/replay.h"

namespace stein::detail {
namespace {

constexpr std::int64_t kPiece = std::int64_t{1} << 26;       // of a large upload
constexpr std::int64_t kSmallDownload = 1 << 16;             // goes through pinned memory
constexpr std::int64_t kMostPinned = std::int64_t{1} << 28;  // on its way at a time

std::atomic<std::int64_t> synchronisations{0};
thread_local RecordedWork* work = nullptr;  // what this thread records; null: nothing

DeviceDriver& driver_of(const Device& device) {
  switch (device.kind) {
    case Device::Kind::sim:
      return sim::driver();
    case Device::Kind::cuda:
#ifdef STEIN_HAVE_CUDA
      return cuda::driver(device.index);
#else
      fail("device", "a device of this build: cpu or sim", to_string(device), "this stein was built without CUDA");
#endif
    case Device::Kind::cpu:
      break;
  }
  fail("device", "a device other than the cpu", "cpu");
}

}  // namespace

std::int64_t device_synchronisations() { return synchronisations; }

void not_while_recording(const char* what, const char* hint) {
  if (work) fail("replay", "a function that can be repeated without the host", what, hint);
}

// Not cut: sim's blocks are no addresses, and nobody has measured it on a GPU.
DeviceBlocks::DeviceBlocks(DeviceDriver& driver, const Device& device)
    : BlockCache(" on " + to_string(device), /*cut=*/false), driver_(driver) {}

void* DeviceBlocks::obtain(std::int64_t bytes) { return driver_.obtain(bytes); }

void DeviceBlocks::release(void* block, std::int64_t bytes) {
  not_while_recording("memory that runs out", "the device would have to finish before it is given back");
  ++synchronisations;
  driver_.release(block, bytes);
}

std::string DeviceBlocks::hint() const { return driver_.room(); }

PinnedBlocks::PinnedBlocks(DeviceDriver& driver, const Device& device)
    : BlockCache(" of the host's, pinned for " + to_string(device), /*cut=*/false), driver_(driver) {}

void* PinnedBlocks::obtain(std::int64_t bytes) { return driver_.obtain_pinned(bytes); }
void PinnedBlocks::release(void* block, std::int64_t) { driver_.release_pinned(block); }

void PinnedBlocks::upload(void* to, const void* from, std::int64_t bytes, DeviceStream stream) {
  for (std::int64_t at = 0; at < bytes; at += kPiece) {
    const auto n = std::min(kPiece, bytes - at);
    const std::lock_guard lock(in_order_);
    collect(n);
    void* block = allocate(n);
    std::memcpy(block, static_cast<const char*>(from) + at, static_cast<std::size_t>(n));
    try {
      driver_.upload(static_cast<char*>(to) + at, block, n, stream);
      on_their_way_[static_cast<int>(stream)].push_back({block, n, driver_.record(stream)});
    } catch (...) {
      free(block, n);
      throw;
    }
    bytes_ += n;
  }
}

void PinnedBlocks::free_when_read(void* block, std::int64_t bytes) {
  const std::lock_guard lock(in_order_);
  on_their_way_[static_cast<int>(DeviceStream::compute)].push_back(
      {block, bytes, driver_.record(DeviceStream::compute)});
  bytes_ += bytes;
}

void PinnedBlocks::collect(std::int64_t room) {
  for (auto& queue : on_their_way_)
    while (!queue.empty()) {
      if (!driver_.reached(*queue.front().copied)) {
        if (bytes_ + room <= kMostPinned) break;
        ++synchronisations;
        driver_.wait(*queue.front().copied);
      }
      free(queue.front().block, queue.front().bytes);
      bytes_ -= queue.front().bytes;
      queue.pop_front();
    }
}

DeviceMemory::DeviceMemory(DeviceDriver& driver, const Device& device)
    : driver_(driver), blocks_(driver, device), pinned_(driver, device) {}

void* DeviceMemory::allocate(std::int64_t bytes) {
  if (work) {
    if (&work->memory_ != this) not_while_recording("memory of another device", "a replay is of one device");
    return allocate_recorded(bytes);
  }
  return driver_.lend(blocks_.allocate(bytes), bytes);
}

void DeviceMemory::free(void* address, std::int64_t bytes) {
  if (owned_.load(std::memory_order_relaxed) && keep(address, bytes)) return;
  blocks_.free(driver_.take_back(address), bytes);
}

void DeviceMemory::upload(void* to, const void* from, std::int64_t bytes, DeviceStream stream) {
  if (!work || bytes == 0) return pinned_.upload(to, from, bytes, stream);
  work->pinned_.push_back({pinned_.allocate(bytes), bytes});
  std::memcpy(work->pinned_.back().address, from, static_cast<std::size_t>(bytes));
  driver_.upload(to, work->pinned_.back().address, bytes, DeviceStream::compute);
}

EventRef DeviceMemory::record(DeviceStream stream) {
  not_while_recording("an event between streams", "copy with to(device)");
  return driver_.record(stream);
}
void DeviceMemory::wait(DeviceStream stream, const EventRef& event) {
  not_while_recording("an event between streams", "copy with to(device)");
  driver_.wait(stream, *event);
}

void DeviceMemory::download(std::span<const Download> pieces) {
  std::int64_t bytes = 0;
  for (const auto& p : pieces) bytes += p.bytes;
  if (bytes == 0) return;
  not_while_recording("a value that the host reads", "return the tensor, and read it after the replay");
  ++synchronisations;
  const auto fetch = [&](const auto& place) {
    for (const auto& p : pieces)
      if (p.bytes) driver_.download(place(p), p.from, p.bytes);
    driver_.wait(*driver_.record(DeviceStream::compute));
  };
  if (bytes > kSmallDownload) return fetch([](const Download& p) { return p.to; });
  // A copy into memory that is not pinned is a wait of its own.
  std::unique_ptr<char, std::function<void(char*)>> pinned(static_cast<char*>(pinned_.allocate(bytes)),
                                                           [&](char* block) { pinned_.free(block, bytes); });
  char* next = pinned.get();
  fetch([&](const Download& p) { return std::exchange(next, next + p.bytes); });
  next = pinned.get();
  for (const auto& p : pieces)
    std::memcpy(p.to, std::exchange(next, next + p.bytes), static_cast<std::size_t>(p.bytes));
}

std::unique_ptr<RecordedWork> DeviceMemory::recorded(const std::function<void()>& f) {
  not_while_recording("another recording", "call what is recorded there");
  const std::lock_guard lock(recording_);
  std::unique_ptr<RecordedWork> made(new RecordedWork(*this));
  driver_.begin_recording();
  work = made.get();
  std::exception_ptr thrown;
  try {
    f();
  } catch (...) {
    thrown = std::current_exception();
  }
  work = nullptr;
  try {
    made->recording_ = driver_.end_recording();  // in any case: the stream would note on
  } catch (...) {
    if (!thrown) throw;
  }
  if (thrown) std::rethrow_exception(thrown);
  return made;
}

void* DeviceMemory::allocate_recorded(std::int64_t bytes) {
  const std::lock_guard lock(owners_mutex_);
  const auto same = [&](const RecordedWork::Piece& p) { return p.bytes == bytes; };
  const auto it = std::find_if(work->idle_.rbegin(), work->idle_.rend(), same);
  if (it != work->idle_.rend()) {
    void* address = it->address;
    work->idle_.erase(std::next(it).base());
    return address;
  }
  void* address = driver_.lend(blocks_.allocate(bytes), bytes);
  owners_[address] = work;
  ++owned_;
  return address;
}

bool DeviceMemory::keep(void* address, std::int64_t bytes) {
  const std::lock_guard lock(owners_mutex_);
  const auto it = owners_.find(address);
  if (it == owners_.end()) return false;
  it->second->idle_.push_back({address, bytes});
  return true;
}

RecordedWork::~RecordedWork() {
  recording_.reset();
  const std::lock_guard lock(memory_.owners_mutex_);
  // What a tensor still has goes the usual way from now on.
  memory_.owned_ -=
      static_cast<std::int64_t>(std::erase_if(memory_.owners_, [&](const auto& o) { return o.second == this; }));
  for (const auto& p : idle_) memory_.blocks_.free(memory_.driver_.take_back(p.address), p.bytes);
  for (const auto& p : pinned_) try {
      memory_.pinned_.free_when_read(p.address, p.bytes);
    } catch (const Error&) {  // of a device that has failed: whatever it is asked next will say so
    }
}

DeviceMemory& device_memory(const Device& device) {
  // One of each, never destroyed: tensors may outlive any order of destruction. The first is sim's.
  static std::mutex mutex;
  static std::array<std::atomic<DeviceMemory*>, 65> all{};
  const auto k =
      static_cast<std::size_t>(device.kind == Device::Kind::cuda ? static_cast<std::uint16_t>(device.index) + 1 : 0);
  if (device.kind != Device::Kind::cpu && k < all.size())
    if (DeviceMemory* m = all[k]) return *m;
  DeviceDriver& driver = driver_of(device);
  const std::lock_guard lock(mutex);
  if (!all[k]) all[k] = new DeviceMemory(driver, device);
  return *all[k];
}

}  // namespace stein::detail
