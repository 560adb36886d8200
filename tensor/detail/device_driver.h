// SPDX-License-Identifier: MIT
// What a kind of device other than the cpu provides, in the fewest words: blocks of memory, two streams, events between them.
// `sim` and CUDA each implement it; what is common stands above, in device_memory.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace stein::detail {

/// What is asked of a device in one stream happens in the order in which it was asked, for all threads of the host together.
/// Between the two streams only events make an order. Kernels and libraries run in `compute`.
enum class DeviceStream : std::uint8_t { compute, copy };

/// A moment in a stream: all that was asked of it before has happened.
class DeviceEvent {
 public:
  virtual ~DeviceEvent() = default;
};
using EventRef = std::shared_ptr<const DeviceEvent>;

/// What a thread asked of the stream `compute` while it recorded: once more, as often as one likes.
class DeviceRecording {
 public:
  virtual ~DeviceRecording() = default;
  /// In the stream `compute`; the host does not wait.
  virtual void play() = 0;
};

/// One device. Calls may come from any thread and throw Error for what the device refuses.
class DeviceDriver {
 public:
  virtual ~DeviceDriver() = default;

  virtual void* obtain(std::int64_t bytes) = 0;  ///< a block aligned to 256 bytes; null when there is none left
  /// Waits until the device has done all that was asked of it.
  virtual void release(void* block, std::int64_t bytes) = 0;
  /// A block is given to somebody, who needs `bytes` bytes of it, and comes back: on `sim` under an address that was never used
  /// before and will never be again. Whoever uses the block next has to be in order with those who used it before.
  virtual void* lend(void* block, std::int64_t bytes) = 0;
  virtual void* take_back(void* address) = 0;  ///< the block, from its address

  virtual void* obtain_pinned(
      std::int64_t bytes) = 0;  ///< memory of the host's that copies read on their own; null: none left
  virtual void release_pinned(void* block) = 0;

  /// Returns at once: the bytes are read from pinned memory when the stream comes to it.
  virtual void upload(void* to, const void* pinned, std::int64_t bytes, DeviceStream stream) = 0;
  /// In the stream `compute`; the bytes are there when it comes to that.
  virtual void download(void* to_host, const void* from, std::int64_t bytes) = 0;

  virtual EventRef record(DeviceStream stream) = 0;
  /// What the stream is asked from now on waits for the event; the host does not.
  virtual void wait(DeviceStream stream, const DeviceEvent& event) = 0;
  virtual void wait(const DeviceEvent& event) = 0;     ///< the host waits
  virtual bool reached(const DeviceEvent& event) = 0;  ///< whether it would not have to

  /// From here to end_recording what this host thread asks of the stream `compute` is noted, and not done.
  virtual void begin_recording() = 0;
  /// Throws Error when something was asked that cannot be noted; nothing is recorded then.
  virtual std::unique_ptr<DeviceRecording> end_recording() = 0;

  virtual std::string room() const { return ""; }  ///< what the device itself says of its memory, for messages
};

namespace sim {
DeviceDriver& driver();
}
namespace cuda {
// In builds with CUDA.
DeviceDriver& driver(int device);
int device_count();
void use(int device);  // kernels of this host thread go there from now on
}  // namespace cuda

}  // namespace stein::detail
