// SPDX-License-Identifier: MIT
#include "tensor/detail/index_fault.h"

#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "tensor/detail/device_memory.h"
#include "tensor/error.h"

namespace stein::detail {
namespace {

constexpr auto kBytes = static_cast<std::int64_t>(IndexFault::kPlaces * sizeof(std::int64_t));
constexpr std::int64_t kNone[IndexFault::kPlaces] = {};

// Devices whose kernels have looked anything up; the records live as long as the process.
std::mutex mutex;
std::map<std::pair<Device::Kind, int>, std::int64_t*>& records() {
  static auto* all = new std::map<std::pair<Device::Kind, int>, std::int64_t*>;
  return *all;
}

}  // namespace

std::int64_t* index_fault(const Device& device) {
  const std::lock_guard lock(mutex);
  auto& record = records()[{device.kind, device.index}];
  if (!record) {
    auto& memory = device_memory(device);
    auto* fresh = static_cast<std::int64_t*>(memory.allocate(kBytes));
    memory.upload(fresh, kNone, kBytes);
    record = fresh;
  }
  return record;
}

void download_checked(const Device& device, void* to, const void* from, std::int64_t bytes) {
  auto& memory = device_memory(device);
  std::int64_t is[IndexFault::kPlaces] = {};
  std::int64_t* record = nullptr;
  {
    const std::lock_guard lock(mutex);
    const auto it = records().find({device.kind, device.index});
    if (it != records().end()) record = it->second;
  }
  const Download pieces[] = {{to, from, bytes}, {is, record, record ? kBytes : 0}};
  memory.download(pieces);
  if (!is[IndexFault::claimed]) return;
  memory.upload(record, kNone, kBytes);
  static constexpr const char* kNames[] = {"gather", "index_select", "scatter_add", "index_add"};
  fail(kNames[is[IndexFault::op]], "indices in [0, " + std::to_string(is[IndexFault::size]) + ")",
       std::to_string(is[IndexFault::value]) + " as element " + std::to_string(is[IndexFault::position]) +
           " of an index on " + to_string(device),
       "found when this copy to the host waited for the device: what was computed with that index is wrong");
}

}  // namespace stein::detail
