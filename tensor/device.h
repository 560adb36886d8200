// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace stein {

/// Where a tensor's elements live.
struct Device {
  /// cpu: the host's memory. sim: a graphics processor played by the host, with its own memory and every access of a kernel
  /// checked (docs/08_kernels.md). cuda: a graphics processor, in builds with CUDA.
  enum class Kind : std::uint8_t { cpu, sim, cuda };
  Kind kind = Kind::cpu;   ///< which kind
  std::int16_t index = 0;  ///< which of several

  friend bool operator==(const Device&, const Device&) = default;  ///< whether both are the same device
};

/// Where tensors live unless told otherwise.
inline constexpr Device cpu{};
/// The simulated device. (Not called sim: kernels for it lie in a namespace of that name.)
inline constexpr Device simulated{Device::Kind::sim};

/// "cpu", "sim" or "cuda:k".
std::string to_string(const Device& device);

/// How many devices of a kind this machine has: 1 of cpu and of sim; of cuda 0 in builds without CUDA, without a driver or without a GPU.
int device_count(Device::Kind kind);

/// Reads "cpu", "sim", "cuda" or "cuda:k". Throws Error for anything else, and for a device this build does not have.
Device parse_device(std::string_view text);

}  // namespace stein
