// SPDX-License-Identifier: MIT
// The memory of the simulated device. Its addresses are reserved and never mapped, so that a host that follows one dies on
// the spot; the bytes lie elsewhere. Kernels reach them through View alone, which checks every access: inside one live
// block, of an element that was written, and without a race. Two threads race on an element when one of them writes it and
// no barrier of their block stands between; threads of two blocks always do. Two streams race on a block of memory as a whole, when
// no event stands between them (sim_streams.h). Addresses are not used twice, but a block that is lent anew remembers who used it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "tensor/detail/device_driver.h"
#include "tensor/detail/sim_streams.h"

namespace stein::detail::sim {

/// Where a kernel is: in which block, phase (what lies between two barriers) and thread. Launches count from 2.
struct Place {
  std::uint32_t launch = 0, block = 0;
  std::uint16_t phase = 0, thread = 0;
};
/// Who touched an element last.
struct Cell {
  Place write, read;
};

/// The kernel that runs in this host thread; null: none does.
inline thread_local const char* kernel = nullptr;
inline thread_local Place place;
/// A number for the next launch, in the stream of kernels.
inline std::uint32_t next_launch() { return begin(DeviceStream::compute); }
/// "kernel sum, thread 17 of block 3"
std::string who();

/// What this host thread has asked of the device since it began to record; null: it does not.
inline thread_local std::vector<std::function<void()>>* recording = nullptr;
/// f(), which asks something of the device's stream of kernels: now, or whenever the recording is played.
template <class F>
void ask(F f) {
  if (recording)
    recording->emplace_back(std::move(f));
  else
    f();
}

/// Held by whoever runs a kernel or a library call: the device has one stream of them for all host threads.
std::recursive_mutex& turn();

/// Memory with a record of every element: a block of the device's, or what the threads of a kernel's block share.
class Memory {
 public:
  Memory() = default;
  /// `size` bytes at `bytes`, none of them written; who used the block before.
  Memory(char* bytes, std::int64_t size, const Touches& before = {}) : bytes_(bytes), size_(size), touches_(before) {}

  char* bytes() const { return bytes_; }
  std::int64_t size() const { return size_; }
  /// Throws Error unless the running kernel may read (write) the element of `bytes` bytes at `offset`; notes that it did.
  void check(std::int64_t offset, std::int64_t bytes, bool writes);
  /// A library or a copy, `by`, has written, or is to read, these bytes. Throws Error when they are not there, or not written.
  void check_bytes(std::int64_t offset, std::int64_t bytes, bool writes, DeviceStream stream, const char* by);
  const Touches& touches() const { return touches_; }

 private:
  void cut(std::int64_t granule);  // into elements of that size

  char* bytes_ = nullptr;
  std::int64_t size_ = 0, granule_ = 0;
  bool written_ = false;  // as a whole, at once
  Touches touches_;
  std::unique_ptr<Cell[]> cells_;
};

/// The block that a device address points into. Throws Error for an address of the host's, and for one outside every live block.
struct Located {
  Memory* memory;
  std::int64_t offset;
};
Located locate(const void* address);

/// Where the host finds `bytes` bytes at a device address, for the doubles of libraries, which work in the stream of kernels, and
/// for copies. Throws Error unless they lie in one live block and, unless they are to be written, were written.
inline constexpr const char* kLibrary = "a library";
void* reach(const void* address, std::int64_t bytes, bool writes, DeviceStream stream = DeviceStream::compute,
            const char* by = kLibrary);

/// What of a matrix a library touches.
enum class Part { all, upper, lower };
/// The same for a COLUMN-major matrix with elements of `size` bytes, whose columns lie `ld` elements apart in one block; what lies
/// between them is not touched. Null for a matrix without elements.
void* reach_matrix(const void* address, std::int64_t rows, std::int64_t columns, std::int64_t ld, std::int64_t size,
                   bool writes, Part part = Part::all);

}  // namespace stein::detail::sim
