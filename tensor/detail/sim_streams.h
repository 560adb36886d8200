// SPDX-License-Identifier: MIT
// The order of what is asked of the simulated device. Kernels run at once; what is checked is whether a GPU, where streams
// run side by side, would have had to wait. Each stream knows, by events, how far the other has come at least (a vector clock), and so
// does the host, whose threads count as one. A copy takes place as late as it may: when its stream is asked for something else or
// somebody waits for it. So memory of the host's that is used too early ends in wrong numbers here, too.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>

#include "tensor/detail/device_driver.h"

namespace stein::detail::sim {

inline constexpr int kStreams = 2;
/// Of each stream, the operation up to which all is over. Operations of both are numbered together, from 2 on.
using Clock = std::array<std::uint32_t, kStreams>;

/// A number for the next operation of a stream.
std::uint32_t begin(DeviceStream stream);
/// Has `copy` done as late as the stream allows.
void postpone(DeviceStream stream, std::function<void()> copy);
/// Does now what was postponed, as when memory goes away.
void flush();

/// What has happened for sure when the stream comes to where it is now.
Clock clock_of(DeviceStream stream);
/// From now on the stream knows what `clock` knows.
void learn(DeviceStream stream, const Clock& clock);
void host_learns(const Clock& clock);
bool host_knows(const Clock& clock);

/// The last that each stream did to a block of memory.
class Touches {
 public:
  /// The operation `number` of the stream, of kernel or library `by`, reads or writes the block. Throws Error unless it comes after the
  /// other stream's last write (for a write, after its last read, too) on every device.
  void note(DeviceStream stream, std::uint32_t number, const char* by, bool writes) {
    Touch& last = (writes ? write_ : read_)[static_cast<int>(stream)];
    if (last.number == number) return;
    check(stream, by, writes);
    last = {number, by};
  }

 private:
  struct Touch {
    std::uint32_t number = 0;  // 0: none
    const char* by = nullptr;
  };
  void check(DeviceStream stream, const char* by, bool writes) const;

  std::array<Touch, kStreams> write_, read_;
};

}  // namespace stein::detail::sim
