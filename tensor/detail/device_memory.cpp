// SPDX-License-Identifier: MIT
#include "tensor/detail/device_memory.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <utility>

#include "tensor/error.h"

namespace stein::detail {
namespace {

constexpr std::int64_t kPiece = std::int64_t{1} << 26;       // of a large upload
constexpr std::int64_t kSmallDownload = 1 << 16;             // goes through pinned memory
constexpr std::int64_t kMostPinned = std::int64_t{1} << 28;  // on its way at a time

std::atomic<std::int64_t> synchronisations{0};

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

DeviceBlocks::DeviceBlocks(DeviceDriver& driver, const Device& device)
    : BlockCache(" on " + to_string(device)), driver_(driver) {}

void* DeviceBlocks::obtain(std::int64_t bytes) { return driver_.obtain(bytes); }

void DeviceBlocks::release(void* block, std::int64_t bytes) {
  ++synchronisations;
  driver_.release(block, bytes);
}

std::string DeviceBlocks::hint() const { return driver_.room(); }

PinnedBlocks::PinnedBlocks(DeviceDriver& driver, const Device& device)
    : BlockCache(" of the host's, pinned for " + to_string(device)), driver_(driver) {}

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

void* DeviceMemory::allocate(std::int64_t bytes) { return driver_.lend(blocks_.allocate(bytes), bytes); }
void DeviceMemory::free(void* address, std::int64_t bytes) { blocks_.free(driver_.take_back(address), bytes); }

void DeviceMemory::upload(void* to, const void* from, std::int64_t bytes, DeviceStream stream) {
  pinned_.upload(to, from, bytes, stream);
}

void DeviceMemory::download(std::span<const Download> pieces) {
  std::int64_t bytes = 0;
  for (const auto& p : pieces) bytes += p.bytes;
  if (bytes == 0) return;
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
